//! From the head of a verified client's request to the upstream's response, or to a refusal.
//!
//! Comes in: a request with its [`ClientConnection`] and the current [`Snapshot`]. Goes out: a response, or a
//! refusal with status, reason and texts. `handle` calls the steps in their order; each returns what
//! the next one needs:
//!
//! | step | file | value |
//! | --- | --- | --- |
//! | is the client still admitted? | `admit.rs` | `Admitted` |
//! | does the head mean one thing only? | `check.rs` | `CheckedHead` |
//! | which route takes it? | `route.rs` | `Routed` |
//! | may the client use the route? | `authorize.rs` | `Authorized`, with a [`crate::policy::Grant`] |
//! | is the request signed, where the route demands that? | `authenticate.rs` | `Authenticated`, with a [`crate::policy::Principal`] |
//! | what goes from the body, where the route says so? | `shape.rs` | `Shaped` |
//! | what may the upstream see? | `sanitize.rs` | [`crate::upstream::UpstreamRequest`] |
//! | the upstream answers, or the inbox stores the request | `deliver.rs`, `accept.rs` | `Response` |
//! | or a target of the relay gets the event | `relay/` | `Response` |
//!
//! How bytes get in and out is the task of [`crate::server`], which this module must not import.

mod accept;
mod admit;
mod audit_log;
mod authenticate;
mod authorize;
mod check;
mod client_connection;
mod deliver;
mod delivery_failures;
mod echo;
mod event_names;
mod handle;
mod host;
pub(crate) mod identity_headers;
mod inbox;
mod limit_body;
mod proxy_header;
pub(crate) mod refusal;
mod relay;
pub(crate) mod revalidation;
pub(crate) mod revocation_watch;
mod route;
mod sanitize;
mod shape;
mod signature_refusals;
mod snapshot;
mod stored_request;
mod verify_signature;
pub(crate) mod withdrawal;

pub use self::audit_log::AuditLog;
pub use self::client_connection::ClientConnection;
pub(crate) use self::deliver::DeliveredBody;
pub use self::delivery_failures::DeliveryFailures;
pub(crate) use self::handle::handle;
pub use self::inbox::Inbox;
pub(crate) use self::relay::handle_caller;
pub use self::relay::{RefusedCallers, Relay, RelaySnapshot, SendNow, TargetInUse, WaitingCalls};
pub use self::signature_refusals::SignatureRefusals;
pub use self::snapshot::{Access, RequestSettings, Snapshot};
