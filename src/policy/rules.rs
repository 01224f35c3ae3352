//! Whom a set of rules lets in.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use super::error::Miss;
use super::rule::{Pin, Rule};
use super::rule_index::RuleIndex;
use crate::identity::Peer;

/// Rules that are looked at for the one that comes nearest, which is for people only.
const LOOKED_AT: usize = 200;
/// Rules of a list that are printed.
const SHOWN: usize = 8;

/// Who may: whom no deny rule names, and one of the allow rules does; whose certificate or key is one of
/// the pins, where there are some. Without any of these everybody may.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    allow: Arc<RuleIndex>,
    deny: Arc<RuleIndex>,
    pins: Arc<[Pin]>,
    audit: bool,
}

/// What a set of rules says.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// Let in.
    Admitted,
    /// Let in, since the rules are on trial only; but for that refused.
    Audited(Denial),
    /// Kept out.
    Refused(Denial),
}

/// Why somebody is kept out.
#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    /// This deny rule matches.
    Rule(Rule),
    /// None of these allow rules does.
    Unmatched(Allowed),
    /// No pin does.
    Unpinned,
}

/// The allow rules of a set, none of which matches. Which comes nearest is found when it is asked for: it takes long
/// beside the verdict, and is for people only.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed(Arc<RuleIndex>);

/// The allow rule that lacks least, and what.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    /// The rule.
    pub rule: Rule,
    /// The first of its parts that does not hold.
    pub miss: Miss,
}

impl Rules {
    /// Only whom one of `allow` matches. None: everybody.
    pub fn new(allow: Vec<Rule>) -> Self {
        Self { allow: Arc::new(RuleIndex::new(allow)), ..Self::default() }
    }

    /// But none whom one of `deny` matches. Without an allow rule that leaves nobody.
    pub fn denying(self, deny: Vec<Rule>) -> Self {
        Self { deny: Arc::new(RuleIndex::new(deny)), ..self }
    }

    /// And only whose certificate or key is one of `pins`, if there are any.
    pub fn pinned(self, pins: Vec<Pin>) -> Self {
        Self { pins: pins.into(), ..self }
    }

    /// With `audit`, the rules only say whom they would refuse. Pins hold all the same.
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

    /// Whether the rules are on trial.
    pub fn is_audited(&self) -> bool {
        self.audit
    }

    /// Whether any certificate of the CA will do.
    pub fn is_empty(&self) -> bool {
        self.allow().is_empty() && self.deny().is_empty() && self.pins.is_empty()
    }

    /// Whether somebody may be let in whom no rule names.
    pub fn is_open(&self) -> bool {
        let named = !self.allow().is_empty() && !self.audit && !self.allow().iter().any(Rule::is_any);
        !named && self.pins.is_empty()
    }

    /// Whether each client that is let in is named by itself: by a pin, or by an allow rule that asks for more than
    /// its issuer.
    pub fn name_clients(&self) -> bool {
        !self.is_open() && (!self.pins.is_empty() || self.allow().iter().all(Rule::names_client))
    }

    /// All of it for people, a phrase for each list that there is; long lists are cut.
    pub fn phrases(&self) -> Vec<String> {
        let lists =
            [("", some(self.allow())), ("never ", some(self.deny())), ("pinned to ", some(self.pins()))];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let mut phrases: Vec<_> = lists.map(|(word, list)| format!("{word}{list}")).collect();
        if self.audit && !(self.allow().is_empty() && self.deny().is_empty()) {
            phrases.push("AUDIT ONLY: whom these rules would refuse is let in".to_owned());
        }
        phrases
    }

    /// What becomes of `peer`.
    pub fn ruling(&self, peer: &Peer) -> Ruling {
        if self.is_unpinned(peer) {
            return Ruling::Refused(Denial::Unpinned);
        }
        match self.objection(peer) {
            None => Ruling::Admitted,
            Some(denial) if self.audit => Ruling::Audited(denial),
            Some(denial) => Ruling::Refused(denial),
        }
    }

    /// The first allow rule that matches.
    pub fn matching(&self, peer: &Peer) -> Option<&Rule> {
        self.allow.first(peer)
    }

    /// What the allow and deny rules have against `peer`, on trial or not.
    fn objection(&self, peer: &Peer) -> Option<Denial> {
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
    /// The rule that lacks least, among the first of them.
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

    /// In words, about `peer`, whom it keeps out; `set` is what the lists are called after: `clients` or `route`.
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

/// The first of a list, and how many more there are.
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
