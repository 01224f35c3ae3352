//! The pooled HTTP/1.1 client towards an upstream.

mod body;
mod client;
mod connect;
mod framing;
mod pace;
mod pool;
mod race;
mod secure;
mod slots;
mod stall;
mod suspect;
mod target;
mod telling;

pub use body::{BodyError, RequestBody, Upload};
pub use client::{Answer, Client, ResponseBody, ResponseBodyError, Timeouts, UpstreamError};
pub use connect::{Connector, ConnectorError};
pub use pace::{Patience, Slow};
pub use secure::{Secure, chain_in, roots_in, system_roots, with_key};
pub use suspect::{Complaints, ForbiddenBody, Suspicion};
pub use target::{Target, TargetError};
pub use telling::{Forms, Forwarded, IdentityForm, Telling, UnknownForm};
