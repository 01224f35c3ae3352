//! Sets of rules, and their decisions about an identity.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use super::error::Miss;
use super::rule::{Pin, Rule};
use super::rule_index::RuleIndex;
use crate::identity::Peer;

/// How many rules are searched for the nearest one. It is needed only for error messages.
const LOOKED_AT: usize = 200;
/// How many rules of a list are printed at most.
const SHOWN: usize = 8;

/// Admits an identity if no deny rule matches it, an allow rule matches it, and its certificate or key is one of the
/// pins, if there are pins. A set without rules and pins admits every identity.
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
    /// A deny rule matches: this one.
    Rule(Rule),
    /// None of the allow rules matches: these.
    Unmatched(Allowed),
    /// No pin matches.
    Unpinned,
}

/// The allow rules of a set, none of which matches. The nearest rule is searched only when it is needed, since that
/// takes much longer than the decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed(Arc<RuleIndex>);

/// The allow rule that is nearest to a match, and what is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    /// The rule.
    pub rule: Rule,
    /// The first of its parts that does not match.
    pub miss: Miss,
}

impl Rules {
    /// Admits identities that one of `allow` matches; without rules, every identity.
    pub fn new(allow: Vec<Rule>) -> Self {
        Self { allow: Arc::new(RuleIndex::new(allow)), ..Self::default() }
    }

    /// Refuses identities that one of `deny` matches. If there is no allow rule, no identity is admitted.
    pub fn denying(self, deny: Vec<Rule>) -> Self {
        Self { deny: Arc::new(RuleIndex::new(deny)), ..self }
    }

    /// Requires one of `pins`, if there are any.
    pub fn pinned(self, pins: Vec<Pin>) -> Self {
        Self { pins: pins.into(), ..self }
    }

    /// With `audit`, the rules only report which identities they would refuse. Pins are still required.
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

    /// Whether every verified certificate is admitted.
    pub fn is_empty(&self) -> bool {
        self.allow().is_empty() && self.deny().is_empty() && self.pins.is_empty()
    }

    /// Whether identities may be admitted that no rule names.
    pub(super) fn is_open(&self) -> bool {
        let named = !self.allow().is_empty() && !self.audit && !self.allow().iter().any(Rule::is_any);
        !named && self.pins.is_empty()
    }

    /// Whether each admitted client is named by a pin, or by an allow rule that requires more than an issuer.
    pub fn name_clients(&self) -> bool {
        !self.is_open() && (!self.pins.is_empty() || self.allow().iter().all(Rule::names_client))
    }

    /// The rules in words, one phrase per list. Long lists are shortened.
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

    /// Why the allow and deny rules refuse `peer`, whether or not they are in audit mode.
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
    /// The rule that is nearest to a match, among the first rules.
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
    /// The deny rule that matches, if that is the reason.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Unmatched(_) | Self::Unpinned => None,
        }
    }

    /// Why `peer` is refused, in words. `set` names the lists: `clients` or `route`.
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
