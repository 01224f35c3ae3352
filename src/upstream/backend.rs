//! An upstream with all that belongs to it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::client::Client;
use super::forwarding::Forwarding;
use super::misconfiguration::MisconfigurationLog;

/// The upstream of a route.
#[derive(Debug)]
pub struct Upstream {
    /// Its address, for the log.
    pub name: Arc<str>,
    /// What answers the requests.
    pub backend: Backend,
    /// The `Authorization` that replaces the client's own credentials.
    pub authorization: Option<HeaderValue>,
    /// What the upstream learns about clients.
    pub forwarding: Forwarding,
    /// Logs signs that the upstream is not set up for clawgate.
    pub misconfiguration_log: Arc<MisconfigurationLog>,
    /// The longest wait between two pieces of a request body.
    pub idle_timeout: Duration,
}

/// What answers the requests of a route.
#[derive(Debug)]
pub enum Backend {
    /// A server.
    Client(Client),
    /// clawgate itself, with what a server would have received.
    Echo,
}
