//! Notices that the client of an open connection is no longer admitted.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::Level;

use super::client_connection::ClientConnection;
use super::snapshot::Snapshot;
use crate::live::Live;
use crate::policy::Revoke;
use crate::telemetry::emit_bounded;

/// Verifies the client of one connection again after each reload, and when a certificate or CRL ends.
pub(crate) struct RevocationWatch<'a> {
    live: &'a Live<Snapshot>,
    client: &'a Arc<ClientConnection>,
    replaced: watch::Receiver<()>,
}

impl<'a> RevocationWatch<'a> {
    pub(crate) fn new(live: &'a Live<Snapshot>, client: &'a Arc<ClientConnection>) -> Self {
        Self { live, client, replaced: live.watch() }
    }

    /// Waits until the client is no longer admitted, and logs why. Cancel safe: may be dropped and called again.
    pub(crate) async fn withdrawn(&mut self) -> Revoke {
        loop {
            tokio::select! {
                Ok(()) = self.replaced.changed() => {}
                () = self.client.revalidation.is_due() => {}
            }
            let snapshot = self.live.load();
            if let Err(report) = self.client.is_admitted(&snapshot) {
                emit_bounded(Level::WARN, "connection_withdrawn", &report.explained());
                return snapshot.revoke;
            }
        }
    }
}
