//! Limits for each client certificate: connections, requests per second, and requests at once.
//!
//! A connection looks up its client's counters once. A request changes two atomic numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::settings::Limits;
use super::token_bucket::{Quota, TokenBucket};
use crate::telemetry::LogThrottle;

/// How many clients are remembered. Beyond that, clients without a connection and with a full token bucket are
/// forgotten. If none can be forgotten, all further clients share one set of counters.
const MAX_CLIENTS: usize = 65_536;

/// The counters of all clients, by the fingerprint of their certificate; clones share them.
#[derive(Clone, Debug)]
pub struct ClientLimits(Arc<State>);

#[derive(Debug)]
struct State {
    started: Instant,
    clients: Mutex<HashMap<String, Arc<Counters>>>,
    /// The number that the next client gets.
    next: AtomicUsize,
    /// For the clients beyond [`MAX_CLIENTS`].
    overflow: Arc<Counters>,
}

/// The minimum time between two log lines about one client's refused requests, or about its floods.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// Limits one client. Each of its connections holds one of these, and counts until it is dropped.
#[derive(Debug)]
pub struct ClientLimiter {
    started: Instant,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    number: usize,
    connections: AtomicUsize,
    request_rate: TokenBucket,
    in_flight: AtomicUsize,
    refusals: LogThrottle,
    floods: LogThrottle,
}

/// One request counts until this is dropped.
#[derive(Debug)]
pub struct RequestPermit(Arc<Counters>);

/// The limit that a request exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// Requests per second, and how long to wait.
    Rate(Duration),
    /// Requests at once.
    AtOnce {
        /// Whether twice the limit is reached: the client does not read the refusals either.
        flood: bool,
    },
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self(Arc::new(State {
            started: Instant::now(),
            clients: Mutex::default(),
            next: AtomicUsize::new(1),
            overflow: Arc::default(),
        }))
    }
}

impl ClientLimits {
    /// Admits one more connection of the client whose certificate has this fingerprint.
    ///
    /// # Errors
    /// The limit of connections, if the client has reached it.
    pub(crate) fn admit(&self, fingerprint: &str, limits: &Limits) -> Result<ClientLimiter, usize> {
        // The guard is created first, so that an error drops it and undoes the count.
        let limiter = ClientLimiter { started: self.0.started, counters: self.counters(fingerprint) };
        let open = limiter.counters.connections.fetch_add(1, Ordering::Relaxed);
        match limits.connections_per_identity.filter(|limit| open >= *limit) {
            Some(limit) => Err(limit),
            None => Ok(limiter),
        }
    }

    fn counters(&self, fingerprint: &str) -> Arc<Counters> {
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = clients.get(fingerprint) {
            return Arc::clone(counters);
        }
        if clients.len() >= MAX_CLIENTS {
            let now = nanos(self.0.started);
            // Counters that a connection holds must stay its client's.
            let is_needed = |counters: &Arc<Counters>| {
                Arc::strong_count(counters) > 1 || !counters.request_rate.is_full(now)
            };
            clients.retain(|_, counters| is_needed(counters));
        }
        if clients.len() >= MAX_CLIENTS {
            return Arc::clone(&self.0.overflow);
        }
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let counters = Arc::new(Counters { number, ..Counters::default() });
        clients.insert(fingerprint.to_owned(), Arc::clone(&counters));
        counters
    }
}

impl ClientLimiter {
    /// The client's number. Clients are numbered in the order of their first connections.
    pub(crate) fn number(&self) -> usize {
        self.counters.number
    }

    /// Counts a request, and checks whether it exceeds a limit.
    ///
    /// A refused request gets a permit too, and counts until its response is sent. So a client that does not read
    /// refusals also reaches the limit.
    pub(crate) fn take(&self, limits: &Limits) -> (RequestPermit, Result<(), LimitExceeded>) {
        let permit = RequestPermit(Arc::clone(&self.counters));
        let others = self.counters.in_flight.fetch_add(1, Ordering::Relaxed);
        (permit, self.check(others, limits))
    }

    /// `others`: the client's other requests in progress.
    fn check(&self, others: usize, limits: &Limits) -> Result<(), LimitExceeded> {
        if let Some(limit) = limits.requests_at_once.filter(|limit| others >= *limit) {
            return Err(LimitExceeded::AtOnce { flood: others >= limit.saturating_mul(2) });
        }
        if let Some(per_second) = limits.request_rate {
            let quota = Quota::new(per_second, limits.request_burst.unwrap_or(per_second));
            self.counters.request_rate.take(quota, nanos(self.started)).map_err(LimitExceeded::Rate)?;
        }
        Ok(())
    }

    /// Whether to log a refusal: at most one per second is logged. Returns how many were left out before it.
    pub(crate) fn should_log_refusal(&self) -> Option<u64> {
        self.counters.refusals.pass(self.started.elapsed(), LOG_PAUSE)
    }

    /// Whether to log that a connection was closed because of a flood: at most one per second is logged.
    pub(crate) fn should_log_flood(&self) -> bool {
        self.counters.floods.pass(self.started.elapsed(), LOG_PAUSE).is_some()
    }
}

fn nanos(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Drop for ClientLimiter {
    fn drop(&mut self) {
        self.counters.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One connection, one request at a time, and one request per second.
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
        signed_request_rate: None,
        failed_signatures: None,
    };

    fn remembered(limits: &ClientLimits) -> usize {
        limits.0.clients.lock().unwrap().len()
    }

    /// Opens one connection for each of as many clients as are remembered.
    fn fill(limits: &ClientLimits) -> Vec<ClientLimiter> {
        (0..MAX_CLIENTS).map(|number| limits.admit(&number.to_string(), &LIMITS).unwrap()).collect()
    }

    #[test]
    fn a_client_cannot_have_more_connections_than_its_limit() {
        let clients = ClientLimits::default();
        let first = clients.admit("a", &LIMITS).unwrap();
        assert_eq!(clients.admit("a", &LIMITS).err(), Some(1));
        assert!(clients.admit("b", &LIMITS).is_ok());
        drop(first);
        assert!(clients.admit("a", &LIMITS).is_ok(), "the refused connection still counts");
    }

    #[test]
    fn beyond_the_bound_all_further_clients_share_one_set_of_counters() {
        let clients = ClientLimits::default();
        let _held = fill(&clients);
        let (one, other) = (clients.counters("one"), clients.counters("other"));
        assert_eq!(remembered(&clients), MAX_CLIENTS);
        assert!(Arc::ptr_eq(&one, &other));
        let limiter = ClientLimiter { started: clients.0.started, counters: one };
        let (_in_flight, first) = limiter.take(&LIMITS);
        assert_eq!(first, Ok(()));
        let other = ClientLimiter { started: clients.0.started, counters: other };
        assert_eq!(other.take(&LIMITS).1, Err(LimitExceeded::AtOnce { flood: false }));
    }

    #[test]
    fn a_client_with_a_connection_keeps_its_counters_when_others_are_forgotten() {
        let clients = ClientLimits::default();
        let mut held = fill(&clients);
        let kept = held.swap_remove(7);
        drop(held);
        let new = clients.counters("new");
        assert!(!Arc::ptr_eq(&new, &clients.0.overflow), "nobody was forgotten");
        assert_eq!(remembered(&clients), 2, "clients without a connection are not forgotten");
        assert!(Arc::ptr_eq(&kept.counters, &clients.counters("7")));
    }

    #[test]
    fn a_client_that_has_used_up_its_rate_is_not_forgotten_when_its_connection_ends() {
        let clients = ClientLimits::default();
        let held = fill(&clients);
        let spent = Arc::clone(&held[7].counters);
        assert_eq!(held[7].take(&LIMITS).1, Ok(()));
        drop(held);
        let is_same = Arc::as_ptr(&spent);
        drop(spent);
        let _new = clients.counters("new");
        assert_eq!(Arc::as_ptr(&clients.counters("7")), is_same);
        assert_eq!(remembered(&clients), 2);
    }

    #[test]
    fn refusals_and_floods_are_throttled_independently() {
        let client = ClientLimits::default().admit("a", &LIMITS).unwrap();
        assert_eq!((client.should_log_refusal(), client.should_log_refusal()), (Some(0), None));
        assert_eq!((client.should_log_flood(), client.should_log_flood()), (true, false));
    }

    #[test]
    fn twice_as_many_requests_at_once_as_allowed_are_a_flood() {
        let limits = Limits { requests_at_once: Some(2), request_rate: None, ..LIMITS };
        let client = ClientLimits::default().admit("a", &limits).unwrap();
        let taken = [(); 5].map(|()| client.take(&limits));
        let too_much = |flood| Err(LimitExceeded::AtOnce { flood });
        let verdicts = taken.each_ref().map(|(_, verdict)| *verdict);
        assert_eq!(verdicts, [Ok(()), Ok(()), too_much(false), too_much(false), too_much(true)]);
        drop(taken);
        assert_eq!(client.take(&limits).1, Ok(()), "the dropped permits still count");
    }

    #[test]
    fn a_client_that_has_waited_may_send_its_next_request() {
        let limits = Limits { request_rate: Some(100), requests_at_once: None, ..LIMITS };
        let client = ClientLimits::default().admit("a", &limits).unwrap();
        while client.take(&limits).1.is_ok() {}
        let start = Instant::now();
        while client.take(&limits).1.is_err() {
            assert!(start.elapsed().as_secs() < 10, "it is never allowed");
        }
    }
}
