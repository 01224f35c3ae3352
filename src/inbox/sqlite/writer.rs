//! The thread that writes. It stores all events that have gathered in one transaction, and syncs the file once for them.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::append::{Appends, Prepared};
use super::batch::{Batch, Gathered, Job, Reply, gather};
use super::change::{self, Change};
use super::connect::connect;
use super::counts::{Counts, in_transaction};
use super::fault::{ended, is_damage, store_error};
use super::outcomes::Outcomes;
use super::restore::{Restored, Restores};
use super::room::Room;
use super::upkeep::Upkeep;
use crate::inbox::{Appended, EventId, InboxSettings, Outcome, StoreError};
use crate::wording;

/// How often the thread looks whether another process has changed the database, and whether there is work that must be done now and
/// then.
const TICK: Duration = Duration::from_millis(200);
/// How often it is tried to make room for the events of one transaction.
const ROUNDS: u32 = 3;

/// Who opens a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A clawgate that serves.
    Server,
    /// A command: it leaves everything as it is, but for what it is told to change.
    Visitor,
}

/// The thread that writes, for those who have jobs.
#[derive(Debug)]
pub(super) struct WriterThread {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl WriterThread {
    /// Starts it.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub(super) fn start(
        path: &Path,
        settings: &InboxSettings,
        role: Role,
        changed: watch::Sender<()>,
    ) -> Result<Self, StoreError> {
        let (jobs, receiver) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let (path, settings) = (path.to_owned(), settings.clone());
        let run = move || run((&path, &settings), role, &receiver, &started, &changed);
        let thread = thread::Builder::new()
            .name("inbox-write".to_owned())
            .spawn(run)
            .map_err(|error| StoreError::Unavailable(wording::io(&error)))?;
        start.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Gives it a job. If the thread has ended, the job is dropped, and with it its reply.
    pub(super) fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for WriterThread {
    /// Waits until what was asked for is done and the database is closed.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    (path, settings): (&Path, &InboxSettings),
    role: Role,
    jobs: &Receiver<Job>,
    started: &Sender<Result<(), StoreError>>,
    changed: &watch::Sender<()>,
) {
    let opened = connect(path);
    let writer = match &opened {
        Ok(connection) => {
            Writer::new(connection, (path, settings), role, changed).map_err(|error| store_error(&error))
        }
        Err(error) => Err(store_error(error)),
    };
    match writer {
        Ok(mut writer) => {
            let _ = started.send(Ok(()));
            writer.run(jobs);
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    }
}

/// What `PRAGMA synchronous` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Synchronous {
    /// A transaction is on the disk when it ends.
    Full,
    /// A loss of power may lose the last transactions.
    Normal,
}

struct Writer<'c> {
    connection: &'c Connection,
    changed: &'c watch::Sender<()>,
    counts: Counts<'c>,
    appends: Appends<'c>,
    outcomes: Outcomes<'c>,
    restores: Restores<'c>,
    room: Room,
    upkeep: Option<Upkeep<'c>>,
    synchronous: Synchronous,
    /// Set when the database is found to be damaged: nothing is stored in it any more.
    damaged: bool,
}

impl<'c> Writer<'c> {
    fn new(
        connection: &'c Connection,
        (path, settings): (&Path, &InboxSettings),
        role: Role,
        changed: &'c watch::Sender<()>,
    ) -> rusqlite::Result<Self> {
        let upkeep = match role {
            Role::Server => Some(Upkeep::new(connection, path, settings)?),
            Role::Visitor => None,
        };
        Ok(Self {
            connection,
            changed,
            counts: Counts::new(connection)?,
            appends: Appends::new(connection, settings.retain)?,
            outcomes: Outcomes::new(connection, settings.keep_bodies)?,
            restores: Restores::new(connection)?,
            room: Room::new(path, settings),
            upkeep,
            synchronous: Synchronous::Full,
            damaged: false,
        })
    }

    fn run(&mut self, jobs: &Receiver<Job>) {
        let mut wait = TICK;
        loop {
            match gather(jobs, wait) {
                Gathered::Batch(batch) => self.work(batch),
                Gathered::Idle => wait = if self.idle() { Duration::ZERO } else { TICK },
                Gathered::Closed => break,
            }
        }
        let ended = self.upkeep.as_mut().map_or(Ok(()), Upkeep::end);
        // The WAL stays then. It is read at the next start.
        drop(ended);
    }

    fn work(&mut self, batch: Batch) {
        let bytes = batch.bytes;
        if !batch.appends.is_empty() {
            self.append(batch.appends, bytes);
        }
        if !batch.records.is_empty() {
            self.record(batch.records);
        }
        for (change, reply) in batch.changes {
            let _ = reply.send(self.change(&change));
        }
        for (events, reply) in batch.restores {
            let _ = reply.send(self.restore(&events));
        }
        if let Err(error) = self.upkeep(|upkeep, counts| upkeep.after(bytes, counts)) {
            self.fault(&error);
        }
    }

    fn append(&mut self, appends: Vec<(Box<Prepared>, Reply<Appended>)>, bytes: usize) {
        match self.store(&appends, bytes) {
            Ok(results) => {
                self.changed.send_replace(());
                for ((_, reply), result) in appends.into_iter().zip(results) {
                    let _ = reply.send(result);
                }
            }
            Err(error) => {
                for (_, reply) in appends {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn store(
        &mut self,
        appends: &[(Box<Prepared>, Reply<Appended>)],
        bytes: usize,
    ) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
        if self.damaged {
            return Err(StoreError::Unavailable("the database is damaged".to_owned()));
        }
        self.find_room(bytes).map_err(|error| self.fault(&error))?;
        self.set(Synchronous::Full).map_err(|error| self.fault(&error))?;
        let Self { counts, appends: stores, room, .. } = self;
        let stored = stores.in_transaction(counts, |stores, counts| {
            appends.iter().map(|(event, _)| stores.append(event, counts, room)).collect()
        });
        stored.map_err(|error| {
            // The disk may be full although it did not look so.
            let _ = self.make_room();
            self.fault(&error)
        })
    }

    /// Makes room for so many bytes, if there is not enough and something can be removed.
    fn find_room(&mut self, bytes: usize) -> rusqlite::Result<()> {
        self.room.measure(self.connection)?;
        // Not until all is removed: events wait. The next ones go on with it.
        for _ in 0..ROUNDS {
            if !self.room.needs_more(bytes) {
                break;
            }
            self.make_room()?;
            self.room.measure(self.connection)?;
        }
        Ok(())
    }

    fn make_room(&mut self) -> rusqlite::Result<()> {
        let removed = self.upkeep(|upkeep, counts| upkeep.make_room(counts))?;
        self.room.was_made(removed);
        Ok(())
    }

    fn record(&mut self, records: Vec<(Vec<Outcome>, Reply<()>)>) {
        let done = self.set(Synchronous::Normal).and_then(|()| {
            let Self { connection, counts, outcomes: notes, .. } = self;
            in_transaction(connection, counts, |counts| {
                let mut outcomes = records.iter().flat_map(|(outcomes, _)| outcomes);
                outcomes.try_for_each(|outcome| notes.record(outcome, counts))
            })
        });
        let done = done.map_err(|error| self.fault(&error));
        self.tell_of_others();
        for (_, reply) in records {
            let _ = reply.send(done.clone());
        }
    }

    fn change(&mut self, change: &Change) -> Result<Vec<EventId>, StoreError> {
        let done = self.set(Synchronous::Full).and_then(|()| {
            let Self { connection, counts, .. } = self;
            in_transaction(connection, counts, |counts| change::make(connection, change, counts))
        });
        self.changed.send_replace(());
        done.map_err(|error| self.fault(&error))
    }

    fn restore(&mut self, events: &[Restored]) -> Result<u64, StoreError> {
        let done = self.set(Synchronous::Full).and_then(|()| {
            let Self { counts, appends, restores, .. } = self;
            appends.in_transaction(counts, |appends, counts| {
                events.iter().try_fold(0, |stored, event| {
                    Ok(stored + u64::from(restores.restore(event, appends, counts)?))
                })
            })
        });
        self.changed.send_replace(());
        done.map_err(|error| self.fault(&error))
    }

    /// Upkeep that is lost at a loss of power is done again.
    fn upkeep<T: Default>(
        &mut self,
        work: impl FnOnce(&mut Upkeep<'c>, &mut Counts<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if self.upkeep.is_none() {
            return Ok(T::default());
        }
        self.set(Synchronous::Normal)?;
        match &mut self.upkeep {
            Some(upkeep) => work(upkeep, &mut self.counts),
            None => Ok(T::default()),
        }
    }

    /// The pragma takes effect when it is compiled, so that it cannot be prepared once.
    fn set(&mut self, synchronous: Synchronous) -> rusqlite::Result<()> {
        if self.synchronous != synchronous {
            self.connection.execute_batch(match synchronous {
                Synchronous::Full => "PRAGMA synchronous = FULL",
                Synchronous::Normal => "PRAGMA synchronous = NORMAL",
            })?;
            self.synchronous = synchronous;
        }
        Ok(())
    }

    fn fault(&mut self, error: &rusqlite::Error) -> StoreError {
        self.damaged |= is_damage(error);
        store_error(error)
    }

    /// Returns whether there is more to do.
    fn idle(&mut self) -> bool {
        let done = self.counts.refresh().and_then(|()| self.upkeep(Upkeep::idle));
        let moved = self.move_marks();
        self.tell_of_others();
        match done.and_then(|more| Ok(moved? || more)) {
            Ok(more) => more,
            Err(error) => {
                self.fault(&error);
                false
            }
        }
    }

    /// Returns whether there are more.
    fn move_marks(&mut self) -> rusqlite::Result<bool> {
        if self.upkeep.is_none() || !self.appends.has_marks_to_move() {
            return Ok(false);
        }
        self.set(Synchronous::Normal)?;
        self.appends.move_marks(&mut self.counts)
    }

    /// If another process has changed something, events may be due that were not.
    fn tell_of_others(&mut self) {
        if self.counts.others_have_changed() {
            self.changed.send_replace(());
        }
    }
}
