//! Limits open connections, in all and for each source address, and the rate of new connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::token_bucket::{Quota, TokenBucket};
use crate::telemetry::Limit;
use crate::telemetry::log_dedup::network;

/// When this many sources are remembered, those that are no longer needed are removed.
const SWEEP_AT: usize = 4096;

/// Limits the connections of all workers; clones share it.
#[derive(Clone, Debug)]
pub struct ConnectionLimiter(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    open: AtomicUsize,
    per_source: Option<usize>,
    per_second: Option<u32>,
    quota: Option<Quota>,
    /// The lock is taken for each connection, not for each request.
    sources: Mutex<HashMap<IpAddr, Source>>,
    started: Instant,
}

#[derive(Debug, Default)]
struct Source {
    open: usize,
    handshakes: TokenBucket,
}

/// A connection, which counts until this is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    limiter: Arc<State>,
    /// The network that the connection counts for.
    source: Option<IpAddr>,
}

impl ConnectionLimiter {
    /// Allows at most `limit` connections, including those in a handshake. Allows each source address at most
    /// `per_source` connections at a time, and `per_second` new ones.
    pub fn new(limit: usize, per_source: Option<usize>, per_second: Option<u32>) -> Self {
        Self(Arc::new(State {
            limit,
            open: AtomicUsize::new(0),
            per_source,
            per_second,
            quota: per_second.map(|rate| Quota::new(rate, rate)),
            sources: Mutex::default(),
            started: Instant::now(),
        }))
    }

    /// The value of a limit.
    pub(crate) fn limit(&self, limit: Limit) -> usize {
        match limit {
            Limit::ConnectionsPerSource => self.0.per_source.unwrap_or(usize::MAX),
            Limit::HandshakeRate => self.0.per_second.map_or(usize::MAX, |rate| rate as usize),
            _ => self.0.limit,
        }
    }

    /// Admits a connection. `source`: its address, if it is known already.
    ///
    /// # Errors
    /// The limit that was reached.
    pub(crate) fn admit(&self, source: Option<IpAddr>) -> Result<ConnectionPermit, Limit> {
        // The guard is created first, so that an error drops it and undoes the count.
        let mut permit = ConnectionPermit { limiter: Arc::clone(&self.0), source: None };
        if self.0.open.fetch_add(1, Ordering::Relaxed) >= self.0.limit {
            return Err(Limit::Connections);
        }
        if let Some(source) = source {
            permit.count_for(source)?;
        }
        Ok(permit)
    }
}

impl ConnectionPermit {
    /// Counts the connection for `source` from now on. Behind a load balancer the source is known only after the PROXY
    /// header.
    ///
    /// # Errors
    /// The limit that was reached.
    pub(crate) fn count_for(&mut self, source: IpAddr) -> Result<(), Limit> {
        if self.limiter.per_source.is_none() && self.limiter.quota.is_none() {
            return Ok(());
        }
        let source = network(source);
        self.limiter.add(source)?;
        if let Some(before) = self.source.replace(source) {
            self.limiter.remove(before);
        }
        Ok(())
    }
}

impl State {
    fn add(&self, address: IpAddr) -> Result<(), Limit> {
        let now = self.now();
        let mut sources = self.sources();
        if sources.len() >= SWEEP_AT && sources.len() >= 2 * self.open.load(Ordering::Relaxed) {
            sources.retain(|_, source| source.is_needed(now));
        }
        let source = sources.entry(address).or_default();
        if self.per_source.is_some_and(|limit| source.open >= limit) {
            return Err(Limit::ConnectionsPerSource);
        }
        if self.quota.is_some_and(|quota| source.handshakes.take(quota, now).is_err()) {
            return Err(Limit::HandshakeRate);
        }
        source.open += 1;
        Ok(())
    }

    fn remove(&self, address: IpAddr) {
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
        self.limiter.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.source {
            self.limiter.remove(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    #[test]
    fn a_closed_connection_makes_room_for_another() {
        let limiter = ConnectionLimiter::new(2, None, None);
        let first = limiter.admit(ONE);
        let second = limiter.admit(ONE);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(limiter.admit(ONE).err(), Some(Limit::Connections));
        drop(first);
        assert!(limiter.admit(ONE).is_ok());
    }

    #[test]
    fn one_source_does_not_use_up_the_connections_of_another() {
        let limiter = ConnectionLimiter::new(10, Some(2), None);
        let held = [limiter.admit(ONE), limiter.admit(ONE)];
        for _ in 0..20 {
            assert_eq!(limiter.admit(ONE).err(), Some(Limit::ConnectionsPerSource));
        }
        assert!(limiter.admit(OTHER).is_ok(), "a refused connection does not count");
        drop(held);
        assert!(limiter.admit(ONE).is_ok());
        assert!(limiter.0.sources().is_empty(), "no source is remembered without need");
    }

    #[test]
    fn a_source_that_becomes_known_later_counts_from_then_on() {
        let limiter = ConnectionLimiter::new(10, Some(1), None);
        let (mut first, mut second) = (limiter.admit(None).unwrap(), limiter.admit(None).unwrap());
        let source = ONE.unwrap();
        assert!(first.count_for(source).is_ok());
        assert_eq!(second.count_for(source), Err(Limit::ConnectionsPerSource));
        assert_eq!(limiter.admit(ONE).err(), Some(Limit::ConnectionsPerSource));
        drop(second);
        assert_eq!(
            limiter.admit(ONE).err(),
            Some(Limit::ConnectionsPerSource),
            "a refused connection does not count"
        );
        drop(first);
        assert!(limiter.admit(ONE).is_ok());
        assert!(limiter.0.sources().is_empty(), "no source is remembered without need");
    }

    #[test]
    fn one_source_cannot_connect_faster_than_its_rate() {
        let limiter = ConnectionLimiter::new(10, None, Some(3));
        let admitted = (0..9).filter(|_| limiter.admit(ONE).is_ok()).count();
        assert_eq!(admitted, 3);
        assert_eq!(limiter.admit(ONE).err(), Some(Limit::HandshakeRate));
        assert!(limiter.admit(OTHER).is_ok());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_source() {
        let limiter = ConnectionLimiter::new(10, Some(1), None);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let _held = limiter.admit(address("2001:db8::1")).unwrap();
        assert!(limiter.admit(address("2001:db8::2:3")).is_err());
        assert!(limiter.admit(address("2001:db8:0:1::1")).is_ok());
        let _mapped = limiter.admit(address("::ffff:192.0.2.1")).unwrap();
        assert!(limiter.admit(ONE).is_err());
    }

    #[test]
    fn a_source_that_has_waited_may_connect_again() {
        let limiter = ConnectionLimiter::new(10, None, Some(100));
        while limiter.admit(ONE).is_ok() {}
        let start = Instant::now();
        while limiter.admit(ONE).is_err() {
            assert!(start.elapsed().as_secs() < 10, "it is never admitted");
        }
    }

    #[test]
    fn each_open_connection_of_a_source_counts() {
        let limiter = ConnectionLimiter::new(10, Some(2), None);
        let (first, _second) = (limiter.admit(ONE).unwrap(), limiter.admit(ONE).unwrap());
        drop(first);
        let _third = limiter.admit(ONE).unwrap();
        assert_eq!(limiter.admit(ONE).err(), Some(Limit::ConnectionsPerSource));
    }

    #[test]
    fn a_permit_can_be_counted_for_another_source() {
        let limiter = ConnectionLimiter::new(10, Some(1), None);
        let mut permit = limiter.admit(ONE).unwrap();
        assert!(permit.count_for(OTHER.unwrap()).is_ok());
        assert_eq!(limiter.admit(OTHER).err(), Some(Limit::ConnectionsPerSource));
        assert!(limiter.admit(ONE).is_ok(), "it is still counted for the first");
    }

    #[test]
    fn each_limit_can_be_read() {
        let limiter = ConnectionLimiter::new(30, Some(20), Some(10));
        let limits = [Limit::Connections, Limit::ConnectionsPerSource, Limit::HandshakeRate];
        assert_eq!(limits.map(|limit| limiter.limit(limit)), [30, 20, 10]);
    }

    #[test]
    fn sources_that_need_not_be_remembered_are_removed() {
        let limiter = ConnectionLimiter::new(10, Some(2), None);
        let _held = [limiter.admit(ONE), limiter.admit(ONE)];
        for host in 0..2 * u32::try_from(SWEEP_AT).unwrap() {
            limiter.0.sources().insert(host.to_be_bytes().into(), Source::default());
        }
        let _other = limiter.admit(OTHER).unwrap();
        assert_eq!(limiter.0.sources().len(), 2, "those with a connection are remembered");
        assert_eq!(limiter.admit(ONE).err(), Some(Limit::ConnectionsPerSource));
    }

    #[test]
    fn sources_without_connections_are_forgotten() {
        let limiter = ConnectionLimiter::new(1, None, Some(u32::MAX));
        for host in 0..20_000u32 {
            let _ = limiter.admit(Some(IpAddr::from(host.to_be_bytes())));
        }
        assert!(limiter.0.sources().len() <= SWEEP_AT, "{}", limiter.0.sources().len());
    }
}
