//! The values of the limits for clients. `None` means that a limit is off.

use std::time::Duration;

/// How many connections there may be, and for how long. Changing these limits requires a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartupLimits {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one client address (for IPv6: of one /64).
    pub connections_per_source: Option<usize>,
    /// Handshakes in progress; one more closes the oldest.
    pub handshakes: usize,
    /// New connections per second of one client address.
    pub handshake_rate: Option<u32>,
    /// How long a connection may be idle between requests.
    pub idle_timeout: Duration,
    /// How long a connection may be open.
    pub connection_age: Option<Duration>,
    /// Bodies that are read as a whole, e.g. to verify a signature; one more ends the oldest.
    pub buffered_bodies: usize,
    /// Bytes that these bodies may have together.
    pub buffered_bytes: usize,
}

/// What one connection, client or request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections of one client certificate.
    pub connections_per_identity: Option<usize>,
    /// Time for a connection's first message, the ClientHello.
    pub greeting_timeout: Duration,
    /// Requests on one connection.
    pub connection_requests: Option<u64>,
    /// Time for a request's head, from its first byte.
    pub head_timeout: Duration,
    /// Bytes of a request's target.
    pub uri: usize,
    /// Time for a request's body, without the time in which clawgate waits for the upstream.
    pub body_timeout: Duration,
    /// Bytes of a body that must arrive per second, after the first seconds.
    pub body_rate: Option<u64>,
    /// How long a client may read nothing of its response.
    pub send_timeout: Duration,
    /// Time for a request from its head to the end of its response.
    pub request_timeout: Duration,
    /// Requests at the same time on one HTTP/2 connection.
    pub streams: u32,
    /// Requests per second of one client certificate.
    pub request_rate: Option<u32>,
    /// How many of these requests may come at once; `None` for as many as in one second.
    pub request_burst: Option<u32>,
    /// Requests at the same time of one client certificate.
    pub requests_at_once: Option<usize>,
    /// Requests per second of one source address (for IPv6: of one /64) without a client certificate.
    pub signed_request_rate: Option<u32>,
    /// Requests per minute with an invalid signature, of one source address at one route.
    pub failed_signatures: Option<u32>,
}

impl Limits {
    /// The limits of a client without a certificate, which stands for its source address.
    #[must_use]
    pub fn without_client_auth(self) -> Self {
        Self {
            connections_per_identity: None,
            request_rate: self.signed_request_rate,
            request_burst: None,
            ..self
        }
    }
}
