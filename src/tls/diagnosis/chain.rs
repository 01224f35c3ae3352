//! A second look at a refused chain: every fault in it, not only the first that webpki met.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::link::{self, Budget};
use super::path::path;
use super::{authority, leaf, revoked};
use crate::identity::name::{cut, rfc4514};
use crate::identity::{Digest, name_key, rfc3339, serial};
use crate::observe::HandshakeReason as Reason;
use crate::tls::bounds::{MAX_INTERMEDIATES, MAX_OF_ONE_SUBJECT, Selection};
use crate::tls::trust::{Ca, Trust, issuer_key_id, key_id};

/// One thing that is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the closed list.
    pub reason: Reason,
    /// What exactly is wrong.
    pub detail: String,
    /// What to do about it.
    pub hint: String,
    /// The configured CA that comes closest to having issued the certificate.
    pub nearest_ca: Option<String>,
    /// Whether the denylist says so.
    pub denied: bool,
}

impl Fault {
    pub(super) fn new(reason: Reason, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), hint: hint.into(), nearest_ca: None, denied: false }
    }

    /// The place in the order of mending: what makes the others moot comes first.
    pub(super) fn rank(&self) -> u8 {
        match self.reason {
            Reason::ClientCertMalformed | Reason::ClientCertTooLarge => 0,
            Reason::ClientCertSelfSigned
            | Reason::ClientCertWrongCaKey
            | Reason::ClientCertUnknownCa
            | Reason::ClientChainIncomplete
            | Reason::ClientCertBadSignature => 2,
            Reason::ClientCertUnsupported => 1,
            Reason::ClientCertKeyUnsupported | Reason::ClientCertWeakSignature => 3,
            Reason::ClientCertIsCa => 4,
            Reason::ClientChainInvalid => 5,
            Reason::ClientCertRevoked => 6,
            Reason::ClientCertExpired | Reason::ClientCertNotYetValid => 7,
            Reason::ClientChainExpired => 8,
            Reason::ClientCertWrongPurpose => 9,
            _ => 10,
        }
    }

    /// Whether this fault is what the verifier meant by `reason`, or tells more about it.
    pub(super) fn explains(&self, reason: Reason) -> bool {
        let about_the_issuer = |reason| {
            matches!(
                reason,
                Reason::ClientCertSelfSigned
                    | Reason::ClientCertWrongCaKey
                    | Reason::ClientCertUnknownCa
                    | Reason::ClientChainIncomplete
                    | Reason::ClientCertBadSignature
                    | Reason::ClientChainExpired
            )
        };
        // webpki does not say which certificate of the chain expired; the leaf has a fault of its own if
        // it is that.
        let dates = self.reason == Reason::ClientChainExpired
            && matches!(reason, Reason::ClientCertExpired | Reason::ClientCertNotYetValid);
        // Nor which it does not take for a client's, or cannot read.
        let of_a_ca = self.reason == Reason::ClientChainInvalid
            && matches!(reason, Reason::ClientCertWrongPurpose | Reason::ClientCertUnsupported);
        // Among the certificates that were left out there may be the issuer.
        let of_the_issuer = about_the_issuer(self.reason) || self.reason == Reason::ClientChainInvalid;
        self.reason == reason || dates || of_a_ca || (of_the_issuer && about_the_issuer(reason))
    }
}

/// The first fault, with the others named in its detail.
pub(super) fn combine(mut faults: Vec<Fault>) -> Fault {
    let others = faults.split_off(1.min(faults.len()));
    let Some(mut first) = faults.pop() else {
        return Fault::new(Reason::InternalError, "the refusal left no trace", "report this as a bug");
    };
    let others: Vec<_> = others.into_iter().filter(|other| other.reason != first.reason).collect();
    if !others.is_empty() {
        first.detail.push_str(". Besides: ");
        let details: Vec<_> = others.iter().map(|fault| fault.detail.as_str()).collect();
        first.detail.push_str(&details.join("; "));
    }
    first
}

/// `CN=…, serial …`: how a certificate is named in a sentence.
pub(super) fn named(x509: &X509Certificate<'_>) -> String {
    let subject = cut(rfc4514(x509.subject()));
    let subject = if subject.is_empty() { "with an empty subject".to_owned() } else { subject };
    format!("{subject} (serial {})", serial(x509))
}

/// All faults of `chain` (leaf first) at `now`, what is to be mended first in front.
pub(super) fn faults(
    chain: &[CertificateDer<'_>],
    trust: &Trust,
    now: i64,
    budget: &Budget,
) -> Vec<Fault> {
    let Some((leaf, sent)) = chain.split_first() else { return Vec::new() };
    let selection = Selection::of(leaf, sent);
    // What is no certificate is told of, wherever it stands.
    let broken = selection.unreadable.map(|place| place + 1);
    let places: Vec<_> =
        (0..chain.len()).filter(|place| *place == 0 || selection.has(place - 1)).collect();
    let mut parsed = Vec::with_capacity(places.len());
    for place in broken.iter().chain(&places) {
        match X509Certificate::from_der(&chain[*place]) {
            Ok(_) if broken == Some(*place) => {}
            Ok((rest, _)) if *place == 0 && !rest.is_empty() => {
                let detail = format!(
                    "after the sender's certificate stand {} bytes that are no part of it",
                    rest.len()
                );
                let hint = "send the certificate file as the CA issued it";
                return vec![Fault::new(Reason::ClientCertMalformed, detail, hint)];
            }
            Ok((_, x509)) => parsed.push(x509),
            Err(error) => {
                let detail = format!("certificate {} of those sent is not X.509: {error}", place + 1);
                let hint = "send the certificate file as the CA issued it; this one is damaged";
                return vec![Fault::new(Reason::ClientCertMalformed, detail, hint)];
            }
        }
    }
    let chosen: Vec<_> =
        places.iter().map(|place| CertificateDer::from(chain[*place].as_ref())).collect();
    let Some((end, intermediates)) = parsed.split_first() else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    if trust.pins(end) {
        // Nobody issued it, and it may say of itself that it is a CA's.
        faults.extend(leaf::names(end));
        faults.extend(leaf::unsupported(end));
        faults.extend(leaf::weak_key_of(end));
        faults.extend(leaf::dates(end, now));
        faults.extend(leaf::purpose(end));
        faults.extend(revoked::denied(end, trust));
        faults.sort_by_key(Fault::rank);
        return faults;
    }
    faults.extend(leaf::names(end));
    faults.extend(leaf::unsupported(end));
    let issuer = issuer(end, intermediates, trust, now, budget);
    let has_issuer = issuer.is_none();
    faults.extend(
        issuer.map(|fault| if selection.left_out == 0 { fault } else { tangled(end, &selection) }),
    );
    faults.extend(leaf::weak_signature(end));
    faults.extend(leaf::weak_key_of(end));
    faults.extend(leaf::dates(end, now));
    faults.extend(intermediates.iter().find_map(|x509| intermediate_dates(x509, now)));
    faults.extend(leaf::is_ca(end));
    faults.extend(leaf::purpose(end));
    if has_issuer || trust.checks_revocation() {
        let path = path(&chosen, trust, now, budget);
        faults.extend(authority::faults(&parsed, &path, now));
        faults.extend(revoked::faults(&parsed, &path, trust, now));
    }
    faults.sort_by_key(Fault::rank);
    faults
}

/// Follows the names from the leaf up to a configured CA, or to where the chain breaks.
fn issuer(
    leaf: &X509Certificate<'_>,
    sent: &[X509Certificate<'_>],
    trust: &Trust,
    now: i64,
    budget: &Budget,
) -> Option<Fault> {
    let mut child = leaf;
    for depth in 0..=MAX_INTERMEDIATES {
        let wanted = child.issuer().as_raw();
        let wanted_key = issuer_key_id(child);
        let fits = |key_id: Option<&[u8]>| match (&wanted_key, key_id) {
            (Some(wanted), Some(have)) => wanted == have,
            _ => true,
        };
        let held: Vec<_> = trust.cas.iter().filter(|ca| ca.subject_der == wanted).collect();
        let fitting: Vec<_> = held.iter().filter(|ca| fits(ca.key_id.as_deref())).collect();
        if let Some(ca) =
            fitting.iter().find(|ca| link::signed_by(child, ca.der(), budget) != Some(false))
        {
            return (ca.not_after < now).then(|| ca_expired(ca, now));
        }
        if let Some(ca) = fitting.first() {
            // With the right key identifier on it, the certificate must have been signed by this CA once.
            let is_sure = wanted_key.is_some() && wanted_key == ca.key_id;
            let itself = child.subject().as_raw() == wanted;
            return Some(if is_sure && !itself { altered(child) } else { wrong_ca_key(child, ca) });
        }
        if child.subject().as_raw() == wanted && depth == 0 {
            return Some(self_signed(leaf, held.first().copied(), trust));
        }
        if let Some(ca) = held.first() {
            return Some(wrong_ca_key(child, ca));
        }
        let next = sent.iter().find(|x509| {
            x509.subject().as_raw() == wanted
                && fits(key_id(x509).as_deref())
                && !std::ptr::eq(*x509, child)
        });
        match next {
            Some(next) if link::signed_by_sent(child, next, budget) == Some(false) => {
                let is_sure = wanted_key.is_some() && wanted_key == key_id(next);
                let known = trust.known.iter().find(|ca| ca.subject_der == wanted);
                return Some(match known {
                    Some(ca) if !is_sure => wrong_ca_key(child, ca),
                    _ => altered(child),
                });
            }
            Some(next) if next.subject().as_raw() != next.issuer().as_raw() => child = next,
            _ => {
                let known = trust.known.iter().find(|ca| ca.subject_der == wanted);
                return Some(match known {
                    Some(ca) if !fits(ca.key_id.as_deref()) => wrong_ca_key(child, ca),
                    Some(ca) if next.is_none() => incomplete(child, Some(ca), sent.is_empty()),
                    _ if next.is_none() && sent.is_empty() && shares_organization(child, trust) => {
                        incomplete(child, None, true)
                    }
                    _ => unknown_ca(child, trust),
                });
            }
        }
    }
    None
}

/// Of the certificates that were sent too many could be on the way up to look at all.
fn tangled(leaf: &X509Certificate<'_>, selection: &Selection) -> Fault {
    let detail = format!(
        "{} came with a chain that is too deep or too tangled: {MAX_INTERMEDIATES} intermediates are looked at, and \
         {MAX_OF_ONE_SUBJECT} of one subject; {} more were left out, and the others do not lead to a configured CA",
        named(leaf),
        selection.left_out,
    );
    Fault::new(Reason::ClientChainInvalid, detail, "send the leaf and its own intermediates only")
}

fn altered(child: &X509Certificate<'_>) -> Fault {
    let detail = format!(
        "the signature on {} is not its issuer's, {}: the certificate was altered after it was signed",
        named(child),
        cut(rfc4514(child.issuer())),
    );
    let hint =
        "send the certificate file as the CA issued it; this one is damaged, or was tampered with";
    Fault::new(Reason::ClientCertBadSignature, detail, hint)
}

fn self_signed(leaf: &X509Certificate<'_>, same_name: Option<&Ca>, trust: &Trust) -> Fault {
    if let Some(ca) = same_name {
        return wrong_ca_key(leaf, ca);
    }
    let detail = format!("{} is self-signed: it is its own issuer", named(leaf));
    let pin = format!("--pinned {}", Digest::of(leaf.as_raw()));
    let hint = if trust.cas.is_empty() {
        format!("to let in this very certificate, pin it: {pin}")
    } else {
        let cas = trust.names();
        format!(
            "have the sender's key certified by one of: {cas}; or, to let in this very certificate, pin it: {pin}"
        )
    };
    Fault::new(Reason::ClientCertSelfSigned, detail, hint)
}

fn wrong_ca_key(child: &X509Certificate<'_>, ca: &Ca) -> Fault {
    let detail = format!(
        "{} names {} as its issuer, and a CA of that name is known, but with another key (SPKI SHA-256 {}…); \
         the CA was made again, or the certificate comes from somebody else's CA of the same name",
        named(child),
        ca.subject,
        &ca.spki_sha256[..16],
    );
    let hint = "have the sender's certificate issued again by the present CA, or add the CA that issued it to clients.ca";
    Fault {
        nearest_ca: Some(ca.subject.clone()),
        ..Fault::new(Reason::ClientCertWrongCaKey, detail, hint)
    }
}

fn ca_expired(ca: &Ca, now: i64) -> Fault {
    let detail = format!(
        "the CA {} expired {}, at {}",
        ca.subject,
        ago(now.saturating_sub(ca.not_after)),
        ca.not_after_text
    );
    let hint = "renew the CA and put its new certificate into clients.ca";
    Fault {
        nearest_ca: Some(ca.subject.clone()),
        ..Fault::new(Reason::ClientChainExpired, detail, hint)
    }
}

fn incomplete(child: &X509Certificate<'_>, known: Option<&Ca>, alone: bool) -> Fault {
    let issuer = cut(rfc4514(child.issuer()));
    let why = match known {
        Some(_) => "which is an intermediate of a configured CA",
        None => "which looks like an intermediate of a configured CA",
    };
    let sent = if alone {
        "no other certificate was sent"
    } else {
        "the certificate of that issuer was not sent"
    };
    let detail = format!("{} was issued by {issuer}, {why}, and {sent}", named(child));
    let or = if known.is_some() { "" } else { "; if it is a CA of its own, add it to clients.ca" };
    let hint = format!(
        "append the intermediate {issuer} to the sender's certificate file (for curl: the file given to --cert), \
         leaf first{or}"
    );
    Fault::new(Reason::ClientChainIncomplete, detail, hint)
}

fn unknown_ca(child: &X509Certificate<'_>, trust: &Trust) -> Fault {
    let issuer = cut(rfc4514(child.issuer()));
    if let Some(ca) = spelled_otherwise(child, trust) {
        let detail = format!(
            "{} was issued by {issuer}, which is the name of the configured CA {} in another spelling or string type; \
             in a chain the two must be the same byte for byte",
            named(child),
            ca.subject
        );
        let hint = "have it issued again with the issuer's name exactly as it stands in the CA's own certificate";
        let fault = Fault::new(Reason::ClientCertUnknownCa, detail, hint);
        return Fault { nearest_ca: Some(ca.subject.clone()), ..fault };
    }
    let detail = format!(
        "{} was issued by {issuer}, which is none of the configured CAs ({})",
        named(child),
        trust.names()
    );
    let hint = format!(
        "have the sender use a certificate of a configured CA, or add the CA {issuer} to clients.ca if it is to be \
         trusted; if it is an intermediate, the sender must send it too"
    );
    let pinned = trust.pinned.contains(&Digest::of(child.as_raw()));
    let hint = if pinned {
        format!("{hint}; clients.pinned is for self-signed certificates only")
    } else {
        hint
    };
    Fault::new(Reason::ClientCertUnknownCa, detail, hint)
}

/// The configured CA that has the name of the issuer of `child` by RFC 5280 section 7.1, where webpki sees two names.
fn spelled_otherwise<'a>(child: &X509Certificate<'_>, trust: &'a Trust) -> Option<&'a Ca> {
    // Longer ones come from nobody who has a name to compare.
    const LONGEST: usize = 1024;
    if child.issuer().as_raw().len() > LONGEST {
        return None;
    }
    let name = name_key(child.issuer());
    trust.cas.iter().find(|ca| *ca.name_key() == *name)
}

fn shares_organization(child: &X509Certificate<'_>, trust: &Trust) -> bool {
    let Some(Ok(organization)) = child.issuer().iter_organization().next().map(|o| o.as_str()) else {
        return false;
    };
    trust.cas.iter().any(|ca| ca.organization.as_deref() == Some(organization))
}

fn intermediate_dates(x509: &X509Certificate<'_>, now: i64) -> Option<Fault> {
    let validity = x509.validity();
    let (from, until) = (validity.not_before, validity.not_after);
    let detail = if until.timestamp() < now {
        format!(
            "the intermediate {} expired {}, at {}",
            named(x509),
            ago(now.saturating_sub(until.timestamp())),
            rfc3339(until)
        )
    } else if from.timestamp() > now {
        format!("the intermediate {} is not valid before {}", named(x509), rfc3339(from))
    } else {
        return None;
    };
    let hint =
        "have the CA renew the intermediate, and put the new one into the sender's certificate file";
    Some(Fault::new(Reason::ClientChainExpired, detail, hint))
}

pub(super) fn ago(seconds: i64) -> String {
    format!("{} ago", span(seconds))
}

/// A length of time in its largest sensible unit.
pub fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..=119 => (seconds, "second"),
        120..=7199 => (seconds / 60, "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
