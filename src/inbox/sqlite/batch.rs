//! What has gathered for the thread that writes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::oneshot;

use super::append::Prepared;
use super::change::Change;
use super::restore::Restored;
use crate::inbox::{Appended, EventId, Outcome, StoreError};

/// The most events in one transaction. More wait for the next one, so that the first ones do not wait for the last ones.
const MAX_EVENTS: usize = 1_000;
/// The most bytes in one transaction, about.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Where the result of a job goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Where the number of restored events goes: to a thread that waits, not to a task.
pub(super) type Restoring = Sender<Result<u64, StoreError>>;

/// A job for the thread that writes.
#[derive(Debug)]
pub(super) enum Job {
    /// Store an event.
    Append(Box<Prepared>, Reply<Appended>),
    /// Note what has become of tries.
    Record(Vec<Outcome>, Reply<()>),
    /// Change events at an operator's wish; the reply has their ids.
    Change(Box<Change>, Reply<Vec<EventId>>),
    /// Store events of a damaged database; the reply has how many of them were not there.
    Restore(Vec<Restored>, Restoring),
}

/// Jobs that are done together: each kind in a transaction of its own.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Events to store.
    pub(super) appends: Vec<(Box<Prepared>, Reply<Appended>)>,
    /// What has become of tries.
    pub(super) records: Vec<(Vec<Outcome>, Reply<()>)>,
    /// Changes at an operator's wish.
    pub(super) changes: Vec<(Box<Change>, Reply<Vec<EventId>>)>,
    /// Events of a damaged database.
    pub(super) restores: Vec<(Vec<Restored>, Restoring)>,
    /// About how many bytes the new events take.
    pub(super) bytes: usize,
    outcomes: usize,
}

/// What came of waiting for jobs.
pub(super) enum Gathered {
    /// Jobs.
    Batch(Batch),
    /// No job within the time.
    Idle,
    /// There will be no more jobs.
    Closed,
}

/// Waits for a job, and takes all others that are there. There is no need to wait for more: what gathers during one
/// transaction is the next batch.
pub(super) fn gather(jobs: &Receiver<Job>, wait: Duration) -> Gathered {
    let mut batch = Batch::default();
    match jobs.recv_timeout(wait) {
        Ok(job) => batch.add(job),
        Err(RecvTimeoutError::Timeout) => return Gathered::Idle,
        Err(RecvTimeoutError::Disconnected) => return Gathered::Closed,
    }
    while !batch.is_full() {
        match jobs.try_recv() {
            Ok(job) => batch.add(job),
            // If there will be no more jobs, the next call says so.
            Err(_) => break,
        }
    }
    Gathered::Batch(batch)
}

impl Batch {
    fn add(&mut self, job: Job) {
        match job {
            Job::Append(event, reply) => {
                self.bytes += event.size();
                self.appends.push((event, reply));
            }
            Job::Record(outcomes, reply) => {
                self.outcomes += outcomes.len();
                self.records.push((outcomes, reply));
            }
            Job::Change(change, reply) => self.changes.push((change, reply)),
            Job::Restore(events, reply) => self.restores.push((events, reply)),
        }
    }

    fn is_full(&self) -> bool {
        self.appends.len() + self.outcomes >= MAX_EVENTS
            || self.bytes >= MAX_BYTES
            || !self.changes.is_empty()
            || !self.restores.is_empty()
    }
}
