//! Locks a value that another thread may have been changing when it panicked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic cannot leave the values of this module half changed, so that a poisoned lock is no problem.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
