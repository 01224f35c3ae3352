//! Delivers the events of the inbox to their upstreams.

mod route;

pub use self::route::{DispatchRoute, DispatchRoutes};
