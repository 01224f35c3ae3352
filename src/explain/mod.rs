//! The command `explain`: whether and for which routes a client certificate would be admitted, or what a server
//! requires of its clients. And the command `verify`: whether the signature of a captured request is valid.
//!
//! The verdict comes from the verifier ([`ClientVerifier`](crate::tls::ClientVerifier)), and the reason from the
//! diagnosis, so that a report says what clawgate does. Only [`observe`] uses the network.

mod captured;
mod certificate;
mod checks;
mod connect;
mod display;
mod facts;
mod link;
mod request;
mod rules;
mod server;
mod signature_checks;
mod target;

pub use self::captured::{CapturedError, CapturedRequest, MAX_CAPTURED};
pub use self::certificate::{Access, ClientFile, Explanation, Verdict, certificate};
pub use self::connect::{CertificateRequest, Credentials, CredentialsError, Ending, Observed, observe};
pub use self::facts::Facts;
pub use self::link::Link;
pub use self::request::{RequestExplanation, request};
pub use self::rules::{RuleLine, RuleList, RuleMiss};
pub use self::server::{ClientAuth, ServerExplanation, ServerVerdict, proof, server};
pub use self::target::{Server, Target, TargetError};
