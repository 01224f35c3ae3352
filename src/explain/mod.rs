//! Would this client certificate be admitted, and where? What does that server ask of its clients?
//!
//! The verdict on a certificate is the verifier's own ([`Gatekeeper::judge`](crate::tls::Gatekeeper)), and its
//! reason the diagnosis', so that what is said here is what the gate does. Only [`observe`] touches the
//! network; the rest are functions of what was read or seen.

mod certificate;
mod checks;
mod connect;
mod facts;
mod rules;
mod server;
mod target;
mod words;

pub use certificate::{Access, Explanation, Link, Sender, Verdict, certificate};
pub use connect::{Asked, Credentials, CredentialsError, Ending, Observed, observe};
pub use facts::Facts;
pub use rules::{RuleLine, RuleList, RuleMiss};
pub use server::{ClientAuth, ServerExplanation, ServerVerdict, proof, server};
pub use target::{Server, Target, TargetError};
