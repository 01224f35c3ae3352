//! Whether a client that was let in is admitted still.
//!
//! The verdict on its chain was given at one time, by one generation of trust and rules. It is asked
//! for again when there is another generation, and when time alone may have changed it: a
//! certificate expires, or a revocation list is due. So no connection outlives its certificate.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use tokio::time::sleep;

use super::snapshot::Snapshot;
use crate::identity::time::unix_seconds;
use crate::tls::{Attempt, Report};

/// Longest sleep before the clock is looked at again: it may be set while a timer runs.
const LOOK: Duration = Duration::from_secs(60);

/// Bytes of a chain that are kept as they were sent. Of a longer one the path that was verified is kept, and not what else
/// a client may have sent.
const KEPT_AS_SENT: usize = 8 * 1024;

/// A verified chain, with how far the verdict on it reaches.
#[derive(Debug)]
pub(crate) struct Revalidation {
    chain: Vec<CertificateDer<'static>>,
    /// The generation that admitted it last.
    by: AtomicU64,
    /// The last second, since 1970, of which that can be said without asking again.
    until: AtomicI64,
}

impl Revalidation {
    /// Of a chain that `generation` has just admitted.
    pub(crate) fn new(chain: Vec<CertificateDer<'static>>, generation: &Snapshot) -> Self {
        let acceptor = &generation.acceptor;
        let chain = if chain.iter().map(|der| der.len()).sum::<usize>() > KEPT_AS_SENT {
            acceptor.path(&chain)
        } else {
            chain
        };
        let until = acceptor.verified_until(&chain, now());
        Self { chain, by: AtomicU64::new(generation.number), until: AtomicI64::new(until) }
    }

    /// The chain, leaf first: as it was sent, or where that is long, what of it leads up to a configured CA.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Whether the client is admitted now, by `generation`.
    ///
    /// # Errors
    /// Why it is not any more.
    pub(crate) fn check(
        &self,
        attempt: impl FnOnce() -> Attempt,
        generation: &Snapshot,
    ) -> Result<Freshness, Box<Report>> {
        let now = now();
        if self.by.load(Ordering::Relaxed) == generation.number
            && now <= self.until.load(Ordering::Relaxed)
        {
            return Ok(Freshness::Before);
        }
        generation.acceptor.verify_again(attempt, &self.chain)?;
        self.by.store(generation.number, Ordering::Relaxed);
        self.until.store(generation.acceptor.verified_until(&self.chain, now), Ordering::Relaxed);
        Ok(Freshness::Anew)
    }

    /// Waits until time alone may have changed the verdict.
    pub(super) async fn is_due(&self) {
        loop {
            let left = self.until.load(Ordering::Relaxed).saturating_sub(now());
            let Ok(left) = u64::try_from(left) else { return };
            sleep(Duration::from_secs(left.saturating_add(1)).min(LOOK)).await;
        }
    }
}

/// When it was found that a client is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Before,
    Anew,
}

fn now() -> i64 {
    unix_seconds(SystemTime::now())
}
