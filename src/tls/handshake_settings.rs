//! Settings of detection and handshake that are the same for all connections.

use std::time::Duration;

use ipnet::IpNet;

/// Settings of detection and handshake.
#[derive(Clone, Debug)]
pub struct HandshakeSettings {
    /// Deadline for detection and handshake together.
    pub timeout: Duration,
    /// Deadline for detection: the first bytes, up to the end of the ClientHello.
    pub greeting_timeout: Duration,
    /// How a refused client learns that it was refused.
    pub refuse_with: RefuseWith,
    /// Whether a client is refused if it asks for a server name that clawgate's certificates do not have.
    pub strict_sni: bool,
    /// The addresses from which PROXY headers are accepted, on listeners that expect one.
    pub proxy_sources: Vec<IpNet>,
    /// Whether log lines of refused connections have all fields of the ClientHello.
    pub log_client_hello: bool,
}

/// How a refused client learns that it was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefuseWith {
    /// By a TLS alert: the handshake fails.
    #[default]
    Alert,
    /// By an HTTP response: the handshake is completed, but the client stays unverified. For clients whose operators
    /// see HTTP errors only.
    Http,
}
