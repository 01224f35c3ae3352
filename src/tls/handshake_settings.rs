//! How clients are received.

use std::time::Duration;

use ipnet::IpNet;

use super::client_verifier::RefuseWith;

/// How clients are received.
#[derive(Clone, Debug)]
pub struct HandshakeSettings {
    /// Time for greeting and handshake together.
    pub timeout: Duration,
    /// Time for the greeting.
    pub greeting_timeout: Duration,
    /// How a refused client hears of it.
    pub refuse_with: RefuseWith,
    /// Whether a client that asks for a name the certificate does not have is refused.
    pub strict_sni: bool,
    /// Whose PROXY headers are believed, where they are expected.
    pub proxy_sources: Vec<IpNet>,
    /// Whether reports tell all of the ClientHello.
    pub log_client_hello: bool,
}
