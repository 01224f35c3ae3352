//! The streams of an HTTP/2 connection, and how many bad ones it may have.

use std::error::Error;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::timeout;

use crate::wording;

/// Streams that a client may reset before clawgate has looked at them (CVE-2023-44487); at one more the
/// connection ends. An honest client that gives up on a request does so after a while.
pub(super) const MAX_RESETS_UNSEEN: usize = 20;
/// Streams of one connection that clawgate may have had to reset for the client's mistakes.
pub(super) const MAX_BROKEN: usize = 64;
/// Bounds of [`window`]: 64 KiB are what a client may send in any case before it has heard from the server
/// (RFC 9113 section 6.9.2).
const STREAM_WINDOW: (u64, u64) = (64 * 1024, 1024 * 1024);
/// Bytes of bodies that a client may send on all streams of a connection before any of them is passed on.
pub(super) const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that one stream holds for a client that does not take them.
pub(super) const SEND_BUFFER: usize = 64 * 1024;

/// Bytes of a body that a client may send on one stream before any of them is passed on: as many as the largest body
/// has that is taken, so that none waits for the window. Held while the upstream does not take them.
pub(super) fn window(largest_body: u64) -> u32 {
    u32::try_from(largest_body.clamp(STREAM_WINDOW.0, STREAM_WINDOW.1)).unwrap_or(u32::MAX)
}

/// Runs the streams, none longer than a request may take: where a client opens no window for its answer,
/// nobody else looks at the clock.
#[derive(Clone)]
pub(super) struct Streams(pub(super) Duration);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        #[expect(clippy::disallowed_methods, reason = "ends with its connection, which is waited for")]
        tokio::spawn(timeout(self.0, stream));
    }
}

/// Whether a connection was ended because of what its client did too often.
pub(super) fn is_flood(error: &hyper::Error) -> bool {
    http2(error)
        .is_some_and(|error| error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM) && !error.is_remote())
}

/// What that was.
pub(super) fn why(error: &hyper::Error) -> String {
    format!("the connection was ended: {}", wording::http(error))
}

fn http2(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}
