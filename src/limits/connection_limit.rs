//! How many connections may be open at once: in all, and from one source address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::token_bucket::{Quota, TokenBucket};
use crate::telemetry::Limit;
use crate::telemetry::log_dedup::network;

/// Sources that are remembered without a connection, before those are swept out that need not be.
const SWEEP_AT: usize = 4096;

/// The places of a gate; clones are the same places.
#[derive(Clone, Debug)]
pub struct ConnectionLimiter(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    taken: AtomicUsize,
    per_source: Option<usize>,
    per_second: Option<u32>,
    rate: Option<Quota>,
    /// Locked for each connection, not for each request.
    sources: Mutex<HashMap<IpAddr, Source>>,
    started: Instant,
}

#[derive(Debug, Default)]
struct Source {
    open: usize,
    handshakes: TokenBucket,
}

/// One place, until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    capacity: Arc<State>,
    source: Option<IpAddr>,
}

impl ConnectionLimiter {
    /// Room for `limit` connections, handshakes included; for each source address `per_source` of them at
    /// once, and `per_second` new ones.
    pub fn new(limit: usize, per_source: Option<usize>, per_second: Option<u32>) -> Self {
        Self(Arc::new(State {
            limit,
            taken: AtomicUsize::new(0),
            per_source,
            per_second,
            rate: per_second.map(|rate| Quota::new(rate, rate)),
            sources: Mutex::default(),
            started: Instant::now(),
        }))
    }

    /// How many of what `limit` is about there may be.
    pub(crate) fn limit(&self, limit: Limit) -> usize {
        match limit {
            Limit::ConnectionsPerSource => self.0.per_source.unwrap_or(usize::MAX),
            Limit::HandshakeRate => self.0.per_second.map_or(usize::MAX, |rate| rate as usize),
            _ => self.0.limit,
        }
    }

    /// A place for a connection, if one is free. `source`: where it is from, if that is known.
    ///
    /// # Errors
    /// What there is too much of.
    pub(crate) fn take(&self, source: Option<IpAddr>) -> Result<ConnectionPermit, Limit> {
        // The place is made first, so that it is given back whichever way this ends.
        let mut place = ConnectionPermit { capacity: Arc::clone(&self.0), source: None };
        if self.0.taken.fetch_add(1, Ordering::Relaxed) >= self.0.limit {
            return Err(Limit::Connections);
        }
        if let Some(source) = source {
            place.count_for(source)?;
        }
        Ok(place)
    }
}

impl ConnectionPermit {
    /// Counts the connection for `source` from here on, which may become known later than the connection.
    ///
    /// # Errors
    /// What there is too much of.
    pub(crate) fn count_for(&mut self, source: IpAddr) -> Result<(), Limit> {
        if self.capacity.per_source.is_none() && self.capacity.rate.is_none() {
            return Ok(());
        }
        let source = network(source);
        self.capacity.take_of(source)?;
        if let Some(before) = self.source.replace(source) {
            self.capacity.give_back(before);
        }
        Ok(())
    }
}

impl State {
    fn take_of(&self, address: IpAddr) -> Result<(), Limit> {
        let now = self.now();
        let mut sources = self.sources();
        if sources.len() >= SWEEP_AT && sources.len() >= 2 * self.taken.load(Ordering::Relaxed) {
            sources.retain(|_, source| source.is_needed(now));
        }
        let source = sources.entry(address).or_default();
        if self.per_source.is_some_and(|limit| source.open >= limit) {
            return Err(Limit::ConnectionsPerSource);
        }
        if self.rate.is_some_and(|rate| source.handshakes.take(rate, now).is_err()) {
            return Err(Limit::HandshakeRate);
        }
        source.open += 1;
        Ok(())
    }

    fn give_back(&self, address: IpAddr) {
        let now = self.now();
        let mut sources = self.sources();
        if let Some(source) = sources.get_mut(&address) {
            source.open = source.open.saturating_sub(1);
            if !source.is_needed(now) {
                sources.remove(&address);
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<IpAddr, Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn is_needed(&self, now: u64) -> bool {
        self.open > 0 || !self.handshakes.is_full(now)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.capacity.taken.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.source {
            self.capacity.give_back(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    #[test]
    fn a_place_that_is_given_back_can_be_taken_again() {
        let capacity = ConnectionLimiter::new(2, None, None);
        let first = capacity.take(ONE);
        let second = capacity.take(ONE);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(capacity.take(ONE).err(), Some(Limit::Connections));
        drop(first);
        assert!(capacity.take(ONE).is_ok());
    }

    #[test]
    fn one_source_does_not_take_the_places_of_another() {
        let capacity = ConnectionLimiter::new(10, Some(2), None);
        let held = [capacity.take(ONE), capacity.take(ONE)];
        for _ in 0..20 {
            assert_eq!(capacity.take(ONE).err(), Some(Limit::ConnectionsPerSource));
        }
        assert!(capacity.take(OTHER).is_ok(), "what was refused has left its place");
        drop(held);
        assert!(capacity.take(ONE).is_ok());
        assert!(capacity.0.sources().is_empty(), "nobody is remembered without need");
    }

    #[test]
    fn a_source_that_becomes_known_later_counts_from_then_on() {
        let capacity = ConnectionLimiter::new(10, Some(1), None);
        let (mut first, mut second) = (capacity.take(None).unwrap(), capacity.take(None).unwrap());
        let source = ONE.unwrap();
        assert!(first.count_for(source).is_ok());
        assert_eq!(second.count_for(source), Err(Limit::ConnectionsPerSource));
        assert_eq!(capacity.take(ONE).err(), Some(Limit::ConnectionsPerSource));
        drop(second);
        assert_eq!(capacity.take(ONE).err(), Some(Limit::ConnectionsPerSource), "what was refused");
        drop(first);
        assert!(capacity.take(ONE).is_ok());
        assert!(capacity.0.sources().is_empty(), "nobody is remembered without need");
    }

    #[test]
    fn one_source_does_not_connect_faster_than_it_may() {
        let capacity = ConnectionLimiter::new(10, None, Some(3));
        let let_in = (0..9).filter(|_| capacity.take(ONE).is_ok()).count();
        assert_eq!(let_in, 3);
        assert_eq!(capacity.take(ONE).err(), Some(Limit::HandshakeRate));
        assert!(capacity.take(OTHER).is_ok());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_source() {
        let capacity = ConnectionLimiter::new(10, Some(1), None);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let _held = capacity.take(address("2001:db8::1")).unwrap();
        assert!(capacity.take(address("2001:db8::2:3")).is_err());
        assert!(capacity.take(address("2001:db8:0:1::1")).is_ok());
        let _mapped = capacity.take(address("::ffff:192.0.2.1")).unwrap();
        assert!(capacity.take(ONE).is_err());
    }

    #[test]
    fn a_source_that_has_waited_may_connect_again() {
        let capacity = ConnectionLimiter::new(10, None, Some(100));
        while capacity.take(ONE).is_ok() {}
        let start = Instant::now();
        while capacity.take(ONE).is_err() {
            assert!(start.elapsed().as_secs() < 10, "it waits for ever");
        }
    }

    #[test]
    fn a_source_with_one_connection_left_has_one_place_less() {
        let capacity = ConnectionLimiter::new(10, Some(2), None);
        let (first, _second) = (capacity.take(ONE).unwrap(), capacity.take(ONE).unwrap());
        drop(first);
        let _third = capacity.take(ONE).unwrap();
        assert_eq!(capacity.take(ONE).err(), Some(Limit::ConnectionsPerSource));
    }

    #[test]
    fn a_place_can_be_counted_for_another_source_than_before() {
        let capacity = ConnectionLimiter::new(10, Some(1), None);
        let mut place = capacity.take(ONE).unwrap();
        assert!(place.count_for(OTHER.unwrap()).is_ok());
        assert_eq!(capacity.take(OTHER).err(), Some(Limit::ConnectionsPerSource));
        assert!(capacity.take(ONE).is_ok(), "it is still counted for the first");
    }

    #[test]
    fn each_limit_is_told_as_it_was_set() {
        let capacity = ConnectionLimiter::new(30, Some(20), Some(10));
        let limits = [Limit::Connections, Limit::ConnectionsPerSource, Limit::HandshakeRate];
        assert_eq!(limits.map(|limit| capacity.limit(limit)), [30, 20, 10]);
    }

    #[test]
    fn sources_that_need_not_be_remembered_make_room_for_others() {
        let capacity = ConnectionLimiter::new(10, Some(2), None);
        let _held = [capacity.take(ONE), capacity.take(ONE)];
        for host in 0..2 * u32::try_from(SWEEP_AT).unwrap() {
            capacity.0.sources().insert(host.to_be_bytes().into(), Source::default());
        }
        let _other = capacity.take(OTHER).unwrap();
        assert_eq!(capacity.0.sources().len(), 2, "those with a connection are remembered");
        assert_eq!(capacity.take(ONE).err(), Some(Limit::ConnectionsPerSource));
    }

    #[test]
    fn sources_that_are_gone_are_forgotten_in_the_end() {
        let capacity = ConnectionLimiter::new(1, None, Some(u32::MAX));
        for host in 0..20_000u32 {
            let _ = capacity.take(Some(IpAddr::from(host.to_be_bytes())));
        }
        assert!(capacity.0.sources().len() <= SWEEP_AT, "{}", capacity.0.sources().len());
    }
}
