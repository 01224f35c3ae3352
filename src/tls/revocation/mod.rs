//! Whether a certificate was revoked: what the lists at hand say about it, and what that means.

mod crl;
mod error;
mod files;
mod remarks;

use x509_parser::prelude::X509Certificate;

pub use self::crl::{Crl, Revoked};
pub use self::error::CrlError;
pub(super) use self::files::read;
pub use self::remarks::Remark;

/// What to make of lists that are missing or too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What a CA without a list means.
    pub demand: Demand,
    /// What a list past its time means.
    pub expired: Expired,
}

/// What a CA without a list means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: its certificates are not checked.
    #[default]
    IfPresent,
    /// Nobody of it is let in.
    Strict,
}

/// What a list past its time means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expired {
    /// Nobody of its CA is let in.
    #[default]
    Refuse,
    /// It is used on, and the log says so.
    Warn,
}

/// Who issued a certificate, as far as lists go.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// Its SubjectPublicKeyInfo, DER.
    pub spki: &'a [u8],
    /// Whether it may sign lists: cRLSign, if key usage is stated (RFC 5280 section 6.3.3 (f)).
    pub signs_crls: bool,
}

impl<'a> Issuer<'a> {
    /// The issuer whose certificate this is.
    pub fn of(certificate: &X509Certificate<'a>) -> Self {
        let spki = certificate.tbs_certificate.subject_pki.raw;
        Self { spki, signs_crls: signs_crls(certificate) }
    }
}

/// What is known of one certificate.
#[derive(Debug, PartialEq)]
pub enum Status<'a> {
    /// It is not on its issuer's list.
    Good(&'a Crl),
    /// It is not on its issuer's list, which is too old and used all the same.
    Stale(&'a Crl),
    /// There is no list for it, and none is demanded.
    Unchecked,
    /// It was revoked.
    Revoked(&'a Crl, Revoked),
    /// Its issuer's list is too old to tell.
    Expired(&'a Crl),
    /// There is no list that could tell.
    Unavailable(Missing<'a>),
}

/// Why there is no list.
#[derive(Debug, PartialEq)]
pub enum Missing<'a> {
    /// There is none of this issuer.
    None,
    /// There is one of this issuer's name, but not with its signature.
    NotSigned(&'a Crl),
    /// The issuer's lists are about others of its certificates.
    NotCovered(&'a Crl),
}

impl Policy {
    /// What `crls` say about a certificate at `now` (seconds since 1970), of which `issuer` is known to
    /// have signed it.
    ///
    /// A list counts that has the issuer's name and signature. If there are several for the same of its
    /// certificates, the latest does: an old file that is left behind, or put back, changes nothing.
    pub fn status<'a>(
        self,
        crls: &'a [Crl],
        certificate: &X509Certificate<'_>,
        is_leaf: bool,
        issuer: &Issuer<'_>,
        now: i64,
    ) -> Status<'a> {
        let named: Vec<_> =
            crls.iter().filter(|crl| crl.issuer_der == certificate.issuer().as_raw()).collect();
        let signed: Vec<_> = named.iter().copied().filter(|crl| crl.is_signed_by(issuer)).collect();
        if signed.is_empty() {
            return match named.first() {
                // Somebody meant this CA to be checked: that it cannot be is no reason to let anybody in.
                Some(crl) => Status::Unavailable(Missing::NotSigned(crl)),
                None => self.without(Missing::None),
            };
        }
        let latest: Vec<_> = signed
            .iter()
            .copied()
            .filter(|crl| !signed.iter().any(|other| crl.is_older_than(other)))
            .collect();
        // Whatever its scope: a serial number is the issuer's only once (RFC 5280 section 4.1.2.2).
        for crl in &latest {
            if let Some(revoked) = crl.revoked(certificate.raw_serial()) {
                return Status::Revoked(crl, revoked);
            }
        }
        let covering = || latest.iter().copied().filter(|crl| crl.covers(certificate, is_leaf));
        let fresh = covering().find(|crl| !crl.is_expired(now));
        match (fresh, covering().next(), self.expired) {
            (Some(crl), _, _) => Status::Good(crl),
            (None, Some(crl), Expired::Warn) => Status::Stale(crl),
            (None, Some(crl), Expired::Refuse) => Status::Expired(crl),
            (None, None, _) => self.without(Missing::NotCovered(signed[0])),
        }
    }

    fn without(self, missing: Missing<'_>) -> Status<'_> {
        match self.demand {
            Demand::IfPresent => Status::Unchecked,
            Demand::Strict => Status::Unavailable(missing),
        }
    }
}

#[cfg(test)]
mod tests;

/// Whether key usage, if it is stated, has cRLSign.
pub(super) fn signs_crls(certificate: &X509Certificate<'_>) -> bool {
    match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.crl_sign(),
        Ok(None) => true,
        Err(_) => false,
    }
}
