//! How a request is claimed, confirmed and released in the stream.

use std::time::SystemTime;

use super::record::{Record, RequestState};
use super::shared::{Settlement, Shared, Written};
use crate::inbox::jetstream::link::Fault;

/// How often a message is written anew because another instance has written one.
const TRIES: usize = 4;

/// What came of claiming a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is claimed, by the message with this sequence.
    New(u64),
    /// An instance has delivered it.
    Duplicate,
    /// Another instance has claimed it.
    InProgress,
}

impl Shared {
    /// Claims a request for so many milliseconds.
    ///
    /// # Errors
    /// When NATS does not answer. The claim may be written nevertheless.
    pub(super) async fn take(&self, subject: &str, claim: &str, holds: u64) -> Result<Taken, Fault> {
        let record = Record { state: RequestState::InProgress, holds, claim: claim.to_owned() };
        let mut expected = 0;
        for _ in 0..TRIES {
            match self.publish(subject.to_owned(), &record, Some(expected)).await {
                Ok(sequence) => return Ok(Taken::New(sequence)),
                Err(Fault::Conflict) => {}
                Err(fault) => return Err(fault),
            }
            expected = match self.last(subject).await? {
                None => 0,
                Some(last) if last.record.holds_at(SystemTime::now(), last.stored) => {
                    return Ok(match last.record.state {
                        RequestState::Delivered => Taken::Duplicate,
                        RequestState::InProgress | RequestState::Released => Taken::InProgress,
                    });
                }
                Some(last) => last.sequence,
            };
        }
        Ok(Taken::InProgress)
    }

    /// Writes what has become of a claimed request. Leaves what others have written, unless the request was delivered and that is not
    /// known yet.
    ///
    /// # Errors
    /// When NATS does not answer. It may be written nevertheless.
    pub(super) async fn settle(&self, settlement: &Settlement) -> Result<(), Fault> {
        let Settlement { subject, claim, written, delivered } = settlement;
        let state = delivered.map_or(RequestState::Released, |_| RequestState::Delivered);
        let record = Record { state, holds: delivered.unwrap_or(0), claim: claim.clone() };
        let mut known = match written {
            Written::Yes(sequence) => Some(*sequence),
            Written::No => Some(0),
            Written::Unknown => None,
        };
        for _ in 0..TRIES {
            let expected = match known.take() {
                Some(sequence) => sequence,
                None => match self.last(subject).await? {
                    Some(last) if last.record.state == state => return Ok(()),
                    Some(last) if delivered.is_some() || last.record.claim == *claim => last.sequence,
                    None if delivered.is_some() => 0,
                    Some(_) | None => return Ok(()),
                },
            };
            match self.publish(subject.clone(), &record, Some(expected)).await {
                Ok(_) => return Ok(()),
                Err(Fault::Conflict) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}
