//! Delivers the events of the inbox to their upstreams.

mod dispatcher;
mod route;
mod state;
mod watch;

pub use self::dispatcher::Dispatcher;
pub use self::route::{DispatchRoute, DispatchRoutes};
pub use self::state::{Pause, PausedRoute, UpstreamState};
pub use self::watch::{Answered, Watch};
