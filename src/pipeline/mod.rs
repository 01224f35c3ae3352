//! From the head of a verified client's request to the upstream's response, or to a refusal.
//!
//! Comes in: a request with its [`ClientConnection`] and the present [`Snapshot`]. Goes out: a response, or a refusal that
//! says status, reason and texts. How bytes get in and out is the server's part, which this module does not know.

mod audit_log;
pub(crate) mod check;
mod delivery_failures;
mod echo;
pub(crate) mod handle;
pub(crate) mod headers;
mod host;
pub(crate) mod identity_headers;
pub(crate) mod refusal;
pub(crate) mod revalidation;
pub(crate) mod unrouted;
pub(crate) mod upstream_error;

pub use self::audit_log::AuditLog;
pub use self::delivery_failures::DeliveryFailures;
pub use self::handle::{Backend, ClientConnection, RequestSettings, Snapshot, Upstream};
