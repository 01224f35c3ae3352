//! The first step: is the client of this connection still admitted?

use http::StatusCode;

use super::client_connection::ClientConnection;
use super::refusal::RequestRefusal;
use super::snapshot::Snapshot;
use crate::telemetry::RequestReason;

/// A client that the snapshot of this request admits. Only [`Admitted::new`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted<'a> {
    client: &'a ClientConnection,
    snapshot: &'a Snapshot,
}

impl<'a> Admitted<'a> {
    pub(super) fn new(
        client: &'a ClientConnection,
        snapshot: &'a Snapshot,
    ) -> Result<Self, RequestRefusal> {
        client.is_admitted(snapshot).map_err(|_| {
            let detail = "the client certificate is not admitted any more";
            RequestRefusal::new(StatusCode::FORBIDDEN, RequestReason::IdentityNotAllowed, detail)
                .closing()
        })?;
        Ok(Self { client, snapshot })
    }

    pub(super) fn client(&self) -> &'a ClientConnection {
        self.client
    }

    pub(super) fn snapshot(&self) -> &'a Snapshot {
        self.snapshot
    }
}
