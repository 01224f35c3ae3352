//! The requests that were delivered by all instances of clawgate: what a place that remembers them for all must do.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::verified::EventKey;

/// What the methods of [`SharedReplays`] return.
pub type SharedFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Remembers delivered requests for several instances.
pub trait SharedReplays: fmt::Debug + Send + Sync {
    /// Claims a request, if no instance has claimed or delivered it. If that cannot be found out within about a second, the request
    /// counts as new.
    fn claim(&self, request: SharedRequest) -> SharedFuture<'_, SharedClaim>;

    /// Ends. Writes what is still to be written, and blocks until that is done; for some seconds at most.
    fn finish(&self);
}

/// A request that is to be claimed.
#[derive(Clone, Debug)]
pub struct SharedRequest {
    /// Its route: requests of different routes are different.
    pub route: Arc<str>,
    /// What it is known by.
    pub event: EventKey,
    /// How long it is remembered if it is delivered.
    pub window: Duration,
    /// How long its delivery may take. When that is over, its instance has ended, and the request may be claimed again.
    pub longest: Duration,
}

/// What is known about a request.
#[derive(Debug)]
#[must_use]
pub enum SharedClaim {
    /// It is claimed now, or the other instances could not be asked.
    New(Box<dyn HeldClaim>),
    /// An instance has delivered it.
    Duplicate,
    /// It is on its way to the upstream from another instance, and may still fail.
    InProgress,
}

/// A claimed request. Dropped without [`confirm`](Self::confirm), it is released in the background.
pub trait HeldClaim: fmt::Debug + Send + Sync {
    /// The request was delivered. Returns when the other instances know that, after about a second at most. What could not be written by
    /// then is written in the background, also if the future is dropped.
    fn confirm(self: Box<Self>) -> SharedFuture<'static, ()>;
}

/// How the requests of one route are claimed at all instances.
#[derive(Clone, Debug)]
pub struct SharedRoute {
    /// Remembers them.
    pub replays: Arc<dyn SharedReplays>,
    /// The name of the route.
    pub route: Arc<str>,
    /// How long the delivery of a request may take.
    pub longest: Duration,
}

impl SharedRoute {
    /// Claims a request that is remembered for `window` if it is delivered.
    pub(super) async fn claim(&self, event: EventKey, window: Duration) -> SharedClaim {
        let route = Arc::clone(&self.route);
        let request = SharedRequest { route, event, window, longest: self.longest };
        self.replays.claim(request).await
    }
}
