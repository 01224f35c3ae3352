//! Log deduplication: events that are repeated are logged in full a few times, then only counted.
//!
//! A load balancer probes every second, and a client with an expired certificate retries for days. Each kind of refusal
//! is logged in full a few times, then counted, and the count is logged once per window. Memory is limited: beyond a
//! number of kinds, new kinds are counted together. The log is limited too: a client that causes a new kind each time
//! (with a new certificate) gets only a fixed number of lines per minute.

mod line_budget;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use self::line_budget::{Exhausted, LineBudget};
pub use self::line_budget::{network, network_text};
use super::reason::{HandshakeReason, Limit, ReasonClass};

/// How many keys are distinguished at the same time.
const MAX_KEYS: usize = 4096;
/// How many events with the same key are logged in full per window, if the client's side made a mistake. Every attempt to
/// correct it should be visible.
const FULL_LINES: u64 = 5;

/// Events with the same key are repetitions of each other.
pub trait DedupKey: Clone + Eq + Hash {
    /// How many events with this key are logged in full per window.
    fn full_lines(&self) -> u64;

    /// The client's network, if lines are counted for each network.
    fn source(&self) -> Option<IpAddr> {
        None
    }

    /// Whether the event is a probe or a scan, which may use only half of all lines.
    fn is_noise(&self) -> bool {
        false
    }

    /// The key that counts all similar events from the same source after the source has used its lines.
    fn source_overflow(&self) -> Self {
        self.overflow()
    }

    /// The key that counts all similar events after there are too many keys.
    fn overflow(&self) -> Self;
}

/// What two refusals must have in common to be repetitions of each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefusalKey {
    /// Why the connection was refused.
    pub reason: HandshakeReason,
    /// The client's network (for IPv6 its /64); `None` for the key that counts all others.
    pub source: Option<IpAddr>,
    /// Which of clawgate's limits was reached, if that is the reason.
    pub limit: Option<Limit>,
    /// The fingerprint of the certificate, if the client sent one.
    pub fingerprint: Option<String>,
}

impl DedupKey for RefusalKey {
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

    fn source_overflow(&self) -> Self {
        Self { source: self.source, ..self.overflow() }
    }

    fn overflow(&self) -> Self {
        Self { reason: self.reason, source: None, limit: self.limit, fingerprint: None }
    }
}

/// The events with one key in one window that were counted instead of logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary<K> {
    /// Their key.
    pub key: K,
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

/// Counts events by key. All workers share it; successful requests do not use it.
#[derive(Debug)]
pub struct LogDedup<K>(Option<Mutex<State<K>>>);

#[derive(Debug)]
struct State<K> {
    entries: HashMap<K, Entry>,
    budget: LineBudget,
}

#[derive(Debug)]
struct Entry {
    /// How many events were logged in full in this window.
    logged: u64,
    /// How many events were counted instead, and when the first and the last of them occurred.
    suppressed: u64,
    first: SystemTime,
    last: SystemTime,
}

impl<K: DedupKey> LogDedup<K> {
    /// If it is not `enabled`, every event is logged in full.
    pub fn new(enabled: bool) -> Self {
        let state = || State { entries: HashMap::new(), budget: LineBudget::default() };
        Self(enabled.then(|| Mutex::new(state())))
    }

    /// Whether an event of now is to be logged in full. If not, it has been counted for the next summary.
    pub fn should_log(&self, key: impl FnOnce() -> K) -> bool {
        let Some(state) = &self.0 else { return true };
        let (key, now) = (key(), SystemTime::now());
        lock(state).should_log(key, now)
    }

    /// Ends a window, and returns a summary for each key with suppressed events. A key without any is logged in full again.
    pub fn end_window(&self) -> Vec<Summary<K>> {
        self.0.as_ref().map(|state| lock(state).end_window()).unwrap_or_default()
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: DedupKey> State<K> {
    fn should_log(&mut self, key: K, now: SystemTime) -> bool {
        let Self { entries, budget } = self;
        let mut take = || budget.try_take(key.source(), key.is_noise(), now);
        if let Some(entry) = entries.get_mut(&key) {
            if entry.logged < key.full_lines() && take().is_ok() {
                entry.logged += 1;
                return true;
            }
            entry.suppress(now);
            return false;
        }
        let overflow = match take() {
            _ if entries.len() >= MAX_KEYS => key.overflow(),
            Ok(()) => {
                entries.insert(key, Entry { logged: 1, ..Entry::new(now) });
                return true;
            }
            Err(Exhausted::Source) => key.source_overflow(),
            Err(Exhausted::All) => key.overflow(),
        };
        entries.entry(overflow).or_insert_with(|| Entry::new(now)).suppress(now);
        false
    }

    fn end_window(&mut self) -> Vec<Summary<K>> {
        let mut summaries = Vec::new();
        self.entries.retain(|key, entry| {
            if entry.suppressed == 0 {
                return false;
            }
            let Entry { suppressed: count, first, last, .. } = *entry;
            summaries.push(Summary { key: key.clone(), count, first, last });
            entry.suppressed = 0;
            true
        });
        summaries
    }
}

impl Entry {
    fn new(now: SystemTime) -> Self {
        Self { logged: 0, suppressed: 0, first: now, last: now }
    }

    fn suppress(&mut self, now: SystemTime) {
        if self.suppressed == 0 {
            self.first = now;
        }
        self.suppressed += 1;
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(reason: HandshakeReason, host: u32) -> RefusalKey {
        let source = Some(IpAddr::from(host.to_be_bytes()));
        RefusalKey { reason, source, limit: None, fingerprint: None }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn should_log(dedup: &LogDedup<RefusalKey>, key: RefusalKey, now: SystemTime) -> bool {
        lock(dedup.0.as_ref().unwrap()).should_log(key, now)
    }

    #[test]
    fn a_probe_is_logged_once_and_a_clients_mistake_a_few_times() {
        let dedup = LogDedup::new(true);
        let probe = || key(HandshakeReason::TcpProbe, 1);
        assert!(should_log(&dedup, probe(), at(0)));
        assert!(!should_log(&dedup, probe(), at(1)));
        let missing = || key(HandshakeReason::ClientCertMissing, 1);
        let logged = (0..10).filter(|second| should_log(&dedup, missing(), at(*second))).count();
        assert_eq!(logged as u64, FULL_LINES);
    }

    #[test]
    fn another_source_or_certificate_is_no_repetition() {
        let dedup = LogDedup::new(true);
        assert!(should_log(&dedup, key(HandshakeReason::TcpProbe, 1), at(0)));
        assert!(should_log(&dedup, key(HandshakeReason::TcpProbe, 2), at(0)));
        let with = RefusalKey { fingerprint: Some("ab".into()), ..key(HandshakeReason::TcpProbe, 1) };
        assert!(should_log(&dedup, with, at(0)));
    }

    #[test]
    fn a_window_is_summed_up_and_after_a_silent_window_a_key_is_logged_in_full_again() {
        let dedup = LogDedup::new(true);
        let probe = || key(HandshakeReason::TcpProbe, 1);
        for second in 0..4 {
            should_log(&dedup, probe(), at(second));
        }
        let summary = Summary { key: probe(), count: 3, first: at(1), last: at(3) };
        assert_eq!(dedup.end_window(), [summary]);
        assert!(!should_log(&dedup, probe(), at(4)), "it goes on: still suppressed");
        assert_eq!(dedup.end_window().len(), 1);
        assert_eq!(dedup.end_window(), [], "a silent window");
        assert!(should_log(&dedup, probe(), at(9)));
    }

    #[test]
    fn events_of_too_many_sources_are_counted_together_and_none_is_lost() {
        let dedup = LogDedup::new(true);
        let sources = 3 * u32::try_from(MAX_KEYS).unwrap();
        let logged = (0..sources)
            .filter(|host| should_log(&dedup, key(HandshakeReason::NotTls, *host), at(0)))
            .count();
        let summaries = dedup.end_window();
        assert_eq!(summaries.len(), 1, "there is only one summary");
        assert_eq!(logged as u64 + summaries[0].count, u64::from(sources));
    }

    /// A client's mistake, with a different certificate each time.
    fn with(certificate: u64, host: u32) -> RefusalKey {
        let fingerprint = Some(certificate.to_string());
        RefusalKey { fingerprint, ..key(HandshakeReason::ClientCertUnknownCa, host) }
    }

    #[test]
    fn a_source_that_causes_new_keys_has_a_limit_of_lines_per_minute() {
        let dedup = LogDedup::new(true);
        let logged =
            (0..1000).filter(|number| should_log(&dedup, with(*number, 1), at(0))).count() as u64;
        assert!(logged < 100, "{logged}");
        assert!(should_log(&dedup, with(7000, 2), at(1)), "another source is still logged");

        let summaries = dedup.end_window();
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].count, 1000 - logged);
        assert_eq!(summaries[0].key, RefusalKey { fingerprint: None, ..with(0, 1) });
        assert!(!should_log(&dedup, with(8000, 1), at(59)));
        assert!(should_log(&dedup, with(9000, 1), at(60)), "a minute later it is logged again");
    }

    #[test]
    fn noise_from_everywhere_leaves_room_for_a_clients_mistake() {
        let dedup = LogDedup::new(true);
        for host in 0..100_000 {
            should_log(&dedup, key(HandshakeReason::TcpProbe, host), at(0));
        }
        assert!(should_log(&dedup, with(1, 7), at(0)));
    }
}
