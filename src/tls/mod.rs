//! TLS: detection, handshake, and diagnosis of failed handshakes.
//!
//! Comes in: an accepted socket. Goes out: an encrypted stream ([`Secured`]), with a verified client unless the listener asks
//! for no certificate; or what is left of
//! the connection and a report about it ([`HandshakeFailure`]). Imports only lower layers: certificates (`pki`), rules
//! (`policy`), `limits`, `telemetry`, `wording`. It knows nothing of HTTP requests.

mod accepted;
mod acceptor;
mod cert_resolver;
pub mod client_hello;
mod client_verifier;
pub mod detect;
pub mod diagnosis;
pub mod fault;
mod handshake;
pub mod handshake_record;
mod handshake_settings;
mod ja4;
mod negotiated;
pub mod parameters;
mod prefixed_io;
mod protocols;
mod proxy_header;
pub mod report;
mod resumption;
pub mod server;

pub use self::accepted::{Accepted, Attempt, WithProxyHeader};
pub use self::acceptor::Acceptor;
pub use self::client_verifier::ClientVerifier;
pub use self::fault::Fault;
pub use self::handshake::{HandshakeFailure, Remains, Secured, VerifiedClient};
pub use self::handshake_settings::{HandshakeSettings, RefuseWith};
pub use self::parameters::Resumption;
pub use self::prefixed_io::PrefixedIo;
pub use self::proxy_header::{ProxyHeaderError, may_send_header};
pub use self::report::{Explained, Report};
