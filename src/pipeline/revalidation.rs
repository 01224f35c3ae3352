//! Whether the client of an open connection is still admitted.
//!
//! Its chain was verified at one time, with one snapshot of CAs and rules. It is verified again after a reload, and when time may
//! have changed the result: a certificate expires, or a CRL becomes too old. So no connection outlives its certificate.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use tokio::time::sleep;

use super::snapshot::Snapshot;
use crate::identity::time::unix_seconds;
use crate::tls::{Attempt, Report};

/// The longest sleep before the clock is read again: somebody may set it while a timer runs.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// The longest chain that is kept as it was sent, in bytes. Of a longer one only the verified path is kept, and no other
/// certificates that the client sent.
const KEPT_AS_SENT: usize = 8 * 1024;

/// A verified chain, and until when the result is valid.
#[derive(Debug)]
pub(crate) struct Revalidation {
    chain: Vec<CertificateDer<'static>>,
    /// The number of the snapshot that admitted it last.
    by: AtomicU64,
    /// The last second since 1970 for which it need not be verified again.
    until: AtomicI64,
}

impl Revalidation {
    /// For a chain that `snapshot` has just admitted.
    pub(crate) fn new(chain: Vec<CertificateDer<'static>>, snapshot: &Snapshot) -> Self {
        let acceptor = &snapshot.acceptor;
        let chain = if chain.iter().map(|der| der.len()).sum::<usize>() > KEPT_AS_SENT {
            acceptor.path(&chain)
        } else {
            chain
        };
        let until = acceptor.verified_until(&chain, now());
        Self { chain, by: AtomicU64::new(snapshot.number), until: AtomicI64::new(until) }
    }

    /// The chain, leaf first: as it was sent or, if that is long, the path to a configured CA.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Whether `snapshot` admits the client now.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn check(
        &self,
        attempt: impl FnOnce() -> Attempt,
        snapshot: &Snapshot,
    ) -> Result<Freshness, Box<Report>> {
        let now = now();
        if self.by.load(Ordering::Relaxed) == snapshot.number
            && now <= self.until.load(Ordering::Relaxed)
        {
            return Ok(Freshness::Unchanged);
        }
        snapshot.acceptor.verify_again(attempt, &self.chain)?;
        self.by.store(snapshot.number, Ordering::Relaxed);
        self.until.store(snapshot.acceptor.verified_until(&self.chain, now), Ordering::Relaxed);
        Ok(Freshness::Verified)
    }

    /// Waits until time may have changed the result.
    pub(super) async fn is_due(&self) {
        loop {
            let left = self.until.load(Ordering::Relaxed).saturating_sub(now());
            let Ok(left) = u64::try_from(left) else { return };
            sleep(Duration::from_secs(left.saturating_add(1)).min(MAX_SLEEP)).await;
        }
    }
}

/// Whether the client was just verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// The earlier result is still valid.
    Unchanged,
    /// The client was verified again.
    Verified,
}

fn now() -> i64 {
    unix_seconds(SystemTime::now())
}
