//! Why a command failed.

use thiserror::Error;

use super::export::ExportError;
use crate::config::Problems;
use crate::inbox::StoreError;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The settings do not say where the database is.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// The command line is not complete.
    #[error("{0}")]
    Usage(String),
    /// Something at run time.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ExportError> for CommandError {
    fn from(error: ExportError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("the result cannot be written as JSON: {error}"))
    }
}
