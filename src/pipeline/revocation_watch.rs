//! Notices that the client of an open connection is no longer admitted.

use std::sync::Arc;

use tokio::sync::watch;

use super::client_connection::ClientConnection;
use super::snapshot::Snapshot;
use crate::live::Live;
use crate::policy::Revoke;

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

    /// Waits until the client is no longer admitted, as a check here or of a request has found. Cancel safe: may be dropped
    /// and called again.
    pub(crate) async fn withdrawn(&mut self) -> Revoke {
        loop {
            tokio::select! {
                Ok(()) = self.replaced.changed() => {}
                () = is_due(self.client) => {}
                () = self.client.withdrawal.recorded() => {}
            }
            let snapshot = self.live.load();
            if self.client.check_admitted(&snapshot).is_err() {
                return snapshot.revoke;
            }
        }
    }
}

/// Waits until time may have changed whether the client is admitted: never, where no certificate is asked for.
async fn is_due(client: &ClientConnection) {
    match &client.revalidation {
        Some(revalidation) => revalidation.is_due().await,
        None => std::future::pending().await,
    }
}
