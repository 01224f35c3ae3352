//! Checks the CRLs: whether their CAs have signed them, whether they are current, and whether each CA has one.

use super::validity::SOON;
use crate::finding::{Check, Finding, Severity, Subject};
use crate::identity::time::time_text;
use crate::pki::revocation::{Crl, Demand, Expired, Remark};
use crate::pki::{Ca, TrustStore};
use crate::problem::Problem;

/// A CRL that is not renewed before the last quarter of its validity has probably been forgotten.
const LAST_PART: i64 = 4;

pub(super) fn findings(subject: &Subject, trust: &TrustStore, brought: &[Ca], at: i64) -> Vec<Finding> {
    let known: Vec<_> = trust.known.iter().chain(brought).collect();
    let mut found: Vec<_> =
        trust.crls.iter().flat_map(|crl| of_crl(subject, trust, &known, crl, at)).collect();
    let valid = trust.cas.iter().filter(|ca| ca.not_after >= at);
    let without: Vec<_> = valid.filter(|ca| !has_crl(ca, &trust.crls)).collect();
    let hint = "add the CA's CRL to clients.crl, or set clients.crl_policy to \"if-present\"";
    match (trust.revocation.demand, without.as_slice()) {
        (_, []) => {}
        (Demand::Strict, cas) => found.extend(cas.iter().map(|ca| {
            let detail = format!(
                "the CA {} has no CRL, and clients.crl_policy is \"strict\": none of its clients is admitted",
                ca.subject
            );
            subject.fail(Check::Crl, detail, hint)
        })),
        (Demand::IfPresent, _) if trust.crls.is_empty() => {
            found.push(without_crls(subject, Check::Crl));
        }
        (Demand::IfPresent, cas) => found.extend(cas.iter().map(|ca| {
            let detail = format!(
                "the CA {} has no CRL: a certificate that it revokes is admitted until it expires",
                ca.subject
            );
            subject.note(Check::Crl, detail).hint("name its CRL in clients.crl, too")
        })),
    }
    found
}

/// The finding when no CRL is configured, and none is required.
pub fn without_crls(subject: &Subject, name: Check) -> Finding {
    let detail = "there is no CRL: a certificate that its CA revokes is admitted until it expires";
    subject.note(name, detail).hint("name the CA's CRL in clients.crl")
}

fn has_crl(ca: &Ca, crls: &[Crl]) -> bool {
    crls.iter().any(|crl| *crl.issuer_key == *ca.name_key())
}

fn of_crl(subject: &Subject, trust: &TrustStore, known: &[&Ca], crl: &Crl, at: i64) -> Vec<Finding> {
    let Crl { issuer, entries, this_update, next_update, .. } = crl;
    let all: Vec<_> = trust.cas.iter().chain(known.iter().copied()).collect();
    let file = crl.file.display();
    let unsigned = crl.not_signed(all.iter().copied());
    if let Some(Problem { what, hint, .. }) = &unsigned
        && all.iter().any(|ca| crl.may_be_of(ca))
    {
        return vec![subject.fail(Check::Crl, format!("{file}: {what}"), hint)];
    }
    let mut found = Vec::new();
    if unsigned.is_some() {
        let detail = format!(
            "{file}: is a CRL of {issuer}, which is not a known CA: its signature cannot be \
             checked"
        );
        let hint = "name that CA in clients.ca, or remove the CRL";
        found.push(subject.warning(Check::Crl, detail, hint));
    }
    let remarks = trust.revocation.remarks(crl, &trust.crls, &trust.cas, known, at);
    found.extend(remarks.into_iter().map(|Remark { severity, problem: Problem { what, hint, .. } }| {
        subject.finding(Check::Crl, severity, format!("{file}: {what}")).hint(hint)
    }));
    if found.iter().any(|finding| finding.severity >= Severity::Warning) {
        return found;
    }
    let (left, life) = (next_update - at, next_update - this_update);
    let due = time_text(*next_update);
    if left < life / LAST_PART && left < SOON {
        let means = match trust.revocation.expired {
            Expired::Refuse => "after that no client of its CA is admitted",
            Expired::Warn => "after that clients that its CA has revoked since are admitted",
        };
        let detail = format!("that of {issuer} is due at {due}; {means}");
        let hint = "make sure that a new CRL is fetched before then";
        return vec![subject.warning(Check::Crl, detail, hint)];
    }
    let detail = format!("that of {issuer}, signed by it, {entries} revoked, next one due at {due}");
    found.push(subject.pass(Check::Crl, detail));
    found
}
