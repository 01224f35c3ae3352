//! Why a command failed.

use thiserror::Error;

use crate::config::Problems;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// Something at run time.
    #[error("{0}")]
    Failed(String),
}
