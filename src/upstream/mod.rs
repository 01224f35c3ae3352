//! The HTTP/1.1 client for an upstream, with a pool of connections.

mod address_check;
mod backend;
mod body;
mod body_timeouts;
mod client;
mod concurrency_limit;
mod connect;
mod error;
mod forwarding;
mod framing;
mod misconfiguration;
mod pool;
mod race;
mod read_answer;
mod response_body;
mod sanitize;
mod target;
mod tls;

pub use self::address_check::{AddressCheck, AddressClass, AddressRefused, NotPrivate};
pub use self::backend::{Backend, Upstream};
pub use self::body::{BodyError, RequestBody, SharedRequestBody};
pub use self::body_timeouts::{BodyTimeouts, TooSlow};
pub use self::client::{Answer, Client, Timeouts};
pub use self::connect::{Connector, ConnectorError, Stream};
pub use self::error::UpstreamError;
pub use self::forwarding::{Forms, Forwarded, Forwarding, IdentityForm, UnknownForm};
pub use self::misconfiguration::{ForbiddenBody, Misconfiguration, MisconfigurationLog};
pub use self::read_answer::AnswerBody;
pub use self::response_body::{ResponseBody, ResponseBodyError};
pub use self::sanitize::{SanitizedHeaders, UpstreamRequest, remove_hop_by_hop};
pub use self::target::{Target, TargetError};
pub use self::tls::{UpstreamTls, chain_in, roots_in, system_roots, with_key};
