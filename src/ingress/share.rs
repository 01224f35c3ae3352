//! What one identity may use of the gate: requests in a second, and requests at once.
//!
//! A connection looks its sender's share up once; a request touches two atomic numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode, header};

use super::bucket::{Bucket, Rate};
use super::rejection::Rejection;
use crate::config::Limits;
use crate::observe::RequestReason;

/// Identities that are remembered at a time. Beyond that those are forgotten that have nothing under way
/// and have not been heard of for a second; all further ones share one share.
const MAX_IDENTITIES: usize = 65_536;

/// The shares of all identities, by the fingerprint of their certificate; clones are the same.
#[derive(Clone, Debug)]
pub struct Shares(Arc<State>);

#[derive(Debug)]
struct State {
    started: Instant,
    known: Mutex<HashMap<String, Arc<Used>>>,
    /// Of those beyond the bound.
    others: Arc<Used>,
}

/// One identity's share, as its connections hold it.
#[derive(Debug)]
pub(super) struct Share {
    started: Instant,
    used: Arc<Used>,
}

#[derive(Debug, Default)]
struct Used {
    requests: Bucket,
    at_once: AtomicUsize,
    refusals: News,
    floods: News,
}

/// One line in a second.
#[derive(Debug, Default)]
struct News {
    /// How many were not logged since the last that was.
    unsaid: AtomicU64,
    /// Nanoseconds after the start, of the last that was logged.
    said: AtomicU64,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Part(Arc<Used>);

/// Why a request is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// Too many in a second; with how long to wait.
    Rate(Duration),
    /// Too many at once.
    AtOnce {
        /// So many that not even the refusals are taken.
        flood: bool,
    },
}

impl TooMuch {
    /// What the sender is told.
    pub(super) fn rejection(self, limits: &Limits) -> Rejection {
        let (reason, detail, wait) = match self {
            Self::Rate(wait) => {
                let rate = limits.request_rate.unwrap_or_default();
                let detail = format!("you may make {rate} requests in a second, and made more");
                (RequestReason::RateLimited, detail, wait)
            }
            Self::AtOnce { .. } => {
                let limit = limits.requests_at_once.unwrap_or_default();
                let detail =
                    format!("you have {limit} requests under way, and may have no more at once");
                (RequestReason::TooManyAtOnce, detail, Duration::from_secs(1))
            }
        };
        // RFC 9110 section 10.2.3: whole seconds; one too early would be refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Rejection::new(StatusCode::TOO_MANY_REQUESTS, reason, detail)
            .with_field(header::RETRY_AFTER, HeaderValue::from(seconds))
    }
}

impl Default for Shares {
    fn default() -> Self {
        Self(Arc::new(State {
            started: Instant::now(),
            known: Mutex::default(),
            others: Arc::default(),
        }))
    }
}

impl Shares {
    /// The share of whoever holds the certificate with this fingerprint.
    pub(super) fn of(&self, fingerprint: &str) -> Share {
        let started = self.0.started;
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = known.get(fingerprint) {
            return Share { started, used: Arc::clone(used) };
        }
        if known.len() >= MAX_IDENTITIES {
            let now = nanos(started);
            // A share that another connection holds must stay the one share of its identity.
            known.retain(|_, used| Arc::strong_count(used) > 1 || !used.requests.is_full(now));
        }
        if known.len() >= MAX_IDENTITIES {
            return Share { started, used: Arc::clone(&self.0.others) };
        }
        let used = Arc::<Used>::default();
        known.insert(fingerprint.to_owned(), Arc::clone(&used));
        Share { started, used }
    }
}

impl Share {
    /// Takes a part of it for one request, and says why it is too much, if it is.
    ///
    /// The answer that says so takes its part as well: a sender that does not read it keeps it.
    pub(super) fn take(&self, limits: &Limits) -> (Part, Result<(), TooMuch>) {
        let part = Part(Arc::clone(&self.used));
        let at_once = self.used.at_once.fetch_add(1, Ordering::Relaxed);
        (part, self.allow(at_once, limits))
    }

    fn allow(&self, at_once: usize, limits: &Limits) -> Result<(), TooMuch> {
        if let Some(limit) = limits.requests_at_once.filter(|limit| at_once >= *limit) {
            return Err(TooMuch::AtOnce { flood: at_once >= limit.saturating_mul(2) });
        }
        if let Some(per_second) = limits.request_rate {
            let rate = Rate::new(per_second, limits.request_burst.unwrap_or(per_second));
            self.used.requests.take(rate, nanos(self.started)).map_err(TooMuch::Rate)?;
        }
        Ok(())
    }

    /// Whether a refusal is to be logged: one in a second is. Returns how many were not logged before it.
    pub(super) fn is_news(&self) -> Option<u64> {
        self.used.refusals.are(nanos(self.started))
    }

    /// The same for connections that were ended.
    pub(super) fn flood_is_news(&self) -> bool {
        self.used.floods.are(nanos(self.started)).is_some()
    }
}

impl News {
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

impl Drop for Part {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}
