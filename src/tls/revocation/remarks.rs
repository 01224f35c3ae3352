//! What is worth saying about the lists before they are used.

use super::{Crl, Demand, Expired, Policy};
use crate::tls::diagnosis::{gate_time, span};
use crate::tls::trust::Ca;

/// The hint for a list that fits no CA that is at hand.
pub const STRANGER_HINT: &str =
    "give the CRLs of the CAs in clients.ca and of their intermediates, and take away others";

/// Something about one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Whether it keeps the gate from starting; else it is a warning.
    pub fatal: bool,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub mend: &'static str,
}

impl Policy {
    /// What there is to say about `crl`, one of `all`; `known` are CAs that are not trusted, but no strangers.
    ///
    /// A list that is out of date is no mistake in the settings: time alone must not keep a gate from
    /// starting that senders of other CAs depend on. One that its CA did not sign never was in order.
    pub(in crate::tls) fn remarks(
        self,
        crl: &Crl,
        all: &[Crl],
        cas: &[Ca],
        known: &[Ca],
        now: i64,
    ) -> Vec<Remark> {
        // Those of other CAs, which senders bring along, are looked at when one of them is used.
        let mut remarks: Vec<_> = crl.not_signed(cas).into_iter().collect();
        let mut warn = |what: String, mend| remarks.push(Remark { fatal: false, what, mend });
        let newer = all.iter().find(|other| crl.has_issuer_of(other) && crl.is_older_than(other));
        if let Some(newer) = newer {
            let what = format!(
                "is older than the CRL of {} in {}, which counts instead",
                crl.issuer,
                newer.file.display()
            );
            warn(what, "take the old one away");
        } else if crl.is_expired(now) {
            let late = span(now.saturating_sub(crl.next_update));
            let means = match self.expired {
                Expired::Refuse => "nobody of this CA is let in until there is a newer one",
                Expired::Warn => {
                    "it is used on (clients.crl_expired = \"warn\"): whom the CA has revoked since then is let in"
                }
            };
            let due = gate_time(crl.next_update);
            let what = format!(
                "the CRL of {} is out of date: the next one was due {late} ago, at {due}; {means}",
                crl.issuer
            );
            warn(what, "fetch the CA's current CRL");
        }
        if crl.this_update > now {
            let means = match crl.is_ahead(now) {
                true => "whom it revokes is refused, and it vouches for nobody until then",
                false => "it is used already, since clocks may differ by some minutes",
            };
            let issued = gate_time(crl.this_update);
            let what = format!("the CRL of {} is dated ahead, {issued}: {means}", crl.issuer);
            warn(what, "check this machine's clock, and the CA's");
        }
        if cas.iter().chain(known).all(|ca| ca.name_key() != &*crl.issuer_key) {
            let what = match cas.iter().find(|ca| crl.is_signed_by(&ca.issuer())) {
                Some(ca) => format!(
                    "is signed by the key of the CA {}, but is a CRL of {}: it revokes nothing that this CA has \
                     issued",
                    ca.subject, crl.issuer
                ),
                None => format!(
                    "is a CRL of {}, which is none of the CAs in clients.ca: it counts only for an intermediate CA \
                     of that name that clients send",
                    crl.issuer
                ),
            };
            warn(what, STRANGER_HINT);
        }
        remarks
    }

    /// What there is to say about a CA that has no list of its own.
    pub(in crate::tls) fn remark_on(self, ca: &Ca, crls: &[Crl]) -> Option<Remark> {
        let has_one = crls.iter().any(|crl| *crl.issuer_key == *ca.name_key());
        if has_one || self.demand == Demand::IfPresent {
            return None;
        }
        let what = format!(
            "its CA {} has no CRL, and clients.crl_policy is \"strict\": nobody of it is let in",
            ca.subject
        );
        let mend = "add the CA's CRL to clients.crl, or set clients.crl_policy to \"if-present\"";
        Some(Remark { fatal: false, what, mend })
    }
}

impl Crl {
    /// What is wrong with it if there are CAs of its issuer's name among `cas`, and none of those has signed it.
    pub fn not_signed<'a>(&self, cas: impl IntoIterator<Item = &'a Ca>) -> Option<Remark> {
        let named = cas.into_iter().filter(|ca| ca.name_key() == &*self.issuer_key);
        let mut named = named.peekable();
        let first = *named.peek()?;
        if named.any(|ca| self.is_signed_by(&ca.issuer())) {
            return None;
        }
        if !first.issuer().signs_crls {
            let what =
                format!("its CA {} may not sign CRLs (its keyUsage lacks cRLSign)", first.subject);
            let mend = "have the CA's certificate issued again with keyUsage=keyCertSign,cRLSign";
            return Some(Remark { fatal: true, what, mend });
        }
        let what = format!("has the name of the CA {}, but is not signed by its key", first.subject);
        let mend =
            "fetch the CRL that this CA issues; this one was altered, or is of a CA of the same name";
        Some(Remark { fatal: true, what, mend })
    }
}
