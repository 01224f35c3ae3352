//! Problems of CRLs that are found when they are loaded.

use super::crl::Crl;
use super::{Expired, Policy};
use crate::finding::Severity;
use crate::identity::time::{span, time_text};
use crate::pki::ca::Ca;
use crate::problem::Problem;

/// The hint for a CRL whose issuer is unknown.
const STRANGER_HINT: &str = "give the CRLs of the CAs in clients.ca and of their intermediates, and take others out; the \
                             signature of an intermediate's CRL is checked by clawgate doctor --client-cert FILE, with a \
                             client that sends that intermediate";

/// A problem of one CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How serious it is.
    pub severity: Severity,
    /// What is wrong, and what to do about it.
    pub problem: Problem,
}

impl Policy {
    /// The problems of `crl`, which is one of `all`. `known`: CAs that are not configured, but may be sent by clients.
    ///
    /// A CRL that is out of date does not make the settings invalid: clawgate must start for the clients of other CAs.
    pub fn remarks(self, crl: &Crl, all: &[Crl], cas: &[Ca], known: &[&Ca], now: i64) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let mut add = |severity, what: String, hint: &str| {
            remarks.push(Remark { severity, problem: Problem::new(what, hint) });
        };
        let newer = all.iter().find(|other| crl.has_issuer_of(other) && crl.is_older_than(other));
        if let Some(newer) = newer {
            let what = format!(
                "is older than the CRL of {} in {}, which is used instead",
                crl.issuer,
                newer.file.display()
            );
            add(Severity::Warning, what, "remove the old one");
        } else if crl.is_expired(now) {
            let late = span(now.saturating_sub(crl.next_update));
            let (severity, means) = match self.expired {
                Expired::Refuse => {
                    (Severity::Fail, "no client of this CA is admitted until there is a newer one")
                }
                Expired::Warn => (
                    Severity::Warning,
                    "it is still used (clients.crl_expired = \"warn\"): clients that the CA has revoked since then are \
                     admitted",
                ),
            };
            let due = time_text(crl.next_update);
            let what = format!(
                "the CRL of {} is out of date: the next one was due {late} ago, at {due}; {means}",
                crl.issuer
            );
            add(severity, what, "fetch the CA's current CRL");
        }
        if crl.this_update > now {
            let (severity, means) = match crl.is_ahead(now) {
                true => (Severity::Fail, "every certificate of this CA is refused until then"),
                false => (Severity::Warning, "it is used, because clocks may differ by some minutes"),
            };
            let issued = time_text(crl.this_update);
            let what = format!("the CRL of {} is dated in the future, {issued}: {means}", crl.issuer);
            add(severity, what, "check the clocks of this machine and of the CA");
        }
        if cas.iter().chain(known.iter().copied()).all(|ca| ca.name_key() != &*crl.issuer_key) {
            let what = match cas.iter().find(|ca| crl.is_signed_by(&ca.issuer())) {
                Some(ca) => format!(
                    "is signed by the key of the CA {}, but is a CRL of {}: it revokes nothing that this CA has \
                     issued",
                    ca.subject, crl.issuer
                ),
                None => format!(
                    "is a CRL of {}, which is not in clients.ca: it is used only for an intermediate CA \
                     of that name that clients send",
                    crl.issuer
                ),
            };
            add(Severity::Warning, what, STRANGER_HINT);
        }
        remarks
    }
}

impl Crl {
    /// The problem if some of `cas` have its issuer's name, but none of them has signed it.
    pub fn not_signed<'a>(&self, cas: impl IntoIterator<Item = &'a Ca>) -> Option<Problem> {
        let named = cas.into_iter().filter(|ca| ca.name_key() == &*self.issuer_key);
        let mut named = named.peekable();
        let first = *named.peek()?;
        if named.any(|ca| self.is_signed_by(&ca.issuer())) {
            return None;
        }
        if !first.issuer().signs_crls {
            let what =
                format!("its CA {} may not sign CRLs (its keyUsage lacks cRLSign)", first.subject);
            let hint = "have the CA's certificate issued again with keyUsage=keyCertSign,cRLSign";
            return Some(Problem::new(what, hint));
        }
        let what = format!("has the name of the CA {}, but is not signed by its key", first.subject);
        let hint =
            "fetch the CRL that this CA issues; this one was altered, or is of a CA of the same name";
        Some(Problem::new(what, hint))
    }
}
