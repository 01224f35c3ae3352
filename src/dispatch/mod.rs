//! Delivers the events of the inbox to their upstreams, and to the targets of the relay.
//!
//! One process delivers: the one that holds the right to ([`crate::inbox::Store::may_deliver`]). In it, one loop decides which
//! events are tried; the tries run beside it.
//!
//! | file | what is there |
//! | --- | --- |
//! | `dispatcher.rs` | [`Dispatcher`]: the handle for everything that runs beside it |
//! | `delivery.rs` | the loop, from the right to deliver to the drain |
//! | `work.rs` | what the loop knows: routes, upstreams, tries under way |
//! | `claims.rs` | which events are tried, and when to look for the next ones |
//! | `give_up.rs`, `unknown.rs` | events that are given up without a try: too old, or of routes that the settings do not have |
//! | `batches.rs` | the same for targets that get several events in one request |
//! | `attempt.rs`, `seen.rs` | one try, and what it has shown |
//! | `upstream_try.rs`, `request.rs` | the same at an upstream |
//! | `target_try.rs` | the same at a target of the relay |
//! | `answer_class.rs`, `retry_after.rs` | what an answer means |
//! | `settle.rs` | what follows from a try: for the upstream, the route, the event, and a sender that waits |
//! | `decide.rs`, `backoff.rs` | when an event is tried again, and when it is given up |
//! | `pause.rs` | whether tries may be made, and how many at once |
//! | `outcomes.rs` | outcomes on their way to the store |
//! | `shared.rs`, `state.rs` | what the loop shows to the others |
//! | `watch.rs` | senders that wait for the upstream's answer |
//! | `peers.rs`, `peer_message.rs` | what the instances with one store tell each other, so that each can do what only the one that delivers knows: answer senders that wait, show pauses and end them |
//! | `instance.rs` | the name of an instance |

mod answer_class;
mod attempt;
mod backoff;
mod batches;
mod claims;
mod decide;
mod delivery;
mod dispatcher;
mod give_up;
mod hint;
mod instance;
mod log;
mod outcomes;
mod pause;
mod peer_message;
mod peers;
mod request;
mod retry_after;
mod route;
mod seen;
mod settle;
mod shared;
mod state;
mod target_try;
mod unknown;
mod upstream_try;
mod watch;
mod work;

#[cfg(test)]
mod tests;

pub use self::dispatcher::Dispatcher;
pub use self::instance::Instance;
pub use self::route::{Destination, DispatchRoute, DispatchRoutes, RouteUpstream};
pub use self::state::{Pause, Paused, PausedRoute, UpstreamState};
pub use self::watch::{Answered, Watch};
