//! Revoked certificates in a chain, by CRLs and denylist.

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::name::cut;
use crate::identity::time::{span, time_text};
use crate::identity::{name_key, rfc4514};
use crate::pki::denylist::Entry;
use crate::pki::revocation::{Issuer, Missing, Status, Subject, signs_crls};
use crate::pki::{Ca, Path, SignatureCache, TrustStore};
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::fault::{Fault, named};

/// The revocation status of each certificate of `path` whose issuer is known, the leaf first.
pub fn statuses<'a>(
    chain: &[X509Certificate<'_>],
    path: &Path<'_>,
    trust: &'a TrustStore,
    now: i64,
) -> Vec<(usize, Status<'a>)> {
    let sent = path.sent.iter().filter_map(|place| Some((*place, chain.get(*place)?)));
    let mut sent = sent.peekable();
    let mut found = Vec::new();
    while let Some((place, certificate)) = sent.next() {
        let subject = Subject::of(certificate, place == 0);
        let name;
        let issuer = match (sent.peek(), path.anchor) {
            (Some((_, issuer)), _) => {
                name = name_key(issuer.subject());
                let spki = issuer.public_key().raw;
                Issuer { name: &name, spki, signs_crls: signs_crls(issuer) }
            }
            (None, Some(ca)) => ca.issuer(),
            (None, None) => break,
        };
        found.push((place, trust.revocation_status(&subject, &issuer, now)));
    }
    found
}

/// All certificates on the path `way` from the leaf to `ca` that are revoked, or whose status is not known.
pub(crate) fn faults(
    way: &[&X509Certificate<'_>],
    ca: &Ca,
    trust: &TrustStore,
    cache: &SignatureCache,
    now: i64,
) -> Vec<Fault> {
    if !trust.checks_revocation() {
        return Vec::new();
    }
    let mut faults: Vec<_> = way.iter().filter_map(|certificate| denied(certificate, trust)).collect();
    for (position, certificate) in way.iter().enumerate() {
        let subject = Subject::of(certificate, position == 0);
        let name;
        let issuer = match way.get(position + 1) {
            Some(issuer) => {
                name = name_key(issuer.subject());
                let spki = issuer.public_key().raw;
                Issuer { name: &name, spki, signs_crls: signs_crls(issuer) }
            }
            None => ca.issuer(),
        };
        let status = trust.revocation_status(&subject, &issuer, now);
        faults.extend(fault(certificate, position == 0, &status, now));
    }
    of_configured(ca, trust, cache, now, &mut Vec::new(), &mut faults);
    faults
}

/// The same for the configured CA at the end of the path, and for the configured CAs that have issued it.
fn of_configured<'a>(
    ca: &'a Ca,
    trust: &'a TrustStore,
    cache: &SignatureCache,
    now: i64,
    seen: &mut Vec<&'a Ca>,
    faults: &mut Vec<Fault>,
) {
    let Ok((_, certificate)) = X509Certificate::from_der(ca.der()) else { return };
    seen.push(ca);
    faults.extend(denied(&certificate, trust));
    let issuers = trust.issuers_of(ca, cache);
    let Some(issuer) = trust.common_issuer(&issuers) else { return };
    let status = trust.revocation_status(ca.listed(), &issuer, now);
    faults.extend(fault(&certificate, false, &status, now));
    let before = faults.len();
    for issuer in issuers.iter().filter_map(|place| trust.cas.get(*place)) {
        if seen.iter().any(|seen| seen.der() == issuer.der()) {
            continue;
        }
        let known = faults.len();
        of_configured(issuer, trust, cache, now, seen, faults);
        if faults.len() == known {
            // One issuer that is not revoked is enough.
            faults.truncate(before);
            return;
        }
    }
}

/// The fault if the denylist names the certificate.
pub(crate) fn denied(certificate: &X509Certificate<'_>, trust: &TrustStore) -> Option<Fault> {
    let Entry { line, why } = trust.denylist.find(certificate)?;
    let why = why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
    let file = trust.denylist.file.display();
    let detail = format!("{} is denied by line {line} of {file}{why}", named(certificate));
    let hint = "give the client a new key and certificate; or remove the line, if the client is to be admitted again";
    Some(Fault { denied: true, ..Fault::new(Reason::ClientCertRevoked, detail, hint) })
}

fn fault(
    certificate: &X509Certificate<'_>,
    is_leaf: bool,
    status: &Status<'_>,
    now: i64,
) -> Option<Fault> {
    let who = named(certificate);
    let issuer = cut(rfc4514(certificate.issuer()));
    let (reason, detail, hint) = match status {
        Status::Good(_) | Status::Stale(_) | Status::Unchecked => return None,
        Status::Revoked(crl, entry) => {
            let since = entry.since.as_ref().map_or_else(String::new, |since| format!(" at {since}"));
            let why = entry.reason.as_ref().map_or_else(String::new, |why| format!(", reason {why}"));
            let detail = format!("{who} was revoked by {issuer}{since}{why} ({})", crl.file_name());
            let hint = if is_leaf {
                "issue a new certificate to the client, if it is still to be trusted"
            } else {
                "issue the client's certificate anew, from a CA that is not revoked"
            };
            (Reason::ClientCertRevoked, detail, hint)
        }
        Status::Expired(crl) => {
            let late = span(now.saturating_sub(crl.next_update));
            let due = time_text(crl.next_update);
            let detail = format!(
                "the CRL of the CA {issuer}, which issued {who}, is out of date: the next one was due {late} ago, at \
                 {due} ({})",
                crl.file_name()
            );
            let hint = "fetch the CA's current CRL and give it to clawgate; no restart is needed";
            (Reason::CrlExpired, detail, hint)
        }
        Status::Unavailable(Missing::None) => {
            let detail = format!(
                "{who} was issued by {issuer}, for which there is no CRL, and clients.crl_policy is \"strict\""
            );
            let hint = "add that CA's CRL to clients.crl, or set clients.crl_policy to \"if-present\"";
            (Reason::CrlUnavailable, detail, hint)
        }
        Status::Unavailable(Missing::NotSigned(crl)) => {
            let detail = format!(
                "the CRL of {issuer} ({}) is not signed by the key of the CA that issued {who}, or that CA may not \
                 sign CRLs",
                crl.file_name()
            );
            let hint = "give clawgate the CRL that this CA issues";
            (Reason::CrlUnavailable, detail, hint)
        }
        Status::Unavailable(Missing::Ahead(crl)) => {
            let from = time_text(crl.this_update);
            let detail = format!(
                "the CRL of {issuer} ({}), which issued {who}, is dated in the future: it says that it was issued at {from}",
                crl.file_name()
            );
            (Reason::CrlUnavailable, detail, "check the clocks of this machine and of the CA")
        }
        Status::Unavailable(Missing::NotCovered(crl)) => {
            let detail = format!(
                "the CRL of {issuer} ({}) covers other certificates than {who}, and clients.crl_policy is \
                 \"strict\"",
                crl.file_name()
            );
            let hint = "add that CA's CRL for all of its certificates to clients.crl";
            (Reason::CrlUnavailable, detail, hint)
        }
    };
    Some(Fault::new(reason, detail, hint))
}
