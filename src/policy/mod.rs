//! Rules: which clients may do what, and what a request needs besides. Of a client only the certificate decides.
//!
//! Comes in: rules as text, and the identity ([`crate::identity::Peer`]) of a verified certificate. Goes out: a
//! [`Ruling`], a [`Grant`] as proof that the identity may use a resource, or a [`Principal`] as proof that a request is
//! authenticated as the resource demands.

mod authenticate;
mod cert_field;
mod decisions;
mod error;
mod matcher;
mod pattern;
mod principal;
mod rule;
mod rule_index;
mod rules;
mod syntax;
#[cfg(test)]
mod tests;

pub use self::authenticate::Authenticate;
pub use self::decisions::{Decision, Decisions, Grant, Guarded};
pub use self::error::{Miss, RuleError, ValueError};
pub use self::principal::{Principal, Protected};
pub use self::rule::{Pin, Rule};
pub use self::rules::{Allowed, Denial, Nearest, Rules, Ruling};

/// What happens to an open connection whose client is no longer admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revoke {
    /// Requests in progress are finished; new ones are not accepted.
    #[default]
    AfterResponse,
    /// The connection is closed at once.
    Now,
}
