//! One rule: `cn=meeting-notes`, or several parts, all of which must match.

use std::fmt;
use std::str::FromStr;

use super::error::{Miss, RuleError};
use super::matcher::Matcher;
use super::syntax::parts;
use crate::identity::Peer;

/// One rule. All of its parts must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(pub(super) Box<[Matcher]>);

impl Rule {
    /// Whether it has only one part.
    pub fn is_single(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether it matches every certificate.
    pub fn is_any(&self) -> bool {
        *self.0 == [Matcher::Any]
    }

    /// Whether it requires something of the client itself, and not only an issuer or any name.
    pub(super) fn names_client(&self) -> bool {
        self.0.iter().any(Matcher::names_client)
    }

    /// Whether all of its parts match.
    pub fn matches(&self, peer: &Peer) -> bool {
        self.0.iter().all(|matcher| matcher.matches(peer))
    }

    /// The parts that do not match.
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

/// A required certificate or key, by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(Matcher);

impl Pin {
    /// Whether it is the certificate or key of `peer`.
    pub fn matches(&self, peer: &Peer) -> bool {
        self.0.matches(peer)
    }

    /// The pin itself, if it does not match.
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
