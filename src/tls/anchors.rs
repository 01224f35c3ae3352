//! The chain verifier, which forgets a CA when that expires.
//!
//! webpki does not look at an anchor's dates. So there is a verifier for each stretch of time in which
//! the same CAs are valid, made when the clock first gets there.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};

use super::server::ServerError;
use super::trust::Trust;

/// Chain verifiers over the configured CAs, one after the other.
pub(super) struct Anchors {
    trust: Arc<Trust>,
    first: Arc<dyn ClientCertVerifier>,
    stretch: Stretch,
}

/// A stretch of time in which no CA expires.
struct Stretch {
    /// Its last second, since 1970.
    until: i64,
    /// `None` when no CA is left that admits anybody.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    next: OnceLock<Box<Self>>,
}

impl Anchors {
    /// The stretch that begins at `now`.
    ///
    /// # Errors
    /// When the CAs valid now, or the CRLs, do not make a verifier.
    pub(super) fn new(trust: Arc<Trust>, now: i64) -> Result<Self, ServerError> {
        let first = verifier(&trust, now)?;
        let stretch = Stretch::new(Some(Arc::clone(&first)), &trust, now);
        Ok(Self { trust, first, stretch })
    }

    /// The verifier for chains at `now`; `None` when every CA has expired.
    pub(super) fn at(&self, now: i64) -> Option<&Arc<dyn ClientCertVerifier>> {
        let mut stretch = &self.stretch;
        while now > stretch.until {
            let from = stretch.until.saturating_add(1);
            stretch = stretch.next.get_or_init(|| {
                let verifier = verifier(&self.trust, from).ok();
                Box::new(Stretch::new(verifier, &self.trust, from))
            });
        }
        stretch.verifier.as_ref()
    }

    /// The CAs and their CRLs.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// A verifier for all that does not depend on the CAs' dates.
    pub(super) fn any(&self) -> &dyn ClientCertVerifier {
        self.first.as_ref()
    }
}

impl Stretch {
    fn new(verifier: Option<Arc<dyn ClientCertVerifier>>, trust: &Trust, from: i64) -> Self {
        let expiries = trust.cas.iter().map(|ca| ca.not_after).filter(|not_after| *not_after >= from);
        Self { until: expiries.min().unwrap_or(i64::MAX), verifier, next: OnceLock::new() }
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchors").field("trust", &self.trust).finish_non_exhaustive()
    }
}

fn verifier(trust: &Trust, now: i64) -> Result<Arc<dyn ClientCertVerifier>, ServerError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = Arc::new(trust.roots(now)?);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
    if !trust.crls.is_empty() {
        // A CA without a CRL says nothing about its certificates; one with an old CRL admits nobody.
        builder = builder
            .with_crls(trust.crls.iter().cloned())
            .allow_unknown_revocation_status()
            .enforce_revocation_expiration();
    }
    builder.build().map_err(|error: VerifierBuilderError| error.into())
}
