//! Reads single messages of the stream.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    DeleteMessageErrorKind, DirectGetErrorKind, LastRawMessageErrorKind, RawMessageErrorKind,
};

use super::link::{Link, unavailable};
use super::messages::{EventHead, FIELD, read, read_request, read_tries};
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
        let subject = Subject::Event(*mark).of(&self.name);
        match self.stream().await?.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => {
                let event = head(&message).map_err(|error| unavailable(&error))?;
                Ok(Some(Last { sequence: message.sequence, event }))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The request in the message with this sequence.
    pub(super) async fn content(&self, sequence: u64) -> Result<Content, StoreError> {
        let Some(message) = self.message(sequence).await? else { return Ok(Content::Gone) };
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
            Err(error) => match error.kind() {
                // The server has no code of its own for a message that is not there.
                DeleteMessageErrorKind::JetStream(_) => Ok(false),
                _ => Err(unavailable(&error)),
            },
        }
    }

    async fn message(&self, sequence: u64) -> Result<Option<StreamMessage>, StoreError> {
        let stream = self.stream().await?;
        match stream.direct_get(sequence).await {
            Ok(message) => return Ok(Some(message)),
            // A replica may not have it yet.
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {}
            Err(error) => return Err(unavailable(&error)),
        }
        match stream.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn head(message: &StreamMessage) -> Result<EventHead, super::messages::Unreadable> {
    read(message.headers.get(FIELD).map(|value| value.as_str()).unwrap_or_default())
}
