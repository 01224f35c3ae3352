//! The first step: is the client of this connection still admitted?

use super::client_connection::ClientConnection;
use super::refusal::RequestRefusal;
use super::snapshot::{Access, Snapshot};

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
        client.check_admitted(snapshot)?;
        Ok(Self { client, snapshot })
    }

    pub(super) fn client(&self) -> &'a ClientConnection {
        self.client
    }

    /// The routes and limits for clients of this kind.
    pub(super) fn access(&self) -> &'a Access {
        self.snapshot.requests.access(self.client.client_auth())
    }

    pub(super) fn snapshot(&self) -> &'a Snapshot {
        self.snapshot
    }
}
