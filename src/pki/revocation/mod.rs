//! Whether a certificate is revoked, according to the CRLs and the settings.
//!
//! Input: CRL files, a certificate and its issuer. Output: a [`Status`].

mod crl;
mod error;
mod files;
mod issuer;
mod layout;
mod remarks;
mod scope;
mod stale;

pub use self::crl::{Crl, Revoked};
pub(super) use self::files::read;
pub use self::issuer::Issuer;
pub(crate) use self::issuer::signs_crls;
pub use self::remarks::Remark;
pub use self::scope::Subject;
pub(super) use self::stale::StaleCrl;

/// How CRLs that are missing or out of date are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// If a CA has no CRL.
    pub demand: Demand,
    /// If a CRL is out of date.
    pub expired: Expired,
}

/// How a CA without a CRL is treated (`clients.crl_policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// Its certificates are not checked.
    #[default]
    IfPresent,
    /// Its certificates are refused.
    Strict,
}

/// How a CRL that is out of date is treated (`clients.crl_expired`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expired {
    /// The certificates of its CA are refused.
    #[default]
    Refuse,
    /// It is still used, with a warning in the log.
    Warn,
}

/// The revocation status of one certificate.
#[derive(Debug, PartialEq)]
pub enum Status<'a> {
    /// It is not on its issuer's CRL.
    Good(&'a Crl),
    /// It is not on its issuer's CRL, which is out of date and still used.
    Stale(&'a Crl),
    /// There is no CRL for it, and none is required.
    Unchecked,
    /// It is revoked.
    Revoked(&'a Crl, Revoked),
    /// Its issuer's CRL is out of date.
    Expired(&'a Crl),
    /// There is no usable CRL for it.
    Unavailable(Missing<'a>),
}

/// Why there is no usable CRL.
#[derive(Debug, PartialEq)]
pub enum Missing<'a> {
    /// No CRL has this issuer's name.
    None,
    /// A CRL has this issuer's name, but is not signed by its key.
    NotSigned(&'a Crl),
    /// The issuer's CRLs cover other certificates.
    NotCovered(&'a Crl),
    /// The issuer's CRL is dated in the future.
    Ahead(&'a Crl),
}

impl Policy {
    /// The status of the certificate `subject`, which `issuer` has signed, at `now` (seconds since 1970).
    ///
    /// A CRL counts if it has the issuer's name and signature. If several have the same scope, only the latest counts,
    /// so an old file that was forgotten or restored changes nothing. A CRL that is dated in the future can revoke
    /// certificates, but cannot show that a certificate is good.
    pub fn status<'a>(
        self,
        crls: &'a [Crl],
        subject: &Subject,
        issuer: &Issuer<'_>,
        now: i64,
    ) -> Status<'a> {
        let named: Vec<_> = crls.iter().filter(|crl| *crl.issuer_key == *issuer.name).collect();
        let signed: Vec<_> = named.iter().copied().filter(|crl| crl.is_signed_by(issuer)).collect();
        if signed.is_empty() {
            return match named.first() {
                // There are CRLs of this CA, so the operator wants revocation checks: without one, its clients are
                // refused.
                Some(crl) => Status::Unavailable(Missing::NotSigned(crl)),
                None => self.without(Missing::None),
            };
        }
        let (ahead, current): (Vec<&Crl>, Vec<&Crl>) = signed.iter().partition(|crl| crl.is_ahead(now));
        let latest: Vec<_> = current
            .iter()
            .copied()
            .filter(|crl| !current.iter().any(|other| crl.is_older_than(other)))
            .collect();
        // The scope does not matter: an issuer uses a serial number once only (RFC 5280 section 4.1.2.2).
        for crl in latest.iter().chain(&ahead) {
            if let Some(revoked) = crl.revoked(&subject.serial) {
                return Status::Revoked(crl, revoked);
            }
        }
        let covering = || latest.iter().copied().filter(|crl| crl.covers(subject));
        let fresh = covering().find(|crl| !crl.is_expired(now));
        let to_come = ahead.iter().find(|crl| crl.covers(subject));
        match (fresh, covering().next(), self.expired, to_come) {
            (Some(crl), ..) => Status::Good(crl),
            (None, Some(crl), Expired::Warn, _) => Status::Stale(crl),
            (None, Some(crl), Expired::Refuse, _) => Status::Expired(crl),
            // The same as above: the operator wants revocation checks for this CA.
            (None, None, _, Some(crl)) => Status::Unavailable(Missing::Ahead(crl)),
            (None, None, _, None) => self.without(Missing::NotCovered(signed[0])),
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
