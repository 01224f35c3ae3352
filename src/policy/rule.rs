//! One line of a list of rules: `cn=meeting-notes`, or several parts that must all hold.

use std::fmt;
use std::str::FromStr;

use super::error::{Miss, RuleError};
use super::matcher::Matcher;
use super::syntax::parts;
use crate::identity::Peer;

/// One line: all of its parts must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(pub(super) Box<[Matcher]>);

impl Rule {
    /// Whether it asks for one thing only.
    pub fn is_single(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether it holds for every certificate.
    pub fn is_any(&self) -> bool {
        *self.0 == [Matcher::Any]
    }

    /// Whether it asks for something of the client itself, and not only for its issuer or for any name at all.
    pub(super) fn names_client(&self) -> bool {
        self.0.iter().any(Matcher::names_client)
    }

    /// Whether all of its parts hold.
    pub fn matches(&self, peer: &Peer) -> bool {
        self.0.iter().all(|matcher| matcher.matches(peer))
    }

    /// The parts that do not hold.
    pub fn misses(&self, peer: &Peer) -> Vec<Miss> {
        self.0.iter().filter_map(|matcher| matcher.miss(peer)).collect()
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let matchers = parts(text)?.into_iter().map(Matcher::read).collect::<Result<Vec<_>, _>>()?;
        if matchers.len() > 1 && matchers.contains(&Matcher::Any) {
            return Err(RuleError::AnyAndMore);
        }
        let mut singles: Vec<_> = matchers.iter().filter_map(Matcher::single).collect();
        singles.sort_unstable();
        match singles.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(RuleError::Twice(pair[0].name())),
            None => Ok(Self(matchers.into())),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, matcher) in self.0.iter().enumerate() {
            let separator = if i > 0 { ", " } else { "" };
            write!(f, "{separator}{matcher}")?;
        }
        Ok(())
    }
}

/// A certificate or a key that is known by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(Matcher);

impl Pin {
    /// Whether it is that of `peer`.
    pub fn matches(&self, peer: &Peer) -> bool {
        self.0.matches(peer)
    }

    /// What does not hold: nothing, or itself.
    pub fn misses(&self, peer: &Peer) -> Vec<Miss> {
        self.0.miss(peer).into_iter().collect()
    }
}

impl FromStr for Pin {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        use super::cert_field::CertField::{Fingerprint, Spki};
        let rule: Rule = text.parse()?;
        match &*rule.0 {
            [pin @ Matcher::Exact(Fingerprint | Spki, _)] => Ok(Self(pin.clone())),
            _ => Err(RuleError::NotAPin(rule.to_string())),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
