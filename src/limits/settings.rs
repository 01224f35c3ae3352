//! What senders may use up.

use std::time::Duration;

/// What senders may use up. `None` where a limit is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Those of one source address (of IPv6: of one /64).
    pub connections_per_source: Option<usize>,
    /// Those of one identity.
    pub connections_per_identity: Option<usize>,
    /// Handshakes under way at once; the oldest gives way to one more.
    pub handshakes: usize,
    /// Handshakes of one source address in a second.
    pub handshake_rate: Option<u32>,
    /// Time for a connection's first message, the ClientHello.
    pub greeting_timeout: Duration,
    /// How long a sender may be silent between requests.
    pub idle_timeout: Duration,
    /// How long a connection may be open, if there is an end to it.
    pub connection_age: Option<Duration>,
    /// Requests on one connection.
    pub connection_requests: Option<u64>,
    /// Time for a request's head, from its first byte on.
    pub head_timeout: Duration,
    /// Bytes of a request's target.
    pub uri: usize,
    /// Largest request body in bytes, for routes that set none.
    pub body: u64,
    /// Time for the whole of a request's body, as far as it is the sender that is waited for.
    pub body_timeout: Duration,
    /// Bytes of a body that must come in each second of that time, after the first seconds.
    pub body_rate: Option<u64>,
    /// How long a sender may take nothing of its answer.
    pub send_timeout: Duration,
    /// Time for a request from its head to the end of its answer.
    pub request_timeout: Duration,
    /// Requests under way at once on one HTTP/2 connection.
    pub streams: u32,
    /// Requests of one identity in a second.
    pub request_rate: Option<u32>,
    /// Those that may come at once; `None`: as many as in a second.
    pub request_burst: Option<u32>,
    /// Requests of one identity under way at once.
    pub requests_at_once: Option<usize>,
}
