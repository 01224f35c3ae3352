//! Connections of clients that are not admitted: how many there may be, and how refused ones are closed.
//!
//! A refused connection keeps its place among the handshakes until it is closed. So one limit holds for all
//! that a client without a good certificate can have, and the oldest gives way.

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::connection::{ConnectionHandler, LAST_WORDS};
use super::{lingering_close, refusal_over_http};
use crate::limits::StartupLimits;
use crate::limits::eviction::{Entry, OldestFirst};
use crate::telemetry::metrics::{Counted, Metrics};
use crate::telemetry::{HandshakeReason, Limit};
use crate::tls::Remains;

/// What the handshakes under way may hold in all, for each that there may be: twice what an honest one has.
const HANDSHAKE_BYTES: usize = 4 * 1024;
/// The least that this comes to: some handshakes with the largest messages at once.
const MIN_HANDSHAKE_BYTES: usize = 1024 * 1024;
/// Being told over HTTP takes as much memory as so many handshakes.
const TOLD_WEIGHT: usize = 16;
/// The least number of those that are told over HTTP.
const MIN_TOLD: usize = 16;

/// Handshakes under way, with refused connections that are not closed yet.
pub fn handshakes(limits: &StartupLimits) -> OldestFirst {
    let bytes = limits.handshakes.saturating_mul(HANDSHAKE_BYTES).max(MIN_HANDSHAKE_BYTES);
    OldestFirst::new(limits.handshakes, bytes)
}

/// Those that are told over HTTP why they were refused.
pub fn told(limits: &StartupLimits) -> OldestFirst {
    OldestFirst::new((limits.handshakes / TOLD_WEIGHT).max(MIN_TOLD), 0)
}

/// A refused connection that is not closed yet.
#[derive(Debug)]
pub(super) struct Refused {
    remains: Remains,
    reason: HandshakeReason,
    id: String,
    handshake: Entry,
    _lingers: Counted,
}

impl Refused {
    /// What is left of connection `id` after its handshake was refused for `reason`, in its place; `None`: nothing.
    pub(crate) fn new(
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
}

impl ConnectionHandler {
    /// Closes a refused connection in such a way that the client can read why, unless it has to give way before.
    pub(super) async fn part(&self, refused: Refused) {
        let Refused { remains, reason, id, handshake, _lingers } = refused;
        let parted = async {
            match remains {
                Remains::Gone => {}
                Remains::Socket(mut io) => {
                    if reason == HandshakeReason::PlainHttp {
                        let _ = timeout(LAST_WORDS, io.write_all(TLS_PORT)).await;
                    }
                    lingering_close::close(io).await;
                }
                // Boxed, since it is rare, and large.
                Remains::Untrusted { io, h2 } => {
                    let told = self.told.begin();
                    let telling = Box::pin(refusal_over_http::tell(*io, h2, reason, &id));
                    tokio::select! {
                        biased;
                        () = telling => {}
                        _ = told.evicted() => self.metrics.limited(Limit::Handshakes),
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = parted => {}
            _ = handshake.evicted() => self.metrics.limited(Limit::Handshakes),
        }
    }
}

/// The answer to HTTP on the TLS port.
const TLS_PORT: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    x-clawgate-reason: plain_http\r\n\
    content-length: 81\r\n\
    connection: close\r\n\r\n\
    This is a TLS port that asks for a client certificate: use https:// in the URL.\r\n";
