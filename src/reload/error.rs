//! Why settings cannot be used.

use thiserror::Error;
use tokio::task::JoinError;

use crate::config::Problems;
use crate::platform::sandbox::{OutsideSandbox, Unreadable};
use crate::relay::target::UnusableTarget;
use crate::tls::server::ServerError;
use crate::upstream::{ConnectorError, Target};

/// Why settings that are valid one by one cannot be used together.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// rustls does not accept the certificates or TLS settings.
    #[error(transparent)]
    Tls(#[from] ServerError),
    /// No client for an upstream can be made.
    #[error("the upstream {0} cannot be used: {1}")]
    Upstream(Target, #[source] ConnectorError),
    /// No client for a target can be made.
    #[error("the target {0} of the relay cannot be used: {1}")]
    Target(String, #[source] UnusableTarget),
}

/// Why new settings are not used.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// Settings or files have problems.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// Some of the files cannot be read because of the sandbox.
    #[error("{0}\n\n  {1}")]
    Unreadable(#[source] Box<Self>, Unreadable),
    /// They cannot be used together.
    #[error("clawgate: {0}")]
    Prepare(#[from] PrepareError),
    /// They need more than the sandbox allows.
    #[error(transparent)]
    Sandbox(#[from] OutsideSandbox),
    /// A route or target stores events, and none did at the start.
    #[error(
        "a route has delivery = \"inbox\" or \"try\", or a target of the relay delivery = \"queue\"; none had at the start, so \
         the inbox is not open\n  hint: restart clawgate (an upgrade loses no request: docs/operations.md)"
    )]
    InboxNotOpen,
    /// A route recognises repeated requests, events are stored in NATS, and no route did so at the start.
    #[error(
        "a route without an inbox recognises repeated requests, which all instances are to know (inbox.store); no route did so \
         at the start, so clawgate does not ask NATS\n  hint: restart clawgate (an upgrade loses no request: docs/operations.md)"
    )]
    ReplaysNotShared,
    /// There is a target, and there was none at the start.
    #[error(
        "there is a target of the relay; there was none at the start, so the relay does not run\n  hint: restart clawgate (an \
         upgrade loses no request: docs/operations.md)"
    )]
    RelayNotRunning,
    /// Reading them panicked.
    #[error("reading the settings failed because of a bug in clawgate: {0}")]
    Panic(#[from] JoinError),
    /// clawgate is draining.
    #[error("clawgate is ending")]
    Ending,
}
