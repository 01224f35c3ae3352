//! Would this client certificate be admitted, and where? What does that server ask of its clients?
//!
//! The verdict on a certificate is the verifier's own ([`Gatekeeper::judge`](crate::tls::Gatekeeper)), and its
//! reason the diagnosis', so that what is said here is what clawgate does. Only [`observe`] touches the
//! network; the rest are functions of what was read or seen.

mod certificate;
mod checks;
mod connect;
mod display;
mod facts;
mod link;
mod rules;
mod server;
mod target;

pub use self::certificate::{Access, ClientFile, Explanation, Verdict, certificate};
pub use self::connect::{Asked, Credentials, CredentialsError, Ending, Observed, observe};
pub use self::facts::Facts;
pub use self::link::Link;
pub use self::rules::{RuleLine, RuleList, RuleMiss};
pub use self::server::{ClientAuth, ServerExplanation, ServerVerdict, proof, server};
pub use self::target::{Server, Target, TargetError};
