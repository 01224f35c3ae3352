//! A list of rules with an index, to find the first one that matches.
//!
//! Most rules of a long list require an exact value. These are indexed by their most specific value, so that a list of
//! ten thousand rules is as fast as one of ten. Only the other rules are tried one by one.

use std::collections::HashMap;
use std::net::IpAddr;

use super::cert_field::CertField;
use super::matcher::Matcher;
use super::rule::Rule;
use crate::identity::{Peer, San};

/// Rules in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct RuleIndex {
    rules: Vec<Rule>,
    /// For each field, the positions of the rules that require an exact value of it.
    by_text: Vec<(CertField, ByText)>,
    by_ip: HashMap<IpAddr, Vec<usize>>,
    /// The positions of all other rules.
    rest: Vec<usize>,
}

type ByText = HashMap<Box<str>, Vec<usize>>;

impl RuleIndex {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let mut lines = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            lines.file(place, rule);
        }
        Self { rules, ..lines }
    }

    fn file(&mut self, place: usize, rule: &Rule) {
        let exact = rule.0.iter().filter_map(|matcher| match matcher {
            Matcher::Exact(kind, text) => Some((*kind, text)),
            _ => None,
        });
        if let Some((kind, text)) = exact.min_by_key(|(kind, _)| *kind) {
            let index = match self.by_text.iter().position(|(known, _)| *known == kind) {
                Some(index) => index,
                None => {
                    self.by_text.push((kind, ByText::new()));
                    self.by_text.len() - 1
                }
            };
            return self.by_text[index].1.entry(text.clone()).or_default().push(place);
        }
        let ip = rule.0.iter().find_map(|matcher| match matcher {
            Matcher::Ip(block) => block.single(),
            _ => None,
        });
        match ip {
            Some(ip) => self.by_ip.entry(ip).or_default().push(place),
            None => self.rest.push(place),
        }
    }

    /// The first rule that matches.
    pub(super) fn first(&self, peer: &Peer) -> Option<&Rule> {
        let mut first = self.rules.len();
        // Positions are in ascending order.
        let mut look = |places: &[usize]| {
            let earlier = places.iter().take_while(|place| **place < first);
            let found = earlier.copied().find(|place| self.rules[*place].matches(peer));
            first = found.unwrap_or(first);
        };
        for (kind, by_text) in &self.by_text {
            kind.any(peer, |text| {
                by_text.get(text).into_iter().for_each(|places| look(places));
                false
            });
        }
        for name in &peer.names {
            if let San::Ip(ip) = name
                && let Some(places) = self.by_ip.get(ip)
            {
                look(places);
            }
        }
        look(&self.rest);
        self.rules.get(first)
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

impl PartialEq for RuleIndex {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}
