//! The admin listener: the console, health, metrics, status and reload over plain HTTP.
//!
//! It listens on a loopback address or a unix socket, or on any address with a bearer token.

mod access;
mod connections;
mod console;
mod generation;
mod inbox;
mod listener;
mod lock;
mod readiness;
mod reload;
mod reply;
mod status;

use std::io;
use std::sync::Arc;

pub use self::console::Console;
pub use self::generation::GenerationStatus;
pub use self::inbox::InboxStatus;
pub use self::listener::Bound;
pub use self::reload::{ReloadOutcome, ReloadRequest};
pub use self::status::Status;

use self::listener::Listener;

/// Serves until the control runtime ends, so that health can be asked for while clawgate drains.
///
/// # Errors
/// When the socket cannot be used.
pub fn serve(bound: Bound, status: Arc<Status>) -> io::Result<impl Future<Output = ()> + Send> {
    let listener = Listener::new(bound)?;
    Ok(async move {
        tokio::join!(
            connections::accept(listener, Arc::clone(&status)),
            status.console.sample(&status.metrics),
        );
    })
}
