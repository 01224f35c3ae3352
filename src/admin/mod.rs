//! The admin listener: the console, health, metrics, status and reload over plain HTTP.
//!
//! It listens on a loopback address or a unix socket, or on any address with a bearer token.

mod access;
mod connections;
mod console;
mod generation;
mod inbox;
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
pub use self::reload::{ReloadOutcome, ReloadRequest};
pub use self::status::Status;

use crate::platform::plain_listener::{Bound, Listener};

/// Whether this is the answer of an admin listener of clawgate to `GET /livez`.
pub fn is_own_answer(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nalive\n")
}

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
