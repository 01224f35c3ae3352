//! The connection to the upstream: delivery, reuse and failures.

mod answers;
mod failures;
mod framing;
mod load;
mod misconfigured;
mod reuse;
mod secure;
mod transport;
