//! Sets of rules, and what they decide about an identity.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use super::error::Miss;
use super::rule::{Pin, Rule};
use super::rule_index::RuleIndex;
use crate::identity::Peer;

/// The most rules among which the nearest is searched, which is for error messages only.
const LOOKED_AT: usize = 200;
/// The most rules of a list that are printed.
const SHOWN: usize = 8;

/// Admits an identity that no deny rule matches and an allow rule matches, and whose certificate or key is one of the pins, if there
/// are pins. Without rules and pins it admits everybody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    allow: Arc<RuleIndex>,
    deny: Arc<RuleIndex>,
    pins: Arc<[Pin]>,
    audit: bool,
}

/// What a set of rules decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// Admitted.
    Admitted,
    /// Admitted only because the rules are in audit mode.
    Audited(Denial),
    /// Refused.
    Refused(Denial),
}

/// Why an identity is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    /// This deny rule matches.
    Rule(Rule),
    /// None of these allow rules matches.
    Unmatched(Allowed),
    /// No pin matches.
    Unpinned,
}

/// The allow rules of a set, none of which matches. The nearest one is searched only when it is needed: that takes much longer than
/// the decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed(Arc<RuleIndex>);

/// The allow rule that nearly matches, and what is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    /// The rule.
    pub rule: Rule,
    /// The first of its parts that does not match.
    pub miss: Miss,
}

impl Rules {
    /// Admits identities that one of `allow` matches; without a rule, everybody.
    pub fn new(allow: Vec<Rule>) -> Self {
        Self { allow: Arc::new(RuleIndex::new(allow)), ..Self::default() }
    }

    /// Refuses identities that one of `deny` matches. Without an allow rule nobody is admitted then.
    pub fn denying(self, deny: Vec<Rule>) -> Self {
        Self { deny: Arc::new(RuleIndex::new(deny)), ..self }
    }

    /// Requires one of `pins`, if there are any.
    pub fn pinned(self, pins: Vec<Pin>) -> Self {
        Self { pins: pins.into(), ..self }
    }

    /// With `audit`, the rules only say whom they would refuse. Pins are still required.
    pub fn audited(self, audit: bool) -> Self {
        Self { audit, ..self }
    }

    /// The allow rules.
    pub fn allow(&self) -> &[Rule] {
        self.allow.rules()
    }

    /// The deny rules.
    pub fn deny(&self) -> &[Rule] {
        self.deny.rules()
    }

    /// The pins.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// Whether the rules are in audit mode.
    pub fn is_audited(&self) -> bool {
        self.audit
    }

    /// Whether every certificate of the CA is admitted.
    pub fn is_empty(&self) -> bool {
        self.allow().is_empty() && self.deny().is_empty() && self.pins.is_empty()
    }

    /// Whether somebody may be admitted whom no rule names.
    pub fn is_open(&self) -> bool {
        let named = !self.allow().is_empty() && !self.audit && !self.allow().iter().any(Rule::is_any);
        !named && self.pins.is_empty()
    }

    /// Whether each admitted client is named by a pin, or by an allow rule that asks for more than its issuer.
    pub fn name_clients(&self) -> bool {
        !self.is_open() && (!self.pins.is_empty() || self.allow().iter().all(Rule::names_client))
    }

    /// The rules in words, a phrase for each list. Long lists are cut.
    pub fn phrases(&self) -> Vec<String> {
        let lists =
            [("", some(self.allow())), ("never ", some(self.deny())), ("pinned to ", some(self.pins()))];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let mut phrases: Vec<_> = lists.map(|(word, list)| format!("{word}{list}")).collect();
        if self.audit && !(self.allow().is_empty() && self.deny().is_empty()) {
            phrases.push("AUDIT ONLY: clients that these rules would refuse are admitted".to_owned());
        }
        phrases
    }

    /// Decides about `peer`.
    pub fn ruling(&self, peer: &Peer) -> Ruling {
        if self.is_unpinned(peer) {
            return Ruling::Refused(Denial::Unpinned);
        }
        match self.denial(peer) {
            None => Ruling::Admitted,
            Some(denial) if self.audit => Ruling::Audited(denial),
            Some(denial) => Ruling::Refused(denial),
        }
    }

    /// The first allow rule that matches.
    pub fn matching(&self, peer: &Peer) -> Option<&Rule> {
        self.allow.first(peer)
    }

    /// Why the allow and deny rules refuse `peer`, in audit mode or not.
    fn denial(&self, peer: &Peer) -> Option<Denial> {
        if let Some(rule) = self.deny.first(peer) {
            return Some(Denial::Rule(rule.clone()));
        }
        let open = self.allow().is_empty() && self.deny().is_empty();
        if open || self.matching(peer).is_some() {
            return None;
        }
        Some(Denial::Unmatched(Allowed(Arc::clone(&self.allow))))
    }

    fn is_unpinned(&self, peer: &Peer) -> bool {
        !self.pins.is_empty() && !self.pins.iter().any(|pin| pin.matches(peer))
    }
}

impl Allowed {
    /// The rule that nearly matches, among the first of them.
    pub fn nearest(&self, peer: &Peer) -> Option<Nearest> {
        let distance = |rule: &&Rule| {
            let missing = || rule.0.iter().filter(|matcher| !matcher.matches(peer));
            let likeness: usize = missing().map(|matcher| matcher.likeness(peer)).sum();
            let count = missing().count();
            (count, Reverse(rule.0.len().saturating_sub(count)), Reverse(likeness))
        };
        let rule = self.0.rules().iter().take(LOOKED_AT).min_by_key(distance)?;
        let miss = rule.misses(peer).into_iter().next()?;
        Some(Nearest { rule: rule.clone(), miss })
    }
}

impl Denial {
    /// The rule that refuses, if it is one.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Unmatched(_) | Self::Unpinned => None,
        }
    }

    /// The reason in words, about `peer`, which is refused. `set` names the lists: `clients` or `route`.
    pub fn of(&self, set: &str, peer: &Peer) -> String {
        match self {
            Self::Rule(rule) => format!("the rule [{rule}] of {set}.deny matches it"),
            Self::Unmatched(allowed) => match allowed.nearest(peer) {
                Some(nearest) => format!("no rule of {set}.allow matches it; nearest is {nearest}"),
                None => format!("no rule of {set}.allow matches it"),
            },
            Self::Unpinned => format!("none of {set}.pins is its certificate's or its key's hash"),
        }
    }
}

/// The first rules of a list, and how many more there are.
fn some<T: fmt::Display>(rules: &[T]) -> String {
    let shown: Vec<_> = rules.iter().take(SHOWN).map(|rule| format!("[{rule}]")).collect();
    match rules.len().saturating_sub(SHOWN) {
        0 => shown.join(" or "),
        more => format!("{} or {more} more", shown.join(" or ")),
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, miss } = self;
        write!(f, "[{rule}]: {miss}")
    }
}
