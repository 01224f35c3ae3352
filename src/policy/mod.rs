//! Who may do what, decided from the certificate alone.

mod cert_field;
mod decisions;
mod matcher;
mod pattern;
mod rule;
mod rule_index;
mod rules;
mod syntax;
#[cfg(test)]
mod tests;

pub use self::decisions::{Decision, Decisions};
pub use self::rule::{Miss, Pin, Rule, RuleError};
pub use self::rules::{Allowed, Denial, Nearest, Rules, Ruling};

use std::sync::Arc;

use crate::identity::Peer;

/// What becomes of a connection whose client is not admitted any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revoke {
    /// What is under way comes to its end; nothing else is taken.
    #[default]
    AfterResponse,
    /// It is closed, whatever is under way.
    Now,
}

/// Something that only some identities may use.
pub trait Guarded {
    /// The rules that say who.
    fn rules(&self) -> &Rules;
}

/// Proof that an identity may use a resource. Only [`Decisions::authorize`] makes one, so what takes a grant
/// cannot be reached without authorization.
#[derive(Debug)]
pub struct Grant<'a, R> {
    peer: &'a Peer,
    resource: &'a R,
    decision: Arc<Decision>,
}

impl<'a, R> Grant<'a, R> {
    /// Who was authorized.
    pub fn peer(&self) -> &'a Peer {
        self.peer
    }

    /// For what.
    pub fn resource(&self) -> &'a R {
        self.resource
    }

    /// Why there would be no grant, were the rules not on trial.
    pub fn objection(&self) -> Option<&Denial> {
        match self.decision.ruling() {
            Ruling::Audited(denial) => Some(denial),
            Ruling::Admitted | Ruling::Refused(_) => None,
        }
    }
}
