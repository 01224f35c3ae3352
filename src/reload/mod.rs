//! Reload: which files to watch, whether their content changed, what a new set of settings changes.

pub mod changes;
pub mod watch;
