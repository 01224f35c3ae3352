//! The thread that writes. It stores all events that have gathered in one transaction, and syncs the file once for them.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::append::{Appends, Prepared};
use super::batch::{Batch, Gathered, Job, Reply, gather};
use super::change;
use super::connect::connect;
use super::counts::{Counts, in_transaction};
use super::fault::{ended, is_damage, store_error};
use super::outcomes::Outcomes;
use crate::inbox::{Appended, InboxSettings, Outcome, StoreError};
use crate::wording;

/// How often the thread looks whether another process has changed the database, and whether there is work that must be done now and
/// then.
const TICK: Duration = Duration::from_millis(200);

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
        settings: &InboxSettings,
        changed: watch::Sender<()>,
    ) -> Result<Self, StoreError> {
        let (jobs, receiver) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let settings = settings.clone();
        let run = move || run(&settings, &receiver, &started, &changed);
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
    settings: &InboxSettings,
    jobs: &Receiver<Job>,
    started: &Sender<Result<(), StoreError>>,
    changed: &watch::Sender<()>,
) {
    let opened = connect(&settings.path);
    let writer = match &opened {
        Ok(connection) => {
            Writer::new(connection, settings, changed).map_err(|error| store_error(&error))
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
    synchronous: Synchronous,
    max_events: i64,
    /// Set when the database is found to be damaged: nothing is stored in it any more.
    damaged: bool,
}

impl<'c> Writer<'c> {
    fn new(
        connection: &'c Connection,
        settings: &InboxSettings,
        changed: &'c watch::Sender<()>,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            changed,
            counts: Counts::new(connection)?,
            appends: Appends::new(connection, settings.retain)?,
            outcomes: Outcomes::new(connection, settings.keep_bodies)?,
            synchronous: Synchronous::Full,
            max_events: i64::try_from(settings.max_events).unwrap_or(i64::MAX),
            damaged: false,
        })
    }

    fn run(&mut self, jobs: &Receiver<Job>) {
        loop {
            match gather(jobs, TICK) {
                Gathered::Batch(batch) => self.work(batch),
                Gathered::Idle => self.idle(),
                Gathered::Closed => break,
            }
        }
        // An empty WAL lets the next start begin at once. Another process may still use it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    fn work(&mut self, batch: Batch) {
        let Batch { appends, records, changes, .. } = batch;
        if !appends.is_empty() {
            self.append(appends);
        }
        if !records.is_empty() {
            self.record(records);
        }
        for (change, reply) in changes {
            let done = self.set(Synchronous::Full).and_then(|()| {
                in_transaction(self.connection, &mut self.counts, |counts| {
                    change::make(self.connection, &change, counts)
                })
            });
            let _ = reply.send(done.map_err(|error| self.fault(&error)));
            self.changed.send_replace(());
        }
    }

    fn append(&mut self, appends: Vec<(Box<Prepared>, Reply<Appended>)>) {
        let max = self.max_events;
        let room = |counts: &Counts<'_>| {
            if counts.kept() < max {
                return Ok(());
            }
            Err(format!("it has {max} events that wait or are dead (inbox.max_events)"))
        };
        let done = if self.damaged {
            Err(StoreError::Unavailable("the database is damaged".to_owned()))
        } else {
            let writer = &mut *self;
            let done = writer.set(Synchronous::Full).and_then(|()| {
                in_transaction(writer.connection, &mut writer.counts, |counts| {
                    appends.iter().map(|(event, _)| writer.appends.append(event, counts, room)).collect()
                })
            });
            done.map_err(|error| self.fault(&error))
        };
        match done {
            Ok(results) => {
                let results: Vec<Result<_, _>> = results;
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

    fn record(&mut self, records: Vec<(Vec<Outcome>, Reply<()>)>) {
        let writer = &mut *self;
        let done = writer.set(Synchronous::Normal).and_then(|()| {
            in_transaction(writer.connection, &mut writer.counts, |counts| {
                let mut outcomes = records.iter().flat_map(|(outcomes, _)| outcomes);
                outcomes.try_for_each(|outcome| writer.outcomes.record(outcome, counts))
            })
        });
        let done = done.map_err(|error| self.fault(&error));
        for (_, reply) in records {
            let _ = reply.send(done.clone());
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

    fn idle(&mut self) {
        match self.counts.refresh() {
            Ok(true) => {
                self.changed.send_replace(());
            }
            Ok(false) => {}
            Err(error) => {
                self.fault(&error);
            }
        }
    }
}
