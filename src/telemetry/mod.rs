//! What operators see: events on stdout, metrics, and the closed lists of reasons.

pub mod access;
mod authenticated_by;
mod event;
mod fit;
pub mod log_dedup;
pub mod logging;
pub mod metrics;
mod reason;
pub mod recent;
pub mod terminal;
mod throttle;
pub mod trace;
mod writer;

pub use self::authenticated_by::AuthenticatedBy;
pub use self::event::{emit, emit_bounded};
pub use self::reason::{HandshakeReason, Limit, ReasonClass, RequestReason};
pub use self::throttle::LogThrottle;
