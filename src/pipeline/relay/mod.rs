//! The relay: what becomes of an event for an API, from the listener of the relay or from a route.
//!
//! | file | what is there |
//! | --- | --- |
//! | `submit.rs` | the event is stored for its target, or sent at once |
//! | `wait.rs` | requests whose callers wait for the target's answer, sent by the thread of the relay |
//! | `listener_request.rs` | a request at the listener of the relay |
//! | `route_request.rs` | a request of a route with `relay` |
//! | `refused_callers.rs` | the log of callers that may not use the listener |

mod listener_request;
mod refused_callers;
mod route_request;
mod submit;
mod wait;

use std::sync::Arc;

use crate::limits::Limits;
use crate::live::Live;
use crate::relay::client::TargetClient;
use crate::relay::settings::Callers;
use crate::telemetry::metrics::RouteMetrics;

pub(crate) use self::listener_request::handle as handle_caller;
pub use self::refused_callers::RefusedCallers;
pub(super) use self::route_request::pass_on;
pub use self::wait::{SendNow, WaitingCalls};

use super::inbox::Inbox;

/// The relay of a running clawgate, for its listener and for routes.
#[derive(Debug)]
pub struct Relay {
    /// What a reload replaces.
    pub live: Arc<Live<RelaySnapshot>>,
    /// Stores events; `None` if clawgate was started without an inbox.
    pub inbox: Option<Arc<Inbox>>,
    /// Sends the events of callers that wait.
    pub send_now: SendNow,
}

/// What a reload replaces of the relay.
#[derive(Debug)]
pub struct RelaySnapshot {
    /// Whom the listener admits.
    pub callers: Option<Callers>,
    /// The largest body of an event, in bytes.
    pub max_body: u64,
    /// The limits of requests at the listener.
    pub limits: Limits,
    /// The targets.
    pub targets: Vec<TargetInUse>,
}

/// A target, for the thread of the relay.
#[derive(Clone, Debug)]
pub struct TargetInUse {
    /// Sends its requests on that thread.
    pub client: Arc<TargetClient>,
    /// Counts the requests of callers.
    pub metrics: Arc<RouteMetrics>,
}

impl RelaySnapshot {
    /// The target with this name.
    fn named(&self, name: &str) -> Option<&TargetInUse> {
        self.targets.iter().find(|target| **target.client.target().name() == *name)
    }

    /// The target with this path on the listener.
    fn at(&self, path: &str) -> Option<&TargetInUse> {
        self.targets.iter().find(|target| *target.client.target().settings().path == *path)
    }
}
