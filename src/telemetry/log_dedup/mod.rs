//! Folding: what happens again and again is told in full at first, then summed up.
//!
//! A load balancer probes every second, a client with an expired certificate retries for days. Each
//! kind of refusal is logged in full a few times, then counted, and the count is logged once a
//! window. Memory is bounded: beyond so many kinds, new ones are counted together. So is the log: whoever makes up kinds
//! (by a new certificate each time) has so many lines a minute.

mod lines;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use self::lines::{Lines, Spent};
pub use self::lines::{network, network_text};
use super::reason::{HandshakeReason, Limit, ReasonClass};

/// Kinds that are distinguished at a time.
const MAX_KINDS: usize = 4096;
/// Lines in full for one kind in a window, when it is a client's mistake: while somebody corrects
/// it, each attempt should be visible.
const FULL_LINES: u64 = 5;

/// What makes two events the same, so that they can be folded.
pub trait DedupKey: Clone + Eq + Hash {
    /// How many of a kind are logged in full in a window.
    fn full_lines(&self) -> u64;

    /// From where, if lines are counted by that.
    fn source(&self) -> Option<IpAddr> {
        None
    }

    /// Whether it is of so little interest that half of all lines must be left to others.
    fn is_noise(&self) -> bool {
        false
    }

    /// The kind that stands for all like it from the same source, when that has had its lines.
    fn of_source(&self) -> Self {
        self.rest()
    }

    /// The kind that stands for all like it beyond the bound.
    fn rest(&self) -> Self;
}

/// What makes two refusals the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Why.
    pub reason: HandshakeReason,
    /// From where (of IPv6, the /64); `None` for the sum of those beyond the bound.
    pub source: Option<IpAddr>,
    /// Which of clawgate's limits was reached, where that is why.
    pub limit: Option<Limit>,
    /// Fingerprint of the certificate, where one was presented.
    pub fingerprint: Option<String>,
}

impl DedupKey for Kind {
    fn full_lines(&self) -> u64 {
        match self.reason.class() {
            _ if self.limit.is_some() => 1,
            ReasonClass::Noise => 1,
            ReasonClass::Client | ReasonClass::Ours => FULL_LINES,
        }
    }

    fn source(&self) -> Option<IpAddr> {
        self.source
    }

    fn is_noise(&self) -> bool {
        self.reason.class() == ReasonClass::Noise
    }

    fn of_source(&self) -> Self {
        Self { source: self.source, ..self.rest() }
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

/// What is to be done with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is logged in full.
    News,
    /// It has been counted.
    Counted,
}

/// Counts events by kind; shared by all workers (never on the path of a request that goes well).
#[derive(Debug)]
pub struct LogDedup<K = Kind>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    kinds: HashMap<K, Seen>,
    lines: Lines,
}

impl<K> Default for LogDedup<K> {
    fn default() -> Self {
        Self(Mutex::new(State { kinds: HashMap::new(), lines: Lines::default() }))
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

impl<K: DedupKey> LogDedup<K> {
    /// Whether this event is to be logged in full; if not, it has been counted.
    pub fn hear(&self, kind: K, now: SystemTime) -> Heard {
        let State { kinds, lines } = &mut *self.state();
        let mut take = || lines.take(kind.source(), kind.is_noise(), now);
        if let Some(seen) = kinds.get_mut(&kind) {
            if seen.full < kind.full_lines() && take().is_ok() {
                seen.full += 1;
                return Heard::News;
            }
            return seen.fold(now);
        }
        let together = match take() {
            _ if kinds.len() >= MAX_KINDS => kind.rest(),
            Ok(()) => {
                kinds.insert(kind, Seen { full: 1, ..Seen::new(now) });
                return Heard::News;
            }
            Err(Spent::OfSource) => kind.of_source(),
            Err(Spent::OfAll) => kind.rest(),
        };
        kinds.entry(together).or_insert_with(|| Seen::new(now)).fold(now)
    }

    /// Ends a window: what was folded in it. A kind that was silent in it will be news again.
    pub fn end_window(&self) -> Vec<Summary<K>> {
        let mut summaries = Vec::new();
        self.state().kinds.retain(|kind, seen| {
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

    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn new(now: SystemTime) -> Self {
        Self { full: 0, folded: 0, first: now, last: now }
    }

    fn fold(&mut self, now: SystemTime) -> Heard {
        if self.folded == 0 {
            self.first = now;
        }
        self.folded += 1;
        self.last = now;
        Heard::Counted
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

    fn is_news(repeats: &LogDedup, kind: Kind, now: SystemTime) -> bool {
        repeats.hear(kind, now) == Heard::News
    }

    #[test]
    fn a_probe_is_logged_once_and_a_clients_mistake_a_few_times() {
        let repeats = LogDedup::<Kind>::default();
        let probe = || kind(HandshakeReason::TcpProbe, 1);
        assert!(is_news(&repeats, probe(), at(0)));
        assert!(!is_news(&repeats, probe(), at(1)));
        let missing = || kind(HandshakeReason::ClientCertMissing, 1);
        let news = (0..10).filter(|second| is_news(&repeats, missing(), at(*second))).count();
        assert_eq!(news as u64, FULL_LINES);
    }

    #[test]
    fn another_source_or_certificate_is_another_kind() {
        let repeats = LogDedup::<Kind>::default();
        assert!(is_news(&repeats, kind(HandshakeReason::TcpProbe, 1), at(0)));
        assert!(is_news(&repeats, kind(HandshakeReason::TcpProbe, 2), at(0)));
        let with = Kind { fingerprint: Some("ab".into()), ..kind(HandshakeReason::TcpProbe, 1) };
        assert!(is_news(&repeats, with, at(0)));
    }

    #[test]
    fn a_window_is_summed_up_and_a_silent_kind_is_news_again() {
        let repeats = LogDedup::<Kind>::default();
        let probe = || kind(HandshakeReason::TcpProbe, 1);
        for second in 0..4 {
            is_news(&repeats, probe(), at(second));
        }
        let summary = Summary { kind: probe(), count: 3, first: at(1), last: at(3) };
        assert_eq!(repeats.end_window(), [summary]);
        assert!(!is_news(&repeats, probe(), at(4)), "it goes on: still folded");
        assert_eq!(repeats.end_window().len(), 1);
        assert_eq!(repeats.end_window(), [], "a silent window");
        assert!(is_news(&repeats, probe(), at(9)));
    }

    #[test]
    fn a_flood_of_sources_is_counted_together_and_none_is_forgotten() {
        let repeats = LogDedup::<Kind>::default();
        let sources = 3 * u32::try_from(MAX_KINDS).unwrap();
        let news = (0..sources)
            .filter(|host| is_news(&repeats, kind(HandshakeReason::NotTls, *host), at(0)))
            .count();
        let summaries = repeats.end_window();
        assert_eq!(summaries.len(), 1, "the log is not flooded by sums either");
        assert_eq!(news as u64 + summaries[0].count, u64::from(sources));
    }

    /// A client's mistake, with another certificate each time.
    fn with(certificate: u64, host: u32) -> Kind {
        let fingerprint = Some(certificate.to_string());
        Kind { fingerprint, ..kind(HandshakeReason::ClientCertUnknownCa, host) }
    }

    #[test]
    fn a_source_that_makes_up_kinds_has_so_many_lines_a_minute() {
        let repeats = LogDedup::<Kind>::default();
        let news = (0..1000).filter(|number| is_news(&repeats, with(*number, 1), at(0))).count() as u64;
        assert!(news < 100, "{news}");
        assert!(is_news(&repeats, with(7000, 2), at(1)), "another source is heard");

        let summaries = repeats.end_window();
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].count, 1000 - news);
        assert_eq!(summaries[0].kind, Kind { fingerprint: None, ..with(0, 1) });
        assert!(!is_news(&repeats, with(8000, 1), at(59)));
        assert!(is_news(&repeats, with(9000, 1), at(60)), "a minute later it is heard again");
    }

    #[test]
    fn noise_from_everywhere_leaves_room_for_a_clients_mistake() {
        let repeats = LogDedup::<Kind>::default();
        for host in 0..100_000 {
            is_news(&repeats, kind(HandshakeReason::TcpProbe, host), at(0));
        }
        assert!(is_news(&repeats, with(1, 7), at(0)));
    }
}
