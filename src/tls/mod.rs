//! TLS: from an accepted socket to a verified sender, or to the reason why not.

mod agreed;
mod anchors;
mod by_name;
pub mod client_hello;
pub mod denylist;
pub mod diagnosis;
pub mod evidence;
pub mod greeting;
mod handshake;
mod introduction;
mod issuer;
mod ja4;
mod leaves;
mod manners;
pub mod material;
mod ocsp;
mod opening;
pub mod parameters;
pub mod pem;
mod report;
mod resumption;
pub mod revocation;
pub mod server;
mod signatures;
mod tap;
pub mod trust;
mod verifier;

pub use handshake::{Acceptor, HandshakeFailure, Remains, Secured};
pub use introduction::{NoIntroduction, may_introduce};
pub use issuer::identify;
pub use manners::Manners;
pub use opening::{Accepted, Introduced, Opening};
pub use report::Report;
pub use resumption::Resumption;
pub use tap::Tap;
pub use verifier::{Gatekeeper, RefuseWith};
