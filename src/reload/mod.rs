//! Reload: notice a change, read everything again, and use the new settings as a whole or not at all.
//!
//! [`Source::read`] reads settings and files, at the start as well as for a reload, and builds from them what can be
//! built without the network: [`Prepared`]. `Watch` says when a file's content has changed. `Reloader` replaces the
//! generation that the workers serve with.

mod changes;
mod config_metrics;
mod dispatch;
mod error;
mod events;
mod prepared;
mod relay;
mod reloader;
mod signed_routes;
mod source;
mod targets;
mod upstreams;
mod warnings;
mod watch;

pub use self::error::{PrepareError, ReloadError};
pub use self::prepared::Prepared;
pub use self::source::{Reading, Source};

pub(crate) use self::dispatch::DispatchGeneration;
pub(crate) use self::relay::RelayGeneration;
pub(crate) use self::reloader::{FIRST_GENERATION, Reloader, WorkerGeneration};
pub(crate) use self::warnings::Warning;
pub(crate) use self::watch::Watch;
