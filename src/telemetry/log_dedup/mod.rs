//! Folding: events that are repeated are logged in full a few times, then only counted.
//!
//! A load balancer probes every second, and a client with an expired certificate retries for days. Each kind of refusal
//! is logged in full a few times, then counted, and the count is logged once per window. Memory is limited: beyond a
//! number of kinds, new kinds are counted together. The log is limited too: a client that causes ever new kinds (with a
//! new certificate each time) gets only so many lines per minute.

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

/// How many kinds are distinguished at the same time.
const MAX_KINDS: usize = 4096;
/// How many events of a kind are logged in full per window, if somebody made a mistake. Every attempt to correct it
/// should be visible.
const FULL_LINES: u64 = 5;

/// What two events must have in common to be folded.
pub trait DedupKey: Clone + Eq + Hash {
    /// How many events of this kind are logged in full per window.
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    /// The client's network, if lines are counted for each network.
    fn source(&self) -> Option<IpAddr> {
        None
    }

    /// Whether the event is so unimportant that it may use only half of all lines.
    fn is_noise(&self) -> bool {
        false
    }

    /// The kind that stands for all similar events from the same source, once the source has used its lines.
    fn of_source(&self) -> Self {
        self.rest()
    }

    /// The kind that stands for all similar events once there are too many kinds.
    fn rest(&self) -> Self;
}

/// What two refusals must have in common to be folded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Why the connection was refused.
    pub reason: HandshakeReason,
    /// The client's network (for IPv6 its /64); `None` for the kind that stands for all others.
    pub source: Option<IpAddr>,
    /// Which of clawgate's limits was reached, if that is the reason.
    pub limit: Option<Limit>,
    /// The fingerprint of the certificate, if the client sent one.
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

/// The events of one kind in a window that were counted instead of logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary<K = Kind> {
    /// Their kind.
    pub kind: K,
    /// How many there were.
    pub count: u64,
    /// When the first of them occurred.
    pub first: SystemTime,
    /// When the last of them occurred.
    pub last: SystemTime,
}

/// How often an event was repeated, for a log line.
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

/// Counts events by kind. All workers share it; successful requests do not use it.
#[derive(Debug)]
pub struct LogDedup<K = Kind> {
    /// `None` if every event is logged in full.
    state: Option<Mutex<State<K>>>,
}

#[derive(Debug)]
struct State<K> {
    kinds: HashMap<K, Seen>,
    lines: Lines,
}

/// The events of one kind in the current window.
#[derive(Debug)]
struct Seen {
    /// How many events were logged in full in this window.
    full: u64,
    folded: u64,
    first: SystemTime,
    last: SystemTime,
}

impl<K: DedupKey> LogDedup<K> {
    /// With `fold`, repeated events are folded. Without it, every event is logged in full.
    pub fn new(fold: bool) -> Self {
        let state = || Mutex::new(State { kinds: HashMap::new(), lines: Lines::default() });
        Self { state: fold.then(state) }
    }

    /// Whether to log an event in full. If not, it has been counted.
    pub fn should_log(&self, kind: impl FnOnce() -> K) -> bool {
        self.should_log_at(kind, SystemTime::now())
    }

    fn should_log_at(&self, kind: impl FnOnce() -> K, now: SystemTime) -> bool {
        let Some(state) = &self.state else { return true };
        let kind = kind();
        let State { kinds, lines } = &mut *lock(state);
        let mut take = || lines.take(kind.source(), kind.is_noise(), now);
        if let Some(seen) = kinds.get_mut(&kind) {
            if seen.full < kind.full_lines() && take().is_ok() {
                seen.full += 1;
                return true;
            }
            seen.fold(now);
            return false;
        }
        let together = match take() {
            _ if kinds.len() >= MAX_KINDS => kind.rest(),
            Ok(()) => {
                kinds.insert(kind, Seen { full: 1, ..Seen::new(now) });
                return true;
            }
            Err(Spent::OfSource) => kind.of_source(),
            Err(Spent::OfAll) => kind.rest(),
        };
        kinds.entry(together).or_insert_with(|| Seen::new(now)).fold(now);
        false
    }

    /// Ends a window, and returns what was folded in it. A kind of which nothing was folded is logged in full again.
    pub fn end_window(&self) -> Vec<Summary<K>> {
        let mut summaries = Vec::new();
        let Some(state) = &self.state else { return summaries };
        lock(state).kinds.retain(|kind, seen| {
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
}

fn lock<K>(state: &Mutex<State<K>>) -> MutexGuard<'_, State<K>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    fn new(now: SystemTime) -> Self {
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

    fn is_news(repeats: &LogDedup, kind: Kind, now: SystemTime) -> bool {
        repeats.should_log_at(|| kind, now)
    }

    #[test]
    fn a_probe_is_logged_once_and_a_clients_mistake_a_few_times() {
        let repeats = LogDedup::<Kind>::new(true);
        let probe = || kind(HandshakeReason::TcpProbe, 1);
        assert!(is_news(&repeats, probe(), at(0)));
        assert!(!is_news(&repeats, probe(), at(1)));
        let missing = || kind(HandshakeReason::ClientCertMissing, 1);
        let news = (0..10).filter(|second| is_news(&repeats, missing(), at(*second))).count();
        assert_eq!(news as u64, FULL_LINES);
    }

    #[test]
    fn without_folding_every_event_is_logged() {
        let repeats = LogDedup::new(false);
        let probe = || kind(HandshakeReason::TcpProbe, 1);
        assert!((0..10).all(|second| is_news(&repeats, probe(), at(second))));
        assert_eq!(repeats.end_window(), []);
    }

    #[test]
    fn another_source_or_certificate_is_another_kind() {
        let repeats = LogDedup::<Kind>::new(true);
        assert!(is_news(&repeats, kind(HandshakeReason::TcpProbe, 1), at(0)));
        assert!(is_news(&repeats, kind(HandshakeReason::TcpProbe, 2), at(0)));
        let with = Kind { fingerprint: Some("ab".into()), ..kind(HandshakeReason::TcpProbe, 1) };
        assert!(is_news(&repeats, with, at(0)));
    }

    #[test]
    fn a_window_is_summed_up_and_a_silent_kind_is_news_again() {
        let repeats = LogDedup::<Kind>::new(true);
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
        let repeats = LogDedup::<Kind>::new(true);
        let sources = 3 * u32::try_from(MAX_KINDS).unwrap();
        let news = (0..sources)
            .filter(|host| is_news(&repeats, kind(HandshakeReason::NotTls, *host), at(0)))
            .count();
        let summaries = repeats.end_window();
        assert_eq!(summaries.len(), 1, "the log is not flooded by sums either");
        assert_eq!(news as u64 + summaries[0].count, u64::from(sources));
    }

    /// A client's mistake, with a different certificate each time.
    fn with(certificate: u64, host: u32) -> Kind {
        let fingerprint = Some(certificate.to_string());
        Kind { fingerprint, ..kind(HandshakeReason::ClientCertUnknownCa, host) }
    }

    #[test]
    fn a_source_that_makes_up_kinds_has_so_many_lines_a_minute() {
        let repeats = LogDedup::<Kind>::new(true);
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
        let repeats = LogDedup::<Kind>::new(true);
        for host in 0..100_000 {
            is_news(&repeats, kind(HandshakeReason::TcpProbe, host), at(0));
        }
        assert!(is_news(&repeats, with(1, 7), at(0)));
    }
}
