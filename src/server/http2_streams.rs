//! Limits for the streams of an HTTP/2 connection.

use std::error::Error;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::timeout;

use crate::wording;

/// Streams that a client may reset before clawgate has seen them (CVE-2023-44487); one more ends the connection. An honest
/// client gives up a request only after a while.
pub(super) const MAX_RESETS_UNSEEN: usize = 20;
/// Streams of one connection that clawgate resets because of errors of the client, before it ends the connection.
pub(super) const MAX_BROKEN: usize = 64;
/// The smallest [`window`]: a client may send that much before it has received the server's settings (RFC 9113 section
/// 6.9.2).
const MIN_STREAM_WINDOW: u64 = 64 * 1024;
/// The largest.
const MAX_STREAM_WINDOW: u64 = 1024 * 1024;
/// Bytes of bodies that clawgate holds for all streams of a connection until the upstreams read them.
pub(super) const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that clawgate holds for one stream until the client reads them.
pub(super) const SEND_BUFFER: usize = 64 * 1024;

/// Bytes of a body that clawgate holds for one stream until the upstream reads them: enough for the largest body, so that no
/// client has to wait for a larger window.
pub(super) fn window(largest_body: u64) -> u32 {
    u32::try_from(largest_body.clamp(MIN_STREAM_WINDOW, MAX_STREAM_WINDOW)).unwrap_or(u32::MAX)
}

/// Runs the streams, each for at most the time of a request. No other timeout ends a stream whose client opens no window for
/// its answer.
#[derive(Clone)]
pub(super) struct Streams(pub(super) Duration);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with its connection, which draining waits for"
        )]
        tokio::spawn(timeout(self.0, stream));
    }
}

/// Whether a connection was ended because its client exceeded a limit of h2.
pub(super) fn is_flood(error: &hyper::Error) -> bool {
    http2(error)
        .is_some_and(|error| error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM) && !error.is_remote())
}

/// Which limit that was.
pub(super) fn why(error: &hyper::Error) -> String {
    format!("the connection was ended: {}", wording::http(error))
}

fn http2(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}
