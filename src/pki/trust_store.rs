//! Who may issue client certificates, in the form that explains a refusal.

use std::collections::HashSet;

use rustls_pki_types::{CertificateDer, Der, TrustAnchor};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::Authority;
use super::constraints::for_webpki;
use super::denylist::Denylist;
use super::link::may_be_signed_by;
use super::revocation::{self, Crl, Issuer, Status, Subject};
use crate::identity::name::cut;
use crate::identity::{Digest, Validity, name_key, rfc3339, rfc4514, sha256};

/// The configured CAs with their CRLs, and the CAs that are known besides them.
#[derive(Debug, Default)]
pub struct TrustStore {
    /// The configured CAs, the expired among them included: those admit nobody.
    pub cas: Vec<Ca>,
    /// CAs known from clawgate's own chain: never trusted, but they tell a chain that lacks an
    /// intermediate from a foreign one.
    pub known: Vec<Ca>,
    /// Revocation lists.
    pub crls: Vec<Crl>,
    /// What to make of those that are missing or too old.
    pub revocation: revocation::Policy,
    /// Certificates that are refused whatever their CA says.
    pub denylist: Denylist,
    /// Self-signed certificates that are let in without a CA, by their fingerprints.
    pub pinned: HashSet<Digest>,
}

impl TrustStore {
    /// What the revocation lists say about the certificate `subject`, which `issuer` has signed, at `now` (seconds
    /// since 1970).
    pub fn revocation_status(&self, subject: &Subject, issuer: &Issuer<'_>, now: i64) -> Status<'_> {
        self.revocation.status(&self.crls, subject, issuer, now)
    }

    /// The configured CAs that have issued the CA `ca`, by their places. One that has issued itself has none.
    pub(crate) fn issuers_of(&self, ca: &Ca) -> Vec<usize> {
        let Ok((_, certificate)) = X509Certificate::from_der(ca.der()) else { return Vec::new() };
        let name = name_key(certificate.issuer());
        let issued = |issuer: &Ca| {
            *issuer.name_key() == *name
                && issuer.spki() != ca.spki()
                && may_be_signed_by(&certificate, issuer.der())
        };
        let all = self.cas.iter().enumerate();
        all.filter(|(_, issuer)| issued(issuer)).map(|(place, _)| place).collect()
    }

    /// What the CAs at `places` are in common, which have all issued one certificate and so have one name and one key.
    /// `None` without any.
    pub(crate) fn common_issuer(&self, places: &[usize]) -> Option<Issuer<'_>> {
        let mut issuers = places.iter().filter_map(|place| self.cas.get(*place)).map(Ca::issuer);
        let first = issuers.next()?;
        Some(Issuer { signs_crls: first.signs_crls || issuers.any(|other| other.signs_crls), ..first })
    }

    /// Whether a certificate of a chain that holds may still have been revoked or denied.
    pub fn checks_revocation(&self) -> bool {
        !self.crls.is_empty()
            || self.revocation.demand == revocation::Demand::Strict
            || !self.denylist.is_empty()
    }

    /// Whether this is a self-signed certificate that is let in without a CA.
    ///
    /// Only those: one that a CA has issued can be revoked by it, and is checked with its chain.
    pub fn pins(&self, certificate: &X509Certificate<'_>) -> bool {
        !self.pinned.is_empty()
            && certificate.subject().as_raw() == certificate.issuer().as_raw()
            && self.pinned.contains(&Digest::of(certificate.as_raw()))
    }

    /// The last seconds, since 1970, of what holds for a time only: CAs, and CRLs until the next is due.
    pub fn turns(&self) -> impl Iterator<Item = i64> {
        // A list is out of date from that second on, a CA only after its last.
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

/// A CA certificate, as far as it is needed to explain.
#[derive(Clone, Debug)]
pub struct Ca {
    /// Name, RFC 4514, cut.
    pub subject: String,
    /// Name in DER, for comparing.
    pub subject_der: Vec<u8>,
    /// Organization, if it states one.
    pub organization: Option<String>,
    /// Subject key identifier, if it has one.
    pub key_id: Option<Vec<u8>>,
    /// SHA-256 of its SubjectPublicKeyInfo, hex.
    pub spki_sha256: String,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// The same, RFC 3339.
    pub not_after_text: String,
    /// Whether it may issue at all (CA:TRUE, or X.509 v1 and self-issued, which cannot say).
    pub is_ca: bool,
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    authority: Authority,
    listed: Subject,
}

impl Ca {
    /// Its SubjectPublicKeyInfo in DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.authority.spki
    }

    /// Its name for comparing ([`name_key`]).
    pub fn name_key(&self) -> &[u8] {
        &self.authority.name
    }

    /// What it may issue.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The same as far as CRLs may be about it.
    pub(crate) fn listed(&self) -> &Subject {
        &self.listed
    }

    /// Why it may issue to nobody, whatever the time: what is wrong, to follow its name, and what to do about it.
    pub fn overstep(&self) -> Option<(String, &'static str)> {
        let overstep = self.authority.unfit()?;
        Some((overstep.to_string(), overstep.hint()))
    }

    /// When it is valid.
    pub fn validity(&self) -> Validity {
        Validity { from: self.not_before, until: self.not_after }
    }

    /// The certificate.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The same as webpki uses it.
    pub fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }

    /// As the signer of revocation lists.
    pub fn issuer(&self) -> Issuer<'_> {
        self.authority.issuer()
    }

    /// Reads a CA certificate; `None` when it is not X.509 or webpki could not use it as an anchor.
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        let mut anchor = webpki::anchor_from_trusted_cert(der).ok()?.to_owned();
        // What is taken out here is compared in `anchors`.
        anchor.name_constraints = anchor.name_constraints.and(for_webpki(&x509)).map(Der::from);
        let authority = Authority::of(&x509);
        let organization = x509.subject().iter_organization().next();
        Some(Self {
            subject: cut(rfc4514(x509.subject())),
            subject_der: x509.subject().as_raw().to_vec(),
            organization: organization.and_then(|o| o.as_str().ok()).map(str::to_owned),
            key_id: key_id(&x509),
            spki_sha256: sha256(x509.public_key().raw),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            not_after_text: rfc3339(x509.validity().not_after),
            is_ca: authority.is_ca(),
            der: der.clone().into_owned(),
            anchor,
            authority,
            listed: Subject::of(&x509, false),
        })
    }
}

/// RFC 5280 section 4.2.1.2.
pub(crate) fn key_id(x509: &X509Certificate<'_>) -> Option<Vec<u8>> {
    x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    })
}

/// RFC 5280 section 4.2.1.1.
pub(crate) fn issuer_key_id(x509: &X509Certificate<'_>) -> Option<Vec<u8>> {
    x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            id.key_identifier.as_ref().map(|id| id.0.to_vec())
        }
        _ => None,
    })
}
