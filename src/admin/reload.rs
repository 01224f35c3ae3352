//! Reloads that are asked for over the admin listener.

use tokio::sync::{mpsc, oneshot};

/// A request for a reload: where to send its outcome.
pub type ReloadRequest = oneshot::Sender<ReloadOutcome>;

/// How a reload went.
#[derive(Debug)]
pub enum ReloadOutcome {
    /// The new settings are in use, as the generation of this number.
    Adopted(u64),
    /// Nothing changed; says what is wrong, as text for the operator.
    Failed(String),
}

/// Asks for a reload, and waits for it. `None`: clawgate is ending.
pub(super) async fn reload(requests: &mpsc::Sender<ReloadRequest>) -> Option<ReloadOutcome> {
    let (reply, outcome) = oneshot::channel();
    requests.send(reply).await.ok()?;
    outcome.await.ok()
}
