//! Connections of clients that are not admitted: how many there may be, and how a refused one is closed.
//!
//! A refused connection keeps its place among the handshakes until it is closed. So one limit holds for everything that a
//! client without a good certificate can have open, and the oldest is closed first.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::lingering_close::WRITE_TIMEOUT;
use super::{lingering_close, refusal_over_http};
use crate::limits::StartupLimits;
use crate::limits::eviction::{Entry, OldestFirst};
use crate::telemetry::metrics::{Counted, Metrics};
use crate::telemetry::{HandshakeReason, Limit};
use crate::tls::Remains;

/// Bytes that all handshakes in progress may hold, for each that the limit allows: twice what an honest one holds.
const HANDSHAKE_BYTES: usize = 4 * 1024;
/// The least that this comes to: enough for some handshakes with the largest messages at once.
const MIN_HANDSHAKE_BYTES: usize = 1024 * 1024;
/// A refusal over HTTP takes as much memory as this many handshakes.
const HTTP_REFUSAL_WEIGHT: usize = 16;
/// At least this many refusals over HTTP may be in progress.
const MIN_HTTP_REFUSALS: usize = 16;

/// Handshakes in progress, and refused connections that are not closed yet.
pub fn handshakes(limits: &StartupLimits) -> OldestFirst {
    let bytes = limits.handshakes.saturating_mul(HANDSHAKE_BYTES).max(MIN_HANDSHAKE_BYTES);
    OldestFirst::new(limits.handshakes, bytes)
}

/// Refusals over HTTP in progress.
pub fn http_refusals(limits: &StartupLimits) -> OldestFirst {
    OldestFirst::new((limits.handshakes / HTTP_REFUSAL_WEIGHT).max(MIN_HTTP_REFUSALS), 0)
}

/// A refused connection that is not closed yet.
#[derive(Debug)]
pub(super) struct Unadmitted {
    remains: Remains,
    reason: HandshakeReason,
    id: String,
    handshake: Entry,
    _lingers: Counted,
}

impl Unadmitted {
    /// Connection `id`, which was refused for `reason`; `None` when nothing is left to close.
    pub(super) fn new(
        remains: Remains,
        reason: HandshakeReason,
        id: String,
        handshake: Entry,
        metrics: &Metrics,
    ) -> Option<Self> {
        if matches!(remains, Remains::Gone) {
            return None;
        }
        handshake.empty();
        Some(Self { remains, reason, id, handshake, _lingers: metrics.lingers() })
    }

    /// Closes the connection so that the client can read the reason, or at once when it is evicted.
    pub(super) async fn close(self, http_refusals: &OldestFirst, metrics: &Metrics) {
        let Self { remains, reason, id, handshake, _lingers } = self;
        let closed = async {
            match remains {
                Remains::Gone => {}
                Remains::Socket(io) => close_socket(io, reason).await,
                Remains::Untrusted { io, h2 } => {
                    let entry = http_refusals.begin();
                    // Boxed, since it is rare and large.
                    let refused = Box::pin(refusal_over_http::refuse(*io, h2, reason, &id));
                    tokio::select! {
                        biased;
                        () = refused => {}
                        _ = entry.evicted() => metrics.limited(Limit::Handshakes),
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = closed => {}
            _ = handshake.evicted() => metrics.limited(Limit::Handshakes),
        }
    }
}

async fn close_socket(mut io: TcpStream, reason: HandshakeReason) {
    if reason == HandshakeReason::PlainHttp {
        let _ = timeout(WRITE_TIMEOUT, io.write_all(PLAIN_HTTP_ANSWER)).await;
    }
    lingering_close::close(io).await;
}

/// The answer to HTTP on the TLS port.
const PLAIN_HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    x-clawgate-reason: plain_http\r\n\
    content-length: 81\r\n\
    connection: close\r\n\r\n\
    This is a TLS port that asks for a client certificate: use https:// in the URL.\r\n";
