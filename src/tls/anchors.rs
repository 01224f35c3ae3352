//! The chain: from a sender's certificate up to a configured CA, with nothing revoked on the way.
//!
//! webpki builds it. Two things it leaves to others are added: it does not look at an anchor's dates, and
//! its own check of revocation lists costs more the longer they are (`revocation::Crl`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::{CertificateError, DistinguishedName, Error, OtherError};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use tracing::Level;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::report::StaleCrl;
use super::revocation::{Issuer, Status};
use super::signatures;
use super::trust::{Ca, Trust};
use crate::observe::emit;

/// The configured CAs, ready to verify chains.
pub(super) struct Anchors {
    trust: Arc<Trust>,
    algorithms: WebPkiSupportedAlgorithms,
    hints: Vec<DistinguishedName>,
    /// Those that are valid longest come first: the valid ones are always the first few.
    anchors: Vec<TrustAnchor<'static>>,
    /// Which of the CAs of `trust` each is.
    places: Vec<usize>,
}

impl Anchors {
    /// The CAs of `trust`; senders are asked for certificates of those that are valid at `now` (seconds
    /// since 1970).
    pub(super) fn new(trust: Arc<Trust>, now: i64) -> Self {
        let mut places: Vec<_> = (0..trust.cas.len()).collect();
        places.sort_by_key(|place| std::cmp::Reverse(trust.cas[*place].not_after));
        let sorted = || places.iter().map(|place| &trust.cas[*place]);
        let hint = |ca: &Ca| DistinguishedName::in_sequence(ca.anchor().subject.as_ref());
        Self {
            algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
            // RFC 8446 section 4.2.4: GnuTLS and Java present nothing that none of the CAs named has issued, and
            // nobody but itself has issued a pinned certificate.
            hints: match trust.pinned.is_empty() {
                true => sorted().filter(|ca| ca.not_after >= now).map(hint).collect(),
                false => Vec::new(),
            },
            anchors: sorted().map(|ca| ca.anchor().clone()).collect(),
            places,
            trust,
        }
    }

    /// How senders' signatures in the handshake are verified.
    pub(super) fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.algorithms
    }

    /// The names of the CAs that senders are asked for; none when any certificate may do.
    pub(super) fn hints(&self) -> &[DistinguishedName] {
        &self.hints
    }

    /// Whether `leaf` is pinned or chains to a CA that is valid at `now`, and nothing on the way was revoked
    /// or denied. Returns what `look` makes of the verified path; `None` for a pinned leaf, which has none.
    ///
    /// # Errors
    /// webpki's, as rustls would give it; `Revoked` and its like for revocation lists and the denylist.
    pub(super) fn verify<T>(
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
        let not_revoked = |path: &VerifiedPath<'_>| self.not_revoked(path, now);
        let looks = self.trust.checks_revocation();
        let path = leaf.verify_for_usage(
            signatures::algorithms(),
            valid,
            intermediates,
            now,
            KeyUsage::client_auth(),
            None,
            looks.then_some(&not_revoked),
        );
        path.map(|path| Some(look(&path))).map_err(rustls_error)
    }

    /// `leaf`, if it is let in without a CA.
    fn pinned<'a>(&self, leaf: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
        if self.trust.pinned.is_empty() {
            return None;
        }
        parse(leaf).ok().filter(|leaf| self.trust.pins(leaf))
    }

    /// All that is asked of a sender's certificate but who issued it. Its version and extensions have been
    /// looked at.
    fn verify_pinned(&self, leaf: &X509Certificate<'_>, now: i64) -> Result<(), Error> {
        let validity = leaf.validity();
        let error = if validity.not_before.timestamp() > now {
            CertificateError::NotValidYet
        } else if validity.not_after.timestamp() < now {
            CertificateError::Expired
        } else if !may_be_a_clients(leaf) {
            CertificateError::InvalidPurpose
        } else if self.trust.denylist.find(leaf).is_some() {
            CertificateError::Revoked
        } else {
            return Ok(());
        };
        Err(error.into())
    }

    /// Looks at every certificate of a path that holds otherwise.
    fn not_revoked(&self, path: &VerifiedPath<'_>, now: UnixTime) -> Result<(), webpki::Error> {
        let place = self.anchors.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        let ca = place.and_then(|place| self.trust.cas.get(self.places[place]));
        let ca = ca.ok_or(webpki::Error::UnknownIssuer)?;
        if !self.trust.denylist.is_empty() {
            self.not_denied(&parse(ca.der())?)?;
        }
        let mut issuer = ca.issuer();
        let sent: Vec<_> = path.intermediate_certificates().map(|ca| ca.der()).collect();
        for der in sent.iter().rev() {
            let certificate = parse(der)?;
            self.check(&certificate, false, &issuer, now)?;
            issuer = Issuer::of(&certificate);
        }
        self.check(&parse(&path.end_entity().der())?, true, &issuer, now)
    }

    fn check(
        &self,
        certificate: &X509Certificate<'_>,
        is_leaf: bool,
        issuer: &Issuer<'_>,
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        self.not_denied(certificate)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match self.trust.revocation_status(certificate, is_leaf, issuer, seconds) {
            Status::Good(_) | Status::Unchecked => Ok(()),
            Status::Stale(crl) => {
                if crl.tell_once() {
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

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchors").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// RFC 5280 section 4.2.1.12, as webpki takes it: stated purposes must have clientAuth among them.
fn may_be_a_clients(leaf: &X509Certificate<'_>) -> bool {
    match leaf.extended_key_usage() {
        Ok(Some(eku)) => eku.value.client_auth,
        Ok(None) => true,
        Err(_) => false,
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, webpki::Error> {
    X509Certificate::from_der(der).map(|(_, x509)| x509).map_err(|_| webpki::Error::BadDer)
}

/// As rustls' own verifier says it: it chooses the alert by this.
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
