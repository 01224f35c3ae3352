//! The configured CAs, CRLs, denylist and pinned certificates.

use std::collections::HashSet;

use x509_parser::prelude::{FromDer, X509Certificate};

use super::ca::Ca;
use super::denylist::Denylist;
use super::revocation::{self, Crl, Issuer, Status, Subject};
use super::signature::cache::SignatureCache;
use super::signature::may_be_signed_by;
use crate::identity::{Digest, name_key};

/// The configured CAs with their CRLs, and other CAs that are known.
#[derive(Debug, Default)]
pub struct TrustStore {
    /// The configured CAs, including expired ones, whose clients are refused.
    pub cas: Vec<Ca>,
    /// The CAs in clawgate's own chain. They are not trusted, but show whether a chain lacks an intermediate or is of
    /// another CA.
    pub known: Vec<Ca>,
    /// Revocation lists.
    pub crls: Vec<Crl>,
    /// How CRLs that are missing or out of date are treated.
    pub revocation: revocation::Policy,
    /// Certificates and keys that are refused.
    pub denylist: Denylist,
    /// Self-signed certificates that are admitted without a CA, by their fingerprints.
    pub pinned: HashSet<Digest>,
}

impl TrustStore {
    /// What the revocation lists say about the certificate `subject`, which `issuer` has signed, at `now` (seconds
    /// since 1970).
    pub fn revocation_status(&self, subject: &Subject, issuer: &Issuer<'_>, now: i64) -> Status<'_> {
        self.revocation.status(&self.crls, subject, issuer, now)
    }

    /// The configured CAs that have issued the CA `ca`, by their places. One that has issued itself has none.
    pub(crate) fn issuers_of(&self, ca: &Ca, cache: &SignatureCache) -> Vec<usize> {
        let Ok((_, certificate)) = X509Certificate::from_der(ca.der()) else { return Vec::new() };
        let name = name_key(certificate.issuer());
        let issued = |issuer: &Ca| {
            *issuer.name_key() == *name
                && issuer.spki() != ca.spki()
                && may_be_signed_by(&certificate, issuer.der(), cache)
        };
        let all = self.cas.iter().enumerate();
        all.filter(|(_, issuer)| issued(issuer)).map(|(place, _)| place).collect()
    }

    /// The issuer that the CAs at `places` have in common: they have all issued one certificate, so they have the same name
    /// and key. `None` without any.
    pub(crate) fn common_issuer(&self, places: &[usize]) -> Option<Issuer<'_>> {
        let mut issuers = places.iter().filter_map(|place| self.cas.get(*place)).map(Ca::issuer);
        let first = issuers.next()?;
        Some(Issuer { signs_crls: first.signs_crls || issuers.any(|other| other.signs_crls), ..first })
    }

    /// Whether CRLs or the denylist must be checked.
    pub fn checks_revocation(&self) -> bool {
        !self.crls.is_empty()
            || self.revocation.demand == revocation::Demand::Strict
            || !self.denylist.is_empty()
    }

    /// Whether this is a pinned certificate.
    ///
    /// Only self-signed ones can be pinned: a certificate of a CA can be revoked by it, and is verified with its chain.
    pub fn pins(&self, certificate: &X509Certificate<'_>) -> bool {
        !self.pinned.is_empty()
            && certificate.subject().as_raw() == certificate.issuer().as_raw()
            && self.pinned.contains(&Digest::of(certificate.as_raw()))
    }

    /// The last seconds, since 1970, at which each CA is valid and each CRL is up to date.
    pub fn ends(&self) -> impl Iterator<Item = i64> {
        // A CRL is out of date from nextUpdate on, a CA is invalid after notAfter only.
        let crls = self.crls.iter().map(|crl| crl.next_update.saturating_sub(1));
        self.cas.iter().map(|ca| ca.not_after).chain(crls)
    }

    /// The configured CAs' names, for a sentence.
    pub fn names(&self) -> String {
        let mut names: Vec<_> = self.cas.iter().take(8).map(|ca| ca.subject.as_str()).collect();
        if self.cas.len() > 8 {
            names.push("…");
        }
        names.join("; ")
    }
}
