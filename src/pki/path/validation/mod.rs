//! Path validation (RFC 5280 section 6): from a client's certificate up to a configured CA.
//!
//! webpki builds the path and verifies signatures and dates. This module adds what webpki does not check: the dates of
//! configured CAs, what CAs may issue (`ca::authority`), and revocation (`revocation`; webpki's own check becomes slow with
//! long CRLs).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::{CertificateError, DistinguishedName, Error, OtherError};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use tracing::Level;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pki::ca::authority::{Authority, Overstep, first_overstep, is_for_clients};
use crate::pki::ca::constraints::SubjectNames;
use crate::pki::ca::names;
use crate::pki::cache::CertificateCaches;
use crate::pki::leaf::is_netscape_client;
use crate::pki::revocation::{Issuer, StaleCrl, Status, Subject};
use crate::pki::trust_store::TrustStore;
use crate::telemetry::emit;

/// The configured CAs, ready to verify chains.
pub(crate) struct PathValidator {
    trust: Arc<TrustStore>,
    caches: Arc<CertificateCaches>,
    algorithms: WebPkiSupportedAlgorithms,
    hints: Vec<DistinguishedName>,
    /// Sorted by their ends, the latest first, so that the valid ones are always a prefix.
    anchors: Vec<TrustAnchor<'static>>,
    /// The place in `trust.cas` of each anchor.
    places: Vec<usize>,
    /// For each CA of `trust`, the others that have issued it and may revoke it.
    issuers: Vec<Vec<usize>>,
}

impl PathValidator {
    /// The CAs of `trust`; clients are asked for certificates of those that are valid at `now` (seconds
    /// since 1970).
    pub(crate) fn new(trust: Arc<TrustStore>, caches: Arc<CertificateCaches>, now: i64) -> Self {
        let mut places: Vec<_> = (0..trust.cas.len()).collect();
        places.sort_by_key(|place| std::cmp::Reverse(trust.cas[*place].not_after));
        let sorted = || places.iter().map(|place| &trust.cas[*place]);
        Self {
            algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
            // RFC 8446 section 4.2.4. GnuTLS and Java send no certificate that none of the named CAs has issued, so with
            // pinned certificates, which are self-signed, no CA is named.
            hints: match trust.pinned.is_empty() {
                true => names::names(sorted(), now).unwrap_or_default(),
                false => Vec::new(),
            },
            anchors: sorted().map(|ca| ca.anchor().clone()).collect(),
            issuers: trust.cas.iter().map(|ca| trust.issuers_of(ca, &caches.signatures)).collect(),
            places,
            trust,
            caches,
        }
    }

    /// The configured CAs, CRLs and lists.
    pub(crate) fn trust(&self) -> &TrustStore {
        &self.trust
    }

    /// The caches.
    pub(crate) fn caches(&self) -> &CertificateCaches {
        &self.caches
    }

    /// The algorithms for clients' signatures in the handshake.
    pub(crate) fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.algorithms
    }

    /// The names of CAs in the request for a certificate; none when any certificate may be sent.
    pub(crate) fn hints(&self) -> &[DistinguishedName] {
        &self.hints
    }

    /// Verifies that `leaf` is pinned, or leads to a CA that is valid at `now` by a path without a revoked or denied
    /// certificate. Returns the result of `look` for the verified path; `None` for a pinned leaf, which has no path.
    ///
    /// # Errors
    /// webpki's error in the form of rustls; `Revoked` and similar ones for CRLs and the denylist.
    pub(crate) fn verify<T>(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        look: impl FnOnce(&VerifiedPath<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        let leaf = EndEntityCert::try_from(leaf).map_err(rustls_error)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if let Some(pinned) = self.pinned(&leaf.der()) {
            return self.verify_pinned(&pinned, seconds).map(|()| None);
        }
        let is_valid = |place: &usize| self.trust.cas[*place].not_after >= seconds;
        let valid = &self.anchors[..self.places.partition_point(is_valid)];
        let look_through = |path: &VerifiedPath<'_>| self.look_through(path, now);
        let path = leaf.verify_for_usage(
            &self.caches.signatures.algorithms(),
            valid,
            intermediates,
            now,
            KeyUsage::client_auth(),
            None,
            Some(&look_through),
        );
        path.map(|path| Some(look(&path))).map_err(rustls_error)
    }

    /// `leaf`, if it is a pinned certificate.
    fn pinned<'a>(&self, leaf: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
        if self.trust.pinned.is_empty() {
            return None;
        }
        parse(leaf).ok().filter(|leaf| self.trust.pins(leaf))
    }

    /// The checks of a leaf that do not depend on its issuer. Its version and extensions were checked before.
    fn verify_pinned(&self, leaf: &X509Certificate<'_>, now: i64) -> Result<(), Error> {
        let validity = leaf.validity();
        let error = if validity.not_before.timestamp() > now {
            CertificateError::NotValidYet
        } else if validity.not_after.timestamp() < now {
            CertificateError::Expired
        } else if !is_for_clients(leaf) || !is_netscape_client(leaf) {
            CertificateError::InvalidPurpose
        } else if self.trust.denylist.find(leaf).is_some() {
            CertificateError::Revoked
        } else {
            return Ok(());
        };
        Err(error.into())
    }

    /// Checks every certificate of a path that is valid for webpki.
    fn look_through(&self, path: &VerifiedPath<'_>, now: UnixTime) -> Result<(), webpki::Error> {
        let place = self.anchors.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        let place = place.and_then(|place| self.places.get(place).copied());
        let place = place.ok_or(webpki::Error::UnknownIssuer)?;
        let ca = self.trust.cas.get(place).ok_or(webpki::Error::UnknownIssuer)?;
        if let Ok(not_before @ 1..) = u64::try_from(ca.not_before)
            && not_before > now.as_secs()
        {
            let not_before = UnixTime::since_unix_epoch(Duration::from_secs(not_before));
            return Err(webpki::Error::CertNotValidYet { time: now, not_before });
        }
        let sent = path
            .intermediate_certificates()
            .rev()
            .map(|ca| self.caches.authorities.get_or_parse(&ca.der()));
        let sent: Vec<Arc<Authority>> = sent.collect::<Option<_>>().ok_or(webpki::Error::BadDer)?;
        let authorities = std::iter::once(ca.authority()).chain(sent.iter().map(Arc::as_ref));
        let names = || match self.caches.leaves.get_or_parse(&path.end_entity().der()) {
            Some(leaf) => leaf.names.clone(),
            None => SubjectNames::unreadable(),
        };
        if let Some((_, overstep)) = first_overstep(authorities, names) {
            return Err(webpki_error(&overstep));
        }
        if ca.authority().has_own_constraints() {
            constrained(ca.authority(), path)?;
        }
        match self.trust.checks_revocation() {
            true => self.not_revoked(path, place, &sent, now),
            false => Ok(()),
        }
    }

    /// `sent` are the CAs between the configured one at `place` and the leaf, from there on.
    fn not_revoked(
        &self,
        path: &VerifiedPath<'_>,
        place: usize,
        sent: &[Arc<Authority>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        self.ca_not_revoked(place, now, &mut Vec::new())?;
        let mut issuer = self.trust.cas[place].issuer();
        for (ca, authority) in path.intermediate_certificates().rev().zip(sent) {
            let der = ca.der();
            let certificate = parse(&der)?;
            self.not_denied(&certificate)?;
            self.check(&Subject::of(&certificate, false), &issuer, now)?;
            issuer = authority.issuer();
        }
        let leaf = path.end_entity().der();
        let leaf = parse(&leaf)?;
        self.not_denied(&leaf)?;
        self.check(&Subject::of(&leaf, true), &issuer, now)
    }

    /// A configured CA is good if the denylist does not have it and, if other configured CAs have issued it, they have not
    /// revoked it and one of them is good. `known` are the results so far: CAs may have issued each other.
    fn ca_not_revoked(
        &self,
        place: usize,
        now: UnixTime,
        known: &mut Vec<(usize, Result<(), webpki::Error>)>,
    ) -> Result<(), webpki::Error> {
        if let Some((_, verdict)) = known.iter().find(|(known, _)| *known == place) {
            return verdict.clone();
        }
        let ca = &self.trust.cas[place];
        if !self.trust.denylist.is_empty() {
            self.not_denied(&parse(ca.der())?)?;
        }
        let Some(issuer) = self.trust.common_issuer(&self.issuers[place]) else { return Ok(()) };
        let entry = known.len();
        known.push((place, Ok(())));
        let mut verdict = self.check(ca.listed(), &issuer, now);
        if verdict.is_ok() {
            let issuers = self.issuers[place].iter();
            let verdicts = issuers.map(|issuer| self.ca_not_revoked(*issuer, now, known));
            verdict = verdicts.reduce(Result::or).unwrap_or(Ok(()));
        }
        known[entry].1 = verdict.clone();
        verdict
    }

    fn check(&self, subject: &Subject, issuer: &Issuer<'_>, now: UnixTime) -> Result<(), webpki::Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match self.trust.revocation_status(subject, issuer, seconds) {
            Status::Good(_) | Status::Unchecked => Ok(()),
            Status::Stale(crl) => {
                if crl.warns_first() {
                    emit(Level::WARN, "crl_expired", &StaleCrl::of(crl, seconds));
                }
                Ok(())
            }
            Status::Revoked(..) => Err(webpki::Error::CertRevoked),
            Status::Expired(crl) => {
                let due = u64::try_from(crl.next_update).unwrap_or(0);
                let next_update = UnixTime::since_unix_epoch(Duration::from_secs(due));
                Err(webpki::Error::CrlExpired { time: now, next_update })
            }
            Status::Unavailable(_) => Err(webpki::Error::UnknownRevocationStatus),
        }
    }

    fn not_denied(&self, certificate: &X509Certificate<'_>) -> Result<(), webpki::Error> {
        match self.trust.denylist.find(certificate) {
            Some(_) => Err(webpki::Error::CertRevoked),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PathValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathValidator").field("trust", &self.trust).finish_non_exhaustive()
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, webpki::Error> {
    X509Certificate::from_der(der).map(|(_, x509)| x509).map_err(|_| webpki::Error::BadDer)
}

/// Checks all certificates below the configured CA `authority` against its name constraints.
fn constrained(authority: &Authority, path: &VerifiedPath<'_>) -> Result<(), webpki::Error> {
    let refused = |der: &CertificateDer<'_>, is_leaf| {
        let refusal = authority.constraint(&parse(der)?, is_leaf, true);
        refusal.map_or(Ok(()), |overstep| Err(webpki_error(&overstep)))
    };
    for ca in path.intermediate_certificates() {
        refused(&ca.der(), false)?;
    }
    refused(&path.end_entity().der(), true)
}

/// webpki's error for the same fault.
fn webpki_error(overstep: &Overstep) -> webpki::Error {
    match overstep {
        Overstep::UnknownCritical(_) => webpki::Error::UnsupportedCriticalExtension,
        Overstep::NoCa | Overstep::KeyUsage | Overstep::Purpose => webpki::Error::EndEntityUsedAsCa,
        Overstep::PathLength { .. } => webpki::Error::PathLenConstraintViolated,
        Overstep::Name(_) | Overstep::NameKind(_) | Overstep::NameBase(_) => {
            webpki::Error::NameConstraintViolation
        }
    }
}

/// The error of rustls's own verifier for the same fault.
fn rustls_error(error: webpki::Error) -> Error {
    use webpki::Error as W;
    let error = match error {
        W::BadDer | W::BadDerTime | W::TrailingData(_) => CertificateError::BadEncoding,
        W::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        W::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        W::InvalidCertValidity => CertificateError::Expired,
        W::UnknownIssuer => CertificateError::UnknownIssuer,
        W::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        W::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        W::UnsupportedSignatureAlgorithmContext(context) => {
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: context.signature_algorithm_id,
                supported_algorithms: context.supported_algorithms,
            }
        }
        W::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: context.signature_algorithm_id,
                public_key_algorithm_id: context.public_key_algorithm_id,
            }
        }
        W::CertRevoked => CertificateError::Revoked,
        W::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        W::CrlExpired { time, next_update } => {
            CertificateError::ExpiredRevocationListContext { time, next_update }
        }
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    error.into()
}

#[cfg(test)]
mod tests;
