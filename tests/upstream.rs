//! The way to the upstream and back: connections, their reuse, their failures.

mod answers;
mod failures;
mod framing;
mod load;
mod misconfigured;
mod reuse;
mod secure;
mod transport;
