//! Whether a certificate was revoked: what the lists at hand say about it, and what that means.

mod crl;
mod error;
mod files;
mod issuer;
mod layout;
mod remarks;
mod scope;
mod stale;

pub use self::crl::{Crl, Revoked};
pub(crate) use self::files::read;
pub use self::issuer::Issuer;
pub(crate) use self::issuer::signs_crls;
pub use self::remarks::Remark;
pub use self::scope::Subject;
pub(crate) use self::stale::StaleCrl;

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
    /// The issuer's list says that it will be issued later.
    Ahead(&'a Crl),
}

impl Policy {
    /// What `crls` say about the certificate `subject` at `now` (seconds since 1970), of which `issuer` is known to
    /// have signed it.
    ///
    /// A list counts that has the issuer's name and signature. If there are several for the same of its
    /// certificates, the latest does: an old file that is left behind, or put back, changes nothing. What a list
    /// that is dated ahead revokes is revoked, but it does not say that anything is good.
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
                // Somebody meant this CA to be checked: that it cannot be is no reason to let anybody in.
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
        // Whatever its scope: a serial number is the issuer's only once (RFC 5280 section 4.1.2.2).
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
            // Here, too, somebody meant the CA to be checked.
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
