//! Limits how often a client may send a request whose signature does not match.
//!
//! Verifying costs a read of the whole body and one HMAC for each key and signature, and a failure costs a diagnosis and a
//! log line. A client that fails often is refused before all that.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::token_bucket::{Quota, TokenBucket};
use crate::telemetry::log_dedup::network;

/// How many addresses are remembered for one route, in at most 1 MiB.
///
/// Beyond that, addresses without a failure in the last minute are forgotten. If there are none, further addresses are not
/// counted. They do not share a counter: with the /64 networks of one IPv6 /48, an attacker could fill the table and then
/// block all clients that are not in it.
const MAX_ADDRESSES: usize = 16_384;

/// The least time between two searches for addresses that can be forgotten, in nanoseconds. Each reads the whole table.
const SWEEP_PAUSE: u64 = 1_000_000_000;

/// The failed signatures of one route, by source address (of IPv6: by /64); clones share them.
#[derive(Clone, Debug)]
pub struct FailedSignatures(Arc<State>);

#[derive(Debug)]
struct State {
    quota: Quota,
    started: Instant,
    /// Until when at least one address is blocked, in nanoseconds since `started`.
    blocked_until: AtomicU64,
    /// Locked for each failed signature and, only while an address is blocked, for each request.
    addresses: Mutex<Addresses>,
}

#[derive(Debug, Default)]
struct Addresses {
    buckets: HashMap<IpAddr, TokenBucket>,
    next_sweep: u64,
}

impl FailedSignatures {
    /// Allows `per_minute` failed signatures for each address, which may all come at once.
    ///
    /// `started` is the begin of the clock. Times before it count as that time.
    pub fn new(per_minute: u32, started: Instant) -> Self {
        Self(Arc::new(State {
            quota: Quota::per_minute(per_minute),
            started,
            blocked_until: AtomicU64::new(0),
            addresses: Mutex::default(),
        }))
    }

    /// Whether the address has reached its limit at `now`, and how long it must wait for its next request.
    ///
    /// Takes no lock unless some address has reached its limit.
    pub fn is_blocked(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let now = self.0.nanos(now);
        if self.0.blocked_until.load(Ordering::Relaxed) <= now {
            return None;
        }
        let addresses = self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.buckets.get(&network(address))?.wait(self.0.quota, now)
    }

    /// Counts a failed signature of the address.
    pub fn failed(&self, address: IpAddr, now: Instant) {
        let now = self.0.nanos(now);
        let mut addresses = self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = addresses.bucket(network(address), now) else { return };
        // Requests that were in progress when the address reached its limit find no token. They do not prolong the wait.
        let _ = bucket.take(self.0.quota, now);
        if let Some(wait) = bucket.wait(self.0.quota, now) {
            self.0.blocked_until.fetch_max(now.saturating_add(nanos(wait)), Ordering::Relaxed);
        }
    }
}

impl State {
    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.started))
    }
}

impl Addresses {
    /// `None` if there is no space for another address.
    fn bucket(&mut self, address: IpAddr, now: u64) -> Option<&TokenBucket> {
        if self.buckets.len() >= MAX_ADDRESSES && !self.buckets.contains_key(&address) {
            if now < self.next_sweep {
                return None;
            }
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.next_sweep = now.saturating_add(SWEEP_PAUSE);
            if self.buckets.len() >= MAX_ADDRESSES {
                return None;
            }
        }
        Some(self.buckets.entry(address).or_default())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn number(number: usize) -> IpAddr {
        Ipv4Addr::from(u32::try_from(number).unwrap()).into()
    }

    #[test]
    fn an_address_is_blocked_after_its_failures_of_a_minute_and_others_are_not() {
        let start = Instant::now();
        let failures = FailedSignatures::new(3, start);
        for _ in 0..2 {
            failures.failed(A, start);
        }
        assert_eq!(failures.is_blocked(A, start), None);

        failures.failed(A, start);

        assert_eq!(failures.is_blocked(A, start), Some(seconds(20)));
        assert_eq!(failures.is_blocked(B, start), None);
    }

    #[test]
    fn a_blocked_address_may_try_again_after_the_time_that_it_was_told() {
        let start = Instant::now();
        let failures = FailedSignatures::new(1, start);
        failures.failed(A, start);
        let wait = failures.is_blocked(A, start).unwrap();

        assert_eq!(
            failures.is_blocked(A, start + wait - Duration::from_nanos(1)),
            Some(Duration::from_nanos(1))
        );
        assert_eq!(failures.is_blocked(A, start + wait), None);
    }

    #[test]
    fn failures_while_an_address_is_blocked_do_not_prolong_its_wait() {
        let start = Instant::now();
        let failures = FailedSignatures::new(2, start);
        for _ in 0..100 {
            failures.failed(A, start);
        }

        assert_eq!(failures.is_blocked(A, start), Some(seconds(30)));
    }

    #[test]
    fn an_ipv6_network_of_64_bits_counts_as_one_address() {
        let start = Instant::now();
        let failures = FailedSignatures::new(1, start);
        let of = |network, host| Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host).into();
        failures.failed(of(1, 1), start);

        assert!(failures.is_blocked(of(1, 2), start).is_some());
        assert_eq!(failures.is_blocked(of(2, 1), start), None);
    }

    #[test]
    fn a_request_locks_nothing_while_no_address_is_blocked() {
        let start = Instant::now();
        let failures = FailedSignatures::new(2, start);
        failures.failed(A, start);
        let _locked = failures.0.addresses.lock().unwrap();

        assert_eq!(failures.is_blocked(A, start), None);
    }

    #[test]
    fn addresses_beyond_the_bound_are_neither_remembered_nor_blocked() {
        let start = Instant::now();
        let failures = FailedSignatures::new(1, start);
        (0..MAX_ADDRESSES).for_each(|index| failures.failed(number(index), start));

        failures.failed(A, start);

        assert_eq!(failures.is_blocked(A, start), None);
        assert!(failures.is_blocked(number(0), start).is_some(), "one of the first was forgotten");
        assert_eq!(failures.0.addresses.lock().unwrap().buckets.len(), MAX_ADDRESSES);
    }

    #[test]
    fn a_known_address_is_still_counted_when_the_table_is_full() {
        let start = Instant::now();
        let failures = FailedSignatures::new(2, start);
        (0..MAX_ADDRESSES).for_each(|index| failures.failed(number(index), start));

        failures.failed(A, start);
        failures.failed(number(7), start);

        assert!(failures.is_blocked(number(7), start).is_some());
    }

    #[test]
    fn when_the_table_is_full_addresses_without_a_failure_in_the_last_minute_are_forgotten() {
        let start = Instant::now();
        let failures = FailedSignatures::new(1, start);
        (1..MAX_ADDRESSES).for_each(|index| failures.failed(number(index), start));
        let later = start + seconds(59);
        failures.failed(number(0), later);
        failures.failed(A, later);

        failures.failed(A, start + seconds(60));

        assert!(failures.is_blocked(A, start + seconds(60)).is_some());
        assert!(failures.is_blocked(number(0), start + seconds(60)).is_some(), "it failed a second ago");
        assert_eq!(failures.0.addresses.lock().unwrap().buckets.len(), 2);
    }

    #[test]
    fn the_full_table_is_searched_at_most_once_in_a_second() {
        let start = Instant::now();
        let failures = FailedSignatures::new(1, start);
        (0..MAX_ADDRESSES).for_each(|index| failures.failed(number(index), start));
        let half = Duration::from_millis(500);
        failures.failed(A, start + seconds(59) + half);

        // All could be forgotten at 60 s, but the next search is not before 60.5 s.
        failures.failed(B, start + seconds(60));
        assert_eq!(failures.0.addresses.lock().unwrap().buckets.len(), MAX_ADDRESSES);

        failures.failed(B, start + seconds(60) + half);
        assert_eq!(failures.0.addresses.lock().unwrap().buckets.len(), 1);
    }

    #[test]
    fn a_time_before_the_start_counts_as_the_start() {
        let early = Instant::now();
        let failures = FailedSignatures::new(1, early + seconds(10));
        failures.failed(A, early);

        assert_eq!(failures.is_blocked(A, early), Some(seconds(60)));
    }
}
