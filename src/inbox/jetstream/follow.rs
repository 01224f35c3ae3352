//! Follows the stream: applies its messages to the index, without their payloads.

use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::index::Index;
use super::link::Link;
use super::messages::{FIELD, Unreadable, read};
use super::subjects::Subject;

/// For how long messages that only tell others of something are kept.
pub(super) const TOLD: Duration = Duration::from_secs(300);
/// After this long without a message everything is read again: what only tells of something may be gone. It is shorter than [`TOLD`],
/// and much longer than the time between two messages about the right to deliver.
const OUT_OF_TOUCH: Duration = Duration::from_secs(120);
/// How long to wait for a message before it is looked whether there should have been one. It is longer than the time between two
/// messages about the right to deliver, so that usually it is not looked at all.
const SILENCE: Duration = Duration::from_secs(3);

/// What is remembered from one consumer to the next.
#[derive(Debug)]
pub(super) struct Following {
    last_message: Instant,
    /// The last sequence of the stream for which a consumer was made anew.
    looked_for: u64,
}

impl Default for Following {
    fn default() -> Self {
        Self { last_message: Instant::now(), looked_for: 0 }
    }
}

impl Link {
    /// Applies messages until another consumer is needed: that of before ends with its server, and then sends nothing.
    ///
    /// # Errors
    /// What has failed.
    pub(super) async fn follow(&self, following: &mut Following) -> Result<(), String> {
        if following.last_message.elapsed() > OUT_OF_TOUCH {
            self.begin_anew();
        }
        let mut connections = self.log.connections();
        tokio::select! {
            read = self.read_on(following) => read,
            // The sender is part of `self`.
            _ = connections.changed() => Ok(()),
        }
    }

    async fn read_on(&self, following: &mut Following) -> Result<(), String> {
        let stream = self.stream().await.map_err(|error| error.to_string())?;
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
            self.read_up_to(read, true);
        }
        loop {
            let next = match timeout(SILENCE, messages.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(None) => return Err("the server has ended the consumer".to_owned()),
                Err(_) if self.is_behind(following).await? => return Ok(()),
                Err(_) => {
                    following.last_message = Instant::now();
                    continue;
                }
            };
            if following.last_message.elapsed() > OUT_OF_TOUCH && self.progress.borrow().is_loaded {
                self.begin_anew();
                return Err("no message has arrived for a long time".to_owned());
            }
            following.last_message = Instant::now();
            self.apply(&next)?;
        }
    }

    /// Applies one message.
    fn apply(&self, message: &Message) -> Result<(), String> {
        let info = message.info().map_err(|error| error.to_string())?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
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
        applied.map_err(|error| format!("{error}: {} {sequence}", message.subject))?;
        self.read_up_to(sequence, pending == 0);
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
        self.progress.send_modify(|progress| (progress.sequence, progress.is_loaded) = (0, false));
    }

    /// Whether the stream has messages that have not arrived. The library notices that the server has lost the consumer, but only after
    /// half a minute. If the last messages were removed, it seems so, too: for each of them a consumer is made anew once.
    async fn is_behind(&self, following: &mut Following) -> Result<bool, String> {
        let last = self.info().await.map_err(|error| error.to_string())?.state.last_sequence;
        let is_behind = last > self.progress.borrow().sequence.max(following.looked_for);
        if is_behind {
            following.looked_for = last;
        }
        Ok(is_behind)
    }
}
