//! Follows the stream: applies its messages to the index, without their payloads.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::datetime::DateTime;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::index::Index;
use super::link::Link;
use super::messages::{FIELD, Unreadable, read};
use super::subjects::Subject;
use crate::inbox::StoreError;

/// For how long messages that only tell others of something are kept.
pub(super) const TOLD: Duration = Duration::from_secs(300);
/// After this long without a message everything is read again: what only tells of something may be gone. It is shorter than [`TOLD`],
/// and much longer than the time between two messages about the right to deliver.
const OUT_OF_TOUCH: Duration = Duration::from_secs(120);
/// How long to wait for a message before it is looked whether there should have been one. It is longer than the time between two
/// messages about the right to deliver, so that usually it is not looked at all.
const SILENCE: Duration = Duration::from_secs(3);

const BEHIND: &str = "the NATS server that sends what the stream has is behind the others";

/// Why messages are not read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// They are to be read from where they ended; nothing is wrong.
    Again,
    /// Something is wrong, which this sentence says.
    Fault(String),
}

/// What is remembered between two times of reading.
#[derive(Debug)]
pub(super) struct Following {
    /// When the last message arrived.
    last_message: Instant,
    /// When the stream was made.
    created: Option<DateTime>,
    /// The last messages: their sequences, subjects and times.
    last: VecDeque<(u64, String, DateTime)>,
}

/// How many messages are remembered, to notice that others have taken their place.
const LAST: usize = 8;

impl Following {
    /// Nothing was read yet.
    pub(super) fn new() -> Self {
        Self { last_message: Instant::now(), created: None, last: VecDeque::new() }
    }

    fn note(&mut self, sequence: u64, message: &Message, time: DateTime) {
        self.last_message = Instant::now();
        self.last.push_back((sequence, message.subject.to_string(), time));
        if self.last.len() > LAST {
            self.last.pop_front();
        }
    }

    fn is_out_of_touch(&self) -> bool {
        self.last_message.elapsed() > OUT_OF_TOUCH
    }
}

impl Link {
    /// Applies messages until there is a reason to stop.
    pub(super) async fn follow(&self, following: &mut Following) -> Stopped {
        let mut connections = self.log.connections();
        tokio::select! {
            stopped = self.read_on(following) => stopped.unwrap_or_else(Stopped::Fault),
            // The consumer of before has perhaps ended with its server. (The sender is part of `self`.)
            _ = connections.changed() => Stopped::Again,
            () = self.space.purged.notified() => Stopped::Again,
        }
    }

    async fn read_on(&self, following: &mut Following) -> Result<Stopped, String> {
        let stream = self.stream().await.map_err(|error| error.to_string())?;
        let info = self.info().await.map_err(|error| error.to_string())?;
        let (end, created) = (info.state.last_sequence, Some(info.created));
        // Somebody has made the stream anew or has purged it, or its end was lost with the disk of a server.
        let is_other = following.created.is_some() && following.created != created;
        let is_shorter = end < self.progress.borrow().sequence || self.is_purged(info.state.messages);
        let is_rewritten = self.is_rewritten(following).await.map_err(|error| error.to_string())?;
        if is_other || is_shorter || is_rewritten || following.is_out_of_touch() {
            self.begin_anew();
            following.last.clear();
        }
        following.created = created;
        let read = self.progress.borrow().sequence;
        let config = pull::OrderedConfig {
            description: Some("clawgate follows its inbox".to_owned()),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: read + 1 },
            headers_only: true,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| error.to_string())?;
        let pending = consumer.cached_info().num_pending;
        let mut messages = consumer.messages().await.map_err(|error| error.to_string())?;
        if pending == 0 {
            self.check_end(read, end).await?;
        }
        loop {
            let next = match timeout(SILENCE, messages.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(None) => return Err("the server has ended the consumer".to_owned()),
                Err(_) => {
                    // The library makes a consumer anew that the server has lost, but that takes it up to a minute.
                    let now = self.info().await.map_err(|error| error.to_string())?.state.last_sequence;
                    if now != self.progress.borrow().sequence {
                        return Ok(Stopped::Again);
                    }
                    self.read_up_to(now, true);
                    following.last_message = Instant::now();
                    continue;
                }
            };
            if following.is_out_of_touch() && self.progress.borrow().is_loaded {
                return Ok(Stopped::Again);
            }
            let info = next.info().map_err(|error| error.to_string())?;
            let (sequence, pending) = (info.stream_sequence, info.pending);
            following.note(sequence, &next, info.published);
            self.apply(&next, sequence, end)?;
            if pending == 0 && !self.progress.borrow().is_loaded {
                self.check_end(sequence, end).await?;
            }
        }
    }

    /// Whether another message has the place of one that was read: the end of the stream was lost with the disk of a server, and another
    /// process has written since.
    async fn is_rewritten(&self, following: &Following) -> Result<bool, StoreError> {
        for (sequence, subject, time) in &following.last {
            if let Some(message) = self.decided(*sequence).await?
                && (*message.subject != **subject || message.time != *time)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes that all is read up to `end`, though the last message was that with the sequence `read`, if the messages in between do not
    /// exist any more. The server that sends the messages does not know that: it may be behind the one that decides about the stream, which
    /// has told the end.
    async fn check_end(&self, read: u64, end: u64) -> Result<(), String> {
        if read < end && !self.has_none_between(read, end).await.map_err(|error| error.to_string())? {
            return Err(BEHIND.to_owned());
        }
        self.read_up_to(end, true);
        Ok(())
    }

    /// Applies one message, which has this sequence. `end`: the last sequence of the stream when this process began to read.
    fn apply(&self, message: &Message, sequence: u64, end: u64) -> Result<(), String> {
        // Servers before 2.10 can go on to say that messages are pending after the last one.
        let is_last = sequence >= end;
        // The library begins with the first message if it makes a consumer anew before it has got any.
        if sequence <= self.progress.borrow().sequence {
            self.read_up_to(sequence, is_last);
            return Ok(());
        }
        let field = message.headers.as_ref().and_then(|headers| headers.get(FIELD));
        let text = field.map(|value| value.as_str()).unwrap_or_default();
        let applied = match Subject::parse(&message.subject, &self.name) {
            Some(Subject::Event(mark)) => {
                read(text).map(|event| self.index().apply_event(mark, sequence, event))
            }
            Some(Subject::State(mark)) => {
                read(text).map(|state| self.index().apply_state(mark, sequence, state))
            }
            Some(Subject::Right) => read(text).map(|right| self.index().apply_right(sequence, right)),
            None => Err(Unreadable::Foreign),
        };
        match applied {
            Ok(()) => {}
            // It changes nothing.
            Err(Unreadable::Foreign) => self.log.ignores(&message.subject, sequence),
            Err(newer) => return Err(format!("{newer}: {} {sequence}", message.subject)),
        }
        self.read_up_to(sequence, is_last);
        Ok(())
    }

    fn read_up_to(&self, sequence: u64, is_last: bool) {
        self.progress.send_modify(|progress| {
            progress.sequence = progress.sequence.max(sequence);
            progress.is_loaded |= is_last;
        });
        self.changed.send_replace(());
    }

    fn begin_anew(&self) {
        *self.index() = Index::default();
        self.forget_acked();
        self.progress.send_modify(|progress| (progress.sequence, progress.is_loaded) = (0, false));
    }
}
