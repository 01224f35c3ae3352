//! Records that the client of an open connection is no longer admitted.

use tokio::sync::SetOnce;
use tracing::Level;

use crate::telemetry::emit_bounded;
use crate::tls::Report;

/// Whether the client of one connection was withdrawn: a verification after the handshake did not admit it.
///
/// A request or [`RevocationWatch`](super::revocation_watch::RevocationWatch) may be the first to notice. Both record it
/// here. It is final: the connection ends, also if a later snapshot would admit the client.
#[derive(Debug, Default)]
pub(crate) struct Withdrawal(SetOnce<()>);

/// The client is no longer admitted, and why is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Withdrawn;

impl Withdrawal {
    /// Logs why, once for the connection, and wakes [`Withdrawal::recorded`].
    pub(super) fn record(&self, report: &Report) -> Withdrawn {
        if self.0.set(()).is_ok() {
            emit_bounded(Level::WARN, "connection_withdrawn", &report.explained());
        }
        Withdrawn
    }

    /// # Errors
    /// When a withdrawal was recorded.
    pub(super) fn check(&self) -> Result<(), Withdrawn> {
        if self.0.initialized() { Err(Withdrawn) } else { Ok(()) }
    }

    /// Waits until a withdrawal is recorded.
    pub(super) async fn recorded(&self) {
        self.0.wait().await;
    }
}
