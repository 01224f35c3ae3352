//! What operators see: events on stdout, metrics, and the closed lists of reasons.

pub mod access;
mod event;
mod fit;
pub mod logging;
pub mod metrics;
mod reason;
pub mod recent;
pub mod repeats;
#[cfg(feature = "otlp")]
pub mod spans;
pub mod terminal;
pub mod trace;
mod writer;

pub use event::{emit, emit_bounded};
pub use reason::{HandshakeReason, Limit, ReasonClass, RequestReason};
