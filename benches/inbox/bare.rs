//! The least that a store could do.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::senders::Target;

type Job = (Bytes, oneshot::Sender<()>);

/// About what the inbox stores of a request besides its body: header fields, ids and keys.
pub(crate) const HEAD: [u8; 800] = [b'h'; 800];

/// One table in SQLite, with the same settings as the inbox.
#[derive(Clone)]
pub(crate) struct BareSqlite(Sender<Job>);

/// A file that is written and synced.
#[derive(Clone)]
pub(crate) struct BareFile(Sender<Job>);

impl BareSqlite {
    pub(crate) fn new(folder: &Path) -> Self {
        let (sender, jobs) = channel();
        let connection = Connection::open(folder.join("bare.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA page_size = 8192;
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 2048;
                 CREATE TABLE event (seq INTEGER PRIMARY KEY, head BLOB NOT NULL, body BLOB NOT NULL);",
            )
            .unwrap();
        thread::spawn(move || {
            let mut insert =
                connection.prepare("INSERT INTO event (head, body) VALUES (?1, ?2)").unwrap();
            serve(&jobs, |batch| {
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                for (body, _) in batch {
                    insert.execute((&HEAD[..], &body[..])).unwrap();
                }
                connection.execute_batch("COMMIT").unwrap();
            });
        });
        Self(sender)
    }
}

impl BareFile {
    pub(crate) fn new(folder: &Path) -> Self {
        let (sender, jobs) = channel();
        let mut file = File::create(folder.join("bare.log")).unwrap();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            serve(&jobs, |batch| {
                bytes.clear();
                for (body, _) in batch {
                    bytes.extend_from_slice(&HEAD);
                    bytes.extend_from_slice(body);
                }
                file.write_all(&bytes).unwrap();
                file.sync_data().unwrap();
            });
        });
        Self(sender)
    }
}

/// Commits what has gathered, and answers.
fn serve(jobs: &Receiver<Job>, mut commit: impl FnMut(&[Job])) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < 1_000
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        commit(&batch);
        for (_, reply) in batch {
            let _ = reply.send(());
        }
    }
}

impl Target for BareSqlite {
    async fn store(&self, _: u64, body: Bytes) {
        send(&self.0, body).await;
    }
}

impl Target for BareFile {
    async fn store(&self, _: u64, body: Bytes) {
        send(&self.0, body).await;
    }
}

async fn send(jobs: &Sender<Job>, body: Bytes) {
    let (reply, done) = oneshot::channel();
    jobs.send((body, reply)).unwrap();
    done.await.unwrap();
}
