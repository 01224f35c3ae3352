//! Folding: what happens again and again is told in full at first, then summed up.
//!
//! A load balancer probes every second, a sender with an expired certificate retries for days. Each
//! kind of refusal is logged in full a few times, then counted, and the count is logged once a
//! window. Memory is bounded: beyond so many kinds, new ones are counted together.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use super::{HandshakeReason, Limit, ReasonClass};

/// Kinds that are told apart at a time.
const MAX_KINDS: usize = 4096;
/// Lines in full for one kind in a window, when it is a sender's mistake: whoever mends it by trial
/// wants to see each try.
const FULL_LINES: u64 = 5;

/// What makes two events the same, so that they can be folded.
pub trait Folding: Clone + Eq + Hash {
    /// How many of a kind are logged in full in a window.
    fn full_lines(&self) -> u64;

    /// The kind that stands for all like it beyond the bound.
    fn rest(&self) -> Self;
}

/// What makes two refusals the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Why.
    pub reason: HandshakeReason,
    /// From where; `None` for the sum of those beyond the bound.
    pub source: Option<IpAddr>,
    /// Which of the gate's limits was reached, where that is why.
    pub limit: Option<Limit>,
    /// Fingerprint of the certificate, where one was presented.
    pub fingerprint: Option<String>,
}

impl Folding for Kind {
    fn full_lines(&self) -> u64 {
        match self.reason.class() {
            _ if self.limit.is_some() => 1,
            ReasonClass::Noise => 1,
            ReasonClass::Client | ReasonClass::Ours => FULL_LINES,
        }
    }

    fn rest(&self) -> Self {
        Self { reason: self.reason, source: None, limit: self.limit, fingerprint: None }
    }
}

/// The events of one kind in a window that were not logged one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary<K = Kind> {
    /// Which kind.
    pub kind: K,
    /// How many.
    pub count: u64,
    /// When the first of them was.
    pub first: SystemTime,
    /// When the last was.
    pub last: SystemTime,
}

/// How often something was repeated, for a log line.
#[derive(Debug, Serialize)]
pub struct Repeated {
    count: u64,
    first: String,
    last: String,
}

impl<K> From<&Summary<K>> for Repeated {
    fn from(summary: &Summary<K>) -> Self {
        let text = |time| humantime::format_rfc3339_millis(time).to_string();
        Self { count: summary.count, first: text(summary.first), last: text(summary.last) }
    }
}

/// Counts events by kind; shared by all workers (never on the path of a request that goes well).
#[derive(Debug)]
pub struct Repeats<K = Kind>(Mutex<HashMap<K, Seen>>);

impl<K> Default for Repeats<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[derive(Debug)]
struct Seen {
    /// Lines in full so far in this window.
    full: u64,
    folded: u64,
    first: SystemTime,
    last: SystemTime,
}

impl<K: Folding> Repeats<K> {
    /// Whether this event is to be logged in full; if not, it has been counted.
    pub fn is_news(&self, kind: K, now: SystemTime) -> bool {
        let allowance = kind.full_lines();
        let mut kinds = self.kinds();
        if kinds.len() >= MAX_KINDS && !kinds.contains_key(&kind) {
            kinds.entry(kind.rest()).or_insert_with(|| Seen::since(now)).fold(now);
            return false;
        }
        let seen = kinds.entry(kind).or_insert_with(|| Seen::since(now));
        if seen.full < allowance {
            seen.full += 1;
            return true;
        }
        seen.fold(now);
        false
    }

    /// Ends a window: what was folded in it. A kind that was silent in it will be news again.
    pub fn end_window(&self) -> Vec<Summary<K>> {
        let mut summaries = Vec::new();
        self.kinds().retain(|kind, seen| {
            if seen.folded == 0 {
                return false;
            }
            let Seen { folded: count, first, last, .. } = *seen;
            summaries.push(Summary { kind: kind.clone(), count, first, last });
            seen.folded = 0;
            true
        });
        summaries
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<K, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn since(now: SystemTime) -> Self {
        Self { full: 0, folded: 0, first: now, last: now }
    }

    fn fold(&mut self, now: SystemTime) {
        if self.folded == 0 {
            self.first = now;
        }
        self.folded += 1;
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn kind(reason: HandshakeReason, host: u32) -> Kind {
        let source = Some(IpAddr::from(host.to_be_bytes()));
        Kind { reason, source, limit: None, fingerprint: None }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_probe_is_news_once_and_a_senders_mistake_a_few_times() {
        let repeats = Repeats::<Kind>::default();
        let probe = || kind(HandshakeReason::TcpProbe, 1);
        assert!(repeats.is_news(probe(), at(0)));
        assert!(!repeats.is_news(probe(), at(1)));
        let missing = || kind(HandshakeReason::ClientCertMissing, 1);
        let news = (0..10).filter(|second| repeats.is_news(missing(), at(*second))).count();
        assert_eq!(news as u64, FULL_LINES);
    }

    #[test]
    fn another_source_or_certificate_is_another_kind() {
        let repeats = Repeats::<Kind>::default();
        assert!(repeats.is_news(kind(HandshakeReason::TcpProbe, 1), at(0)));
        assert!(repeats.is_news(kind(HandshakeReason::TcpProbe, 2), at(0)));
        let with = Kind { fingerprint: Some("ab".into()), ..kind(HandshakeReason::TcpProbe, 1) };
        assert!(repeats.is_news(with, at(0)));
    }

    #[test]
    fn a_window_is_summed_up_and_a_silent_kind_is_news_again() {
        let repeats = Repeats::<Kind>::default();
        let probe = || kind(HandshakeReason::TcpProbe, 1);
        for second in 0..4 {
            repeats.is_news(probe(), at(second));
        }
        let summary = Summary { kind: probe(), count: 3, first: at(1), last: at(3) };
        assert_eq!(repeats.end_window(), [summary]);
        assert!(!repeats.is_news(probe(), at(4)), "it goes on: still folded");
        assert_eq!(repeats.end_window().len(), 1);
        assert_eq!(repeats.end_window(), [], "a silent window");
        assert!(repeats.is_news(probe(), at(9)));
    }

    #[test]
    fn a_flood_of_sources_is_counted_together_and_none_is_forgotten() {
        let repeats = Repeats::<Kind>::default();
        let sources = 3 * u32::try_from(MAX_KINDS).unwrap();
        let news = (0..sources)
            .filter(|host| repeats.is_news(kind(HandshakeReason::NotTls, *host), at(0)))
            .count();
        assert_eq!(news, MAX_KINDS);
        let folded: u64 = repeats.end_window().iter().map(|summary| summary.count).sum();
        assert_eq!(folded + MAX_KINDS as u64, u64::from(sources));
    }
}
