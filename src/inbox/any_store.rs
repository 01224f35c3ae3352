//! Opens the store that the settings name.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

#[cfg(feature = "jetstream")]
use super::jetstream::{JetStreamOpenError, JetStreamStore};
use super::settings::{InboxSettings, StorePlace};
use super::sqlite::{OpenError, SqliteStore};
use super::store::Store;

/// A store that was opened to serve.
#[derive(Debug)]
pub struct OpenedStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Where a damaged database was moved to.
    pub set_aside: Option<PathBuf>,
}

/// Why a store cannot be opened. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreOpenError {
    /// A database.
    #[error(transparent)]
    Sqlite(#[from] OpenError),
    /// A stream.
    #[cfg(feature = "jetstream")]
    #[error(transparent)]
    JetStream(#[from] JetStreamOpenError),
    /// A stream, and this clawgate knows none.
    #[cfg(not(feature = "jetstream"))]
    #[error("this build has no JetStream: build with --features jetstream")]
    NotBuilt,
}

/// Opens the store to store events in it and to deliver them.
///
/// # Errors
/// When it cannot be used.
pub fn open(settings: &InboxSettings) -> Result<OpenedStore, StoreOpenError> {
    match &settings.place {
        StorePlace::Sqlite { path } => {
            let (store, opened) = SqliteStore::open(path, settings)?;
            Ok(OpenedStore { store: Arc::new(store), set_aside: opened.set_aside })
        }
        #[cfg(feature = "jetstream")]
        StorePlace::JetStream(nats) => {
            let store = JetStreamStore::open(settings, nats)?;
            Ok(OpenedStore { store: Arc::new(store), set_aside: None })
        }
        #[cfg(not(feature = "jetstream"))]
        StorePlace::JetStream(_) => Err(StoreOpenError::NotBuilt),
    }
}

/// Opens a store that exists, beside clawgates that use it or without one. It does not deliver.
///
/// # Errors
/// When there is none, or it cannot be used.
pub fn attach(place: &StorePlace) -> Result<Arc<dyn Store>, StoreOpenError> {
    match place {
        StorePlace::Sqlite { path } => Ok(Arc::new(SqliteStore::attach(path)?)),
        #[cfg(feature = "jetstream")]
        StorePlace::JetStream(nats) => Ok(Arc::new(JetStreamStore::attach(nats)?)),
        #[cfg(not(feature = "jetstream"))]
        StorePlace::JetStream(_) => Err(StoreOpenError::NotBuilt),
    }
}
