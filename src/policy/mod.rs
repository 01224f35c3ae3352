//! Rules: which clients may do what. Only the client's certificate decides.
//!
//! Comes in: rules as text, and the identity ([`crate::identity::Peer`]) of a verified certificate. Goes out: a
//! [`Ruling`], or a [`Grant`] as proof that the identity may use a resource. Imports `identity/` only.

mod cert_field;
mod decisions;
mod error;
mod matcher;
mod pattern;
mod rule;
mod rule_index;
mod rules;
mod syntax;
#[cfg(test)]
mod tests;

pub use self::decisions::{Decision, Decisions, Grant, Guarded};
pub use self::error::{Miss, RuleError, ValueError};
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
