//! Limits for clients: connections, handshakes, requests, failed signatures.
//!
//! Input: a client's address or certificate. Output: a permit, which counts until it is dropped, or the limit that was
//! reached. The caller decides how to refuse the client. This module knows nothing of TLS or HTTP, and imports only
//! [`telemetry`](crate::telemetry).

pub mod client_limits;
pub mod connection_limit;
pub mod eviction;
pub mod failed_signatures;
mod settings;
mod token_bucket;

pub use self::client_limits::{ClientLimiter, ClientLimits, LimitExceeded, RequestPermit};
pub use self::connection_limit::{ConnectionLimiter, ConnectionPermit};
pub use self::eviction::{Entry, Exceeded, Meter, OldestFirst};
pub use self::failed_signatures::FailedSignatures;
pub use self::settings::{Limits, StartupLimits};
pub(crate) use self::token_bucket::{Quota, TokenBucket};
