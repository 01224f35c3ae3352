//! The relay: what becomes of an event for an API, from the listener of the relay or from a route.
//!
//! | file | what is there |
//! | --- | --- |
//! | `snapshot.rs` | [`RelaySnapshot`]: what a reload replaces |
//! | `submit.rs` | the event is stored for its target, or sent at once |
//! | `wait.rs` | requests whose callers wait for the target's answer, sent by the thread of the relay |
//! | `listener_request.rs` | a request at the listener of the relay |
//! | `route_request.rs` | a request of a route with `relay` |
//! | `refused_callers.rs` | the log of callers that may not use the listener |

mod listener_request;
mod refused_callers;
mod route_request;
mod snapshot;
mod submit;
mod wait;

use std::sync::Arc;

use crate::live::Live;

pub(crate) use self::listener_request::handle as handle_caller;
pub use self::refused_callers::RefusedCallers;
pub(super) use self::route_request::pass_on;
pub use self::snapshot::{RelaySnapshot, TargetInUse};
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
