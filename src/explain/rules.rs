//! Every rule and pin, and whether a certificate matches it.

use serde::Serialize;

use crate::identity::Peer;
use crate::policy::{Miss, Rules};

/// If a list has more lines than this, only lines that match are shown, and at most this many.
const SHOWN: usize = 32;

/// One list of rules or pins.
#[derive(Clone, Debug, Serialize)]
pub struct RuleList {
    /// The name of the setting.
    pub list: String,
    /// How many lines it has.
    pub total: usize,
    /// How many of them match.
    pub matching: usize,
    /// The lines. Of a long list, only lines that match, up to a limit.
    pub lines: Vec<RuleLine>,
}

/// One line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct RuleLine {
    /// Its number in the list, from 1.
    pub number: usize,
    /// The rule.
    pub rule: String,
    /// Whether it matches.
    pub matches: bool,
    /// The parts of the rule that the certificate does not match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<RuleMiss>,
}

/// A part of a rule that the certificate does not match.
#[derive(Clone, Debug, Serialize)]
pub struct RuleMiss {
    /// The part.
    pub wanted: String,
    /// What the certificate has instead.
    pub found: String,
}

impl From<Miss> for RuleMiss {
    fn from(Miss { wanted, found }: Miss) -> Self {
        Self { wanted, found }
    }
}

/// The lists of `rules` that are not empty. `section` is their place in the settings.
pub(super) fn lists(section: &str, rules: &Rules, peer: &Peer) -> Vec<RuleList> {
    let misses = |rule: &crate::policy::Rule| rule.misses(peer);
    let pin_misses = |pin: &crate::policy::Pin| pin.misses(peer);
    let lists = [
        list(format!("{section}.deny"), rules.deny(), misses),
        list(format!("{section}.allow"), rules.allow(), misses),
        list(format!("{section}.pins"), rules.pins(), pin_misses),
    ];
    lists.into_iter().filter(|list| list.total > 0).collect()
}

fn list<R: ToString>(list: String, rules: &[R], misses: impl Fn(&R) -> Vec<Miss>) -> RuleList {
    let line = |(number, rule): (usize, &R)| {
        let misses: Vec<RuleMiss> = misses(rule).into_iter().map(RuleMiss::from).collect();
        RuleLine { number, rule: rule.to_string(), matches: misses.is_empty(), misses }
    };
    let mut lines: Vec<_> = (1..).zip(rules).map(line).collect();
    let matching = lines.iter().filter(|line| line.matches).count();
    if lines.len() > SHOWN {
        lines.retain(|line| line.matches);
        lines.truncate(SHOWN);
    }
    RuleList { list, total: rules.len(), matching, lines }
}
