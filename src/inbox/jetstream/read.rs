//! Reads single messages of the stream.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind, RawMessageErrorKind};
use serde::de::DeserializeOwned;

use super::index::Entry;
use super::link::{Link, unavailable};
use super::messages::{EventHead, FIELD, RightHead, read as read_head, read_request, read_tries};
use super::subjects::{Mark, Subject};
use crate::inbox::{Attempt, StoreError, StoredRequest};

/// The last message about an event.
pub(super) struct Last {
    pub(super) sequence: u64,
    pub(super) event: EventHead,
}

/// The request of an event.
#[derive(Debug)]
pub(super) enum Content {
    Request(Box<StoredRequest>),
    /// It cannot be read.
    Damaged,
    /// The message does not exist any more.
    Gone,
}

impl Link {
    /// The last message about the event with this mark, as the server that decides about the stream has it.
    pub(super) async fn last_of(&self, mark: &Mark) -> Result<Option<Last>, StoreError> {
        let last = self.last_on(Subject::Event(*mark)).await?;
        Ok(last.map(|(sequence, event)| Last { sequence, event }))
    }

    /// The last message of a subject, as the server that decides about the stream has it: its sequence and its head.
    async fn last_on<T: DeserializeOwned>(
        &self,
        subject: Subject,
    ) -> Result<Option<(u64, T)>, StoreError> {
        let subject = subject.of(&self.name);
        match self.stream().await?.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => {
                let text = message.headers.get(FIELD).map(|value| value.as_str()).unwrap_or_default();
                let head = read_head(text).map_err(|error| unavailable(&error))?;
                Ok(Some((message.sequence, head)))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Whether the stream has no message with a sequence after `read` up to `end` any more. False also if that is not known at present.
    pub(super) async fn has_none_between(&self, read: u64, end: u64) -> Result<bool, StoreError> {
        let before = self.decides(end).await?;
        let has_more = self.has_message_after(read).await?;
        Ok(!has_more && before.is_some() && before == self.decides(end).await?)
    }

    /// Whether the event with this mark, of which this process knows by the message with this sequence, does not exist any more. False
    /// also if that is not known at present.
    pub(super) async fn is_gone(&self, mark: &Mark, sequence: u64) -> Result<bool, StoreError> {
        let before = self.decides(sequence).await?;
        let exists = self.last_of(mark).await?.is_some();
        Ok(!exists && before.is_some() && before == self.decides(sequence).await?)
    }

    /// The name of the server that decides about the stream, empty if there is only one; `None` if it has not got as far as this message.
    /// A server that has just begun to decide may not have all messages in its stream yet that others have confirmed.
    async fn decides(&self, sequence: u64) -> Result<Option<String>, StoreError> {
        let info = self.info().await?;
        let name = info.cluster.and_then(|cluster| cluster.leader).unwrap_or_default();
        Ok((info.state.last_sequence >= sequence).then_some(name))
    }

    async fn has_message_after(&self, sequence: u64) -> Result<bool, StoreError> {
        let any = format!("{}.>", self.name);
        match self.stream().await?.get_first_raw_message_by_subject(any, sequence + 1).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The request of an event.
    pub(super) async fn content(&self, entry: &Entry) -> Result<Content, StoreError> {
        let subject = Subject::Event(entry.mark).of(&self.name);
        let message = self.message(entry.revision).await?;
        let Some(message) = message.filter(|message| *message.subject == *subject) else {
            return Ok(Content::Gone);
        };
        let request = read_request(&message.payload).map(Box::new);
        Ok(request.map_or(Content::Damaged, Content::Request))
    }

    /// The tries in the message with this sequence; none if it is 0.
    pub(super) async fn tries(&self, sequence: u64) -> Result<Vec<Attempt>, StoreError> {
        if sequence == 0 {
            return Ok(Vec::new());
        }
        let message = self.message(sequence).await?;
        Ok(message.map(|message| read_tries(&message.payload)).unwrap_or_default())
    }

    /// Removes the message with this sequence; the servers overwrite it on their disks. False if there is none.
    pub(super) async fn erase(&self, sequence: u64) -> Result<bool, StoreError> {
        match self.stream().await?.delete_message(sequence).await {
            Ok(is_removed) => Ok(is_removed),
            // The server has no code of its own for a message that is not there.
            Err(error) if self.message(sequence).await?.is_some() => Err(unavailable(&error)),
            Err(_) => Ok(false),
        }
    }

    /// Corrects the index where another process has changed what it knows, without waiting for the messages to arrive.
    pub(super) async fn refresh(&self, mark: &Mark) -> Result<(), StoreError> {
        let event = self.last_of(mark).await?.map(|last| (last.sequence, last.event));
        let known = self.index().revision(mark);
        if let (None, Some(known)) = (&event, known)
            && !self.is_gone(mark, known).await?
        {
            return Ok(());
        }
        let state = self.last_on(Subject::State(*mark)).await?;
        self.index().correct(*mark, event, state);
        Ok(())
    }

    /// The same for the right to deliver.
    pub(super) async fn refresh_right(&self) -> Result<(), StoreError> {
        let (revision, right) = self.last_on(Subject::Right).await?.unwrap_or((0, RightHead::of(None)));
        let mut index = self.index();
        if index.right.revision != revision {
            index.correct_right(revision, right);
        }
        Ok(())
    }

    async fn message(&self, sequence: u64) -> Result<Option<StreamMessage>, StoreError> {
        let stream = self.stream().await?;
        match stream.direct_get(sequence).await {
            Ok(message) => return Ok(Some(message)),
            // A replica may not have it yet.
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {}
            Err(error) => return Err(unavailable(&error)),
        }
        self.decided(sequence).await
    }

    /// The message with this sequence, as the server that decides about the stream has it.
    pub(super) async fn decided(&self, sequence: u64) -> Result<Option<StreamMessage>, StoreError> {
        match self.stream().await?.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }
}
