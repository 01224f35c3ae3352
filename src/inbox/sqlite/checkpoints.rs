//! A thread that moves the WAL into the database, so that no event waits for it.

use std::path::PathBuf;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use super::connect::connect;
use super::space::{Checkpoint, wal};

/// The thread, for the one that writes.
pub(super) struct Checkpoints {
    wanted: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts it, for this database. `None` if the system has no thread for it.
    pub(super) fn start(path: PathBuf) -> Option<Self> {
        let (wanted, asked) = mpsc::sync_channel(1);
        let run = move || {
            let Ok(connection) = connect(&path) else { return };
            for () in asked {
                // What has failed is tried again, or done by the thread that writes.
                let _ = wal(&connection, Checkpoint::Passive);
            }
        };
        let thread = thread::Builder::new().name("inbox-move".to_owned()).spawn(run).ok()?;
        Some(Self { wanted: Some(wanted), thread: Some(thread) })
    }

    /// Lets it move what the WAL has now. If it is at that already, it does so once more.
    pub(super) fn begin(&self) {
        if let Some(wanted) = &self.wanted {
            let _ = wanted.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wanted = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
