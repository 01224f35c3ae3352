//! What one identity may use of clawgate: connections, requests in a second, and requests at once.
//!
//! A connection looks its client's share up once; a request touches two atomic numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::settings::Limits;
use super::token_bucket::{Quota, TokenBucket};

/// Identities that are remembered at a time. Beyond that those are forgotten that have nothing under way
/// and have not been heard of for a second; all further ones share one share.
const MAX_IDENTITIES: usize = 65_536;

/// The shares of all identities, by the fingerprint of their certificate; clones are the same.
#[derive(Clone, Debug)]
pub struct ClientLimits(Arc<State>);

#[derive(Debug)]
struct State {
    started: Instant,
    known: Mutex<HashMap<String, Arc<Used>>>,
    /// The number of the next identity.
    next: AtomicUsize,
    /// Of those beyond the bound.
    others: Arc<Used>,
}

/// One identity's share, as each of its connections holds it.
#[derive(Debug)]
pub struct ClientLimiter {
    started: Instant,
    used: Arc<Used>,
}

#[derive(Debug, Default)]
struct Used {
    number: usize,
    connections: AtomicUsize,
    requests: TokenBucket,
    at_once: AtomicUsize,
    refusals: LogThrottle,
    floods: LogThrottle,
}

/// One line in a second.
#[derive(Debug, Default)]
struct LogThrottle {
    /// How many were not logged since the last that was.
    unsaid: AtomicU64,
    /// Nanoseconds after the start, of the last that was logged.
    said: AtomicU64,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub struct RequestPermit(Arc<Used>);

/// Why a request is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// Too many in a second; with how long to wait.
    Rate(Duration),
    /// Too many at once.
    AtOnce {
        /// So many that not even the refusals are taken.
        flood: bool,
    },
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self(Arc::new(State {
            started: Instant::now(),
            known: Mutex::default(),
            next: AtomicUsize::new(1),
            others: Arc::default(),
        }))
    }
}

impl ClientLimits {
    /// The share of whoever holds the certificate with this fingerprint, for one connection more.
    ///
    /// # Errors
    /// How many it may have, when it has as many.
    pub(crate) fn take(&self, fingerprint: &str, limits: &Limits) -> Result<ClientLimiter, usize> {
        // Made first, so that it is given back whichever way this ends.
        let share = ClientLimiter { started: self.0.started, used: self.used(fingerprint) };
        let open = share.used.connections.fetch_add(1, Ordering::Relaxed);
        match limits.connections_per_identity.filter(|limit| open >= *limit) {
            Some(limit) => Err(limit),
            None => Ok(share),
        }
    }

    fn used(&self, fingerprint: &str) -> Arc<Used> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = known.get(fingerprint) {
            return Arc::clone(used);
        }
        if known.len() >= MAX_IDENTITIES {
            let now = nanos(self.0.started);
            // A share that another connection holds must stay the one share of its identity.
            known.retain(|_, used| Arc::strong_count(used) > 1 || !used.requests.is_full(now));
        }
        if known.len() >= MAX_IDENTITIES {
            return Arc::clone(&self.0.others);
        }
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let used = Arc::new(Used { number, ..Used::default() });
        known.insert(fingerprint.to_owned(), Arc::clone(&used));
        used
    }
}

impl ClientLimiter {
    /// The identity's number: in the order in which they came.
    pub(crate) fn number(&self) -> usize {
        self.used.number
    }

    /// Takes a part of it for one request, and says why it is too much, if it is.
    ///
    /// The answer that says so takes its part as well: a client that does not read it keeps it.
    pub(crate) fn take(&self, limits: &Limits) -> (RequestPermit, Result<(), LimitExceeded>) {
        let part = RequestPermit(Arc::clone(&self.used));
        let at_once = self.used.at_once.fetch_add(1, Ordering::Relaxed);
        (part, self.allow(at_once, limits))
    }

    fn allow(&self, at_once: usize, limits: &Limits) -> Result<(), LimitExceeded> {
        if let Some(limit) = limits.requests_at_once.filter(|limit| at_once >= *limit) {
            return Err(LimitExceeded::AtOnce { flood: at_once >= limit.saturating_mul(2) });
        }
        if let Some(per_second) = limits.request_rate {
            let rate = Quota::new(per_second, limits.request_burst.unwrap_or(per_second));
            self.used.requests.take(rate, nanos(self.started)).map_err(LimitExceeded::Rate)?;
        }
        Ok(())
    }

    /// Whether a refusal is to be logged: one in a second is. Returns how many were not logged before it.
    pub(crate) fn is_news(&self) -> Option<u64> {
        self.used.refusals.are(nanos(self.started))
    }

    /// The same for connections that were ended.
    pub(crate) fn flood_is_news(&self) -> bool {
        self.used.floods.are(nanos(self.started)).is_some()
    }
}

impl LogThrottle {
    fn are(&self, now: u64) -> Option<u64> {
        const SECOND: u64 = 1_000_000_000;
        let (now, said, relaxed) = (now.max(1), self.said.load(Ordering::Relaxed), Ordering::Relaxed);
        let due = said == 0 || now.saturating_sub(said) >= SECOND;
        if due && self.said.compare_exchange(said, now, relaxed, relaxed).is_ok() {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

fn nanos(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Drop for ClientLimiter {
    fn drop(&mut self) {
        self.used.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One connection, one request at once, and one in a second.
    const LIMITS: Limits = Limits {
        connections_per_identity: Some(1),
        greeting_timeout: Duration::ZERO,
        connection_requests: None,
        head_timeout: Duration::ZERO,
        uri: 0,
        body_timeout: Duration::ZERO,
        body_rate: None,
        send_timeout: Duration::ZERO,
        request_timeout: Duration::ZERO,
        streams: 1,
        request_rate: Some(1),
        request_burst: None,
        requests_at_once: Some(1),
    };

    fn known(shares: &ClientLimits) -> usize {
        shares.0.known.lock().unwrap().len()
    }

    /// Connections of as many identities as are remembered.
    fn all_places(shares: &ClientLimits) -> Vec<ClientLimiter> {
        (0..MAX_IDENTITIES).map(|number| shares.take(&number.to_string(), &LIMITS).unwrap()).collect()
    }

    #[test]
    fn an_identity_has_no_more_connections_than_it_may() {
        let shares = ClientLimits::default();
        let first = shares.take("a", &LIMITS).unwrap();
        assert_eq!(shares.take("a", &LIMITS).err(), Some(1));
        assert!(shares.take("b", &LIMITS).is_ok());
        drop(first);
        assert!(shares.take("a", &LIMITS).is_ok(), "what was refused was not given back");
    }

    #[test]
    fn beyond_the_bound_all_further_identities_share_one_share() {
        let shares = ClientLimits::default();
        let _held = all_places(&shares);
        let (one, other) = (shares.used("one"), shares.used("other"));
        assert_eq!(known(&shares), MAX_IDENTITIES);
        assert!(Arc::ptr_eq(&one, &other));
        let used = ClientLimiter { started: shares.0.started, used: one };
        let (_under_way, first) = used.take(&LIMITS);
        assert_eq!(first, Ok(()));
        let other = ClientLimiter { started: shares.0.started, used: other };
        assert_eq!(other.take(&LIMITS).1, Err(LimitExceeded::AtOnce { flood: false }));
    }

    #[test]
    fn an_identity_with_a_connection_keeps_its_share_when_others_are_forgotten() {
        let shares = ClientLimits::default();
        let mut held = all_places(&shares);
        let kept = held.swap_remove(7);
        drop(held);
        let new = shares.used("new");
        assert!(!Arc::ptr_eq(&new, &shares.0.others), "there was no place for it");
        assert_eq!(known(&shares), 2, "those without a connection are forgotten");
        assert!(Arc::ptr_eq(&kept.used, &shares.used("7")));
    }

    #[test]
    fn an_identity_that_has_used_up_its_rate_is_not_forgotten_when_its_connection_ends() {
        let shares = ClientLimits::default();
        let held = all_places(&shares);
        let spent = Arc::clone(&held[7].used);
        assert_eq!(held[7].take(&LIMITS).1, Ok(()));
        drop(held);
        let is_same = Arc::as_ptr(&spent);
        drop(spent);
        let _new = shares.used("new");
        assert_eq!(Arc::as_ptr(&shares.used("7")), is_same);
        assert_eq!(known(&shares), 2);
    }

    #[test]
    fn a_refusal_is_news_once_in_a_second_and_says_how_many_were_not_logged() {
        const SECOND: u64 = 1_000_000_000;
        let news = LogThrottle::default();
        assert_eq!(news.are(0), Some(0));
        assert_eq!([news.are(1), news.are(SECOND / 2), news.are(SECOND)], [None; 3]);
        assert_eq!(news.are(SECOND + 1), Some(3));
        assert_eq!(news.are(SECOND + 2), None);
        assert_eq!(news.are(9 * SECOND), Some(1));
    }

    #[test]
    fn refusals_and_floods_are_news_apart_from_each_other() {
        let share = ClientLimits::default().take("a", &LIMITS).unwrap();
        assert_eq!((share.is_news(), share.is_news()), (Some(0), None));
        assert_eq!((share.flood_is_news(), share.flood_is_news()), (true, false));
    }

    #[test]
    fn twice_as_many_requests_at_once_as_allowed_are_a_flood() {
        let limits = Limits { requests_at_once: Some(2), request_rate: None, ..LIMITS };
        let share = ClientLimits::default().take("a", &limits).unwrap();
        let taken = [(); 5].map(|()| share.take(&limits));
        let too_much = |flood| Err(LimitExceeded::AtOnce { flood });
        let verdicts = taken.each_ref().map(|(_, verdict)| *verdict);
        assert_eq!(verdicts, [Ok(()), Ok(()), too_much(false), too_much(false), too_much(true)]);
        drop(taken);
        assert_eq!(share.take(&limits).1, Ok(()), "the places were not given back");
    }

    #[test]
    fn an_identity_that_has_waited_gets_its_next_request() {
        let limits = Limits { request_rate: Some(100), requests_at_once: None, ..LIMITS };
        let share = ClientLimits::default().take("a", &limits).unwrap();
        while share.take(&limits).1.is_ok() {}
        let start = Instant::now();
        while share.take(&limits).1.is_err() {
            assert!(start.elapsed().as_secs() < 10, "it waits for ever");
        }
    }
}
