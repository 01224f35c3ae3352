//! The right to deliver: a lock on a file beside the database. The kernel releases it when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The right to deliver.
#[derive(Debug)]
pub(super) struct DeliveryLock {
    path: PathBuf,
    held: Mutex<Option<File>>,
}

impl DeliveryLock {
    /// The lock for a database; it is not taken.
    pub(super) fn beside(database: &Path) -> Self {
        Self { path: database.with_file_name("inbox.lock"), held: Mutex::new(None) }
    }

    /// Tries to take it; true if this process has it.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub(super) fn take(&self) -> io::Result<bool> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(true);
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        match file.try_lock() {
            Ok(()) => {
                *held = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Gives it back.
    pub(super) fn release(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
