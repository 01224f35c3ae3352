//! A second look at a refused chain: every fault in it, not only the first that webpki met.

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::name::{cut, rfc4514};
use crate::identity::{key, rfc3339, serial};
use crate::observe::HandshakeReason as Reason;
use crate::tls::trust::{Ca, Trust, issuer_key_id, key_id};

/// webpki follows at most this many intermediates.
const MAX_DEPTH: usize = 8;

/// One thing that is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: Reason,
    pub(super) detail: String,
    pub(super) hint: String,
    pub(super) nearest_ca: Option<String>,
}

impl Fault {
    pub(super) fn new(reason: Reason, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), hint: hint.into(), nearest_ca: None }
    }

    /// The place in the order of mending: what makes the others moot comes first.
    pub(super) fn rank(&self) -> u8 {
        match self.reason {
            Reason::ClientCertMalformed => 0,
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
        self.reason == reason || (about_the_issuer(self.reason) && about_the_issuer(reason))
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
pub(super) fn faults(chain: &[CertificateDer<'_>], trust: &Trust, now: i64) -> Vec<Fault> {
    let mut parsed = Vec::new();
    for (position, der) in chain.iter().enumerate() {
        match X509Certificate::from_der(der) {
            Ok((_, x509)) => parsed.push(x509),
            Err(error) => {
                let detail = format!("certificate {} of those sent is not X.509: {error}", position + 1);
                let hint = "send the certificate file as the CA issued it; this one is damaged";
                return vec![Fault::new(Reason::ClientCertMalformed, detail, hint)];
            }
        }
    }
    let Some((leaf, intermediates)) = parsed.split_first() else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    faults.extend(unsupported(leaf));
    faults.extend(issuer(leaf, intermediates, trust, now));
    faults.extend(weak_signature(leaf));
    faults.extend(weak_key_of(leaf));
    faults.extend(leaf_dates(leaf, now));
    faults.extend(intermediates.iter().find_map(|x509| intermediate_dates(x509, now)));
    faults.extend(is_ca(leaf));
    faults.extend(purpose(leaf));
    let mend = "issue a new certificate to the sender, if it is still to be trusted";
    faults.extend(revoked(leaf, trust, mend));
    let mend = "issue the sender's certificate anew, from a CA that is not revoked";
    let mut issuers = intermediates.iter().filter(|ca| parsed.iter().any(|child| issued(ca, child)));
    faults.extend(issuers.find_map(|ca| revoked(ca, trust, mend)));
    faults.sort_by_key(Fault::rank);
    faults
}

fn unsupported(leaf: &X509Certificate<'_>) -> Option<Fault> {
    if leaf.version().0 != 2 {
        let detail = format!(
            "{} is X.509 v{}; only v3 is accepted",
            named(leaf),
            leaf.version().0.saturating_add(1)
        );
        let hint = "`openssl x509 -req` makes v1 unless it is given extensions: sign the request again with \
                    -extfile and a file that says extendedKeyUsage=clientAuth";
        return Some(Fault::new(Reason::ClientCertUnsupported, detail, hint));
    }
    let unknown = leaf.extensions().iter().find(|extension| {
        extension.critical
            && matches!(extension.parsed_extension(), ParsedExtension::UnsupportedExtension { .. })
    })?;
    let oid = unknown.oid.to_id_string();
    let detail =
        format!("{} has the critical extension {oid}, which the gate does not know", named(leaf));
    let hint = "have it issued without that extension, or with it marked as not critical";
    Some(Fault::new(Reason::ClientCertUnsupported, detail, hint))
}

/// Follows the names from the leaf up to a configured CA, or to where the chain breaks.
fn issuer(
    leaf: &X509Certificate<'_>,
    sent: &[X509Certificate<'_>],
    trust: &Trust,
    now: i64,
) -> Option<Fault> {
    let mut child = leaf;
    for depth in 0..MAX_DEPTH {
        let wanted = child.issuer().as_raw();
        let wanted_key = issuer_key_id(child);
        let fits = |key_id: Option<&[u8]>| match (&wanted_key, key_id) {
            (Some(wanted), Some(have)) => wanted == have,
            _ => true,
        };
        let held: Vec<_> = trust.cas.iter().filter(|ca| ca.subject_der == wanted).collect();
        if let Some(ca) = held.iter().find(|ca| fits(ca.key_id.as_deref())) {
            let itself = child.subject().as_raw() == wanted
                && crate::identity::sha256(child.public_key().raw) != ca.spki_sha256;
            if itself {
                return Some(wrong_ca_key(child, ca));
            }
            if ca.not_after < now {
                return Some(ca_expired(ca, now));
            }
            return None;
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

fn self_signed(leaf: &X509Certificate<'_>, same_name: Option<&Ca>, trust: &Trust) -> Fault {
    if let Some(ca) = same_name {
        return wrong_ca_key(leaf, ca);
    }
    let detail = format!("{} is self-signed: it is its own issuer", named(leaf));
    let hint = format!("have the sender's key certified by one of: {}", trust.names());
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
    let detail =
        format!("the CA {} expired {}, at {}", ca.subject, ago(now - ca.not_after), ca.not_after_text);
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
    let hint = format!(
        "append the intermediate {issuer} to the sender's certificate file (for curl: the file given to --cert), \
         leaf first"
    );
    Fault::new(Reason::ClientChainIncomplete, detail, hint)
}

fn unknown_ca(child: &X509Certificate<'_>, trust: &Trust) -> Fault {
    let issuer = cut(rfc4514(child.issuer()));
    let detail = format!(
        "{} was issued by {issuer}, which is none of the configured CAs ({})",
        named(child),
        trust.names()
    );
    let hint = format!(
        "have the sender use a certificate of a configured CA, or add the CA {issuer} to clients.ca if it is to be \
         trusted; if it is an intermediate, the sender must send it too"
    );
    Fault::new(Reason::ClientCertUnknownCa, detail, hint)
}

fn shares_organization(child: &X509Certificate<'_>, trust: &Trust) -> bool {
    let Some(Ok(organization)) = child.issuer().iter_organization().next().map(|o| o.as_str()) else {
        return false;
    };
    trust.cas.iter().any(|ca| ca.organization.as_deref() == Some(organization))
}

fn weak_signature(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let algorithm = match leaf.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.4" => "MD5 with RSA",
        "1.2.840.113549.1.1.5" => "SHA-1 with RSA",
        "1.2.840.10045.4.1" => "SHA-1 with ECDSA",
        "1.2.840.10040.4.3" => "SHA-1 with DSA",
        _ => return None,
    };
    let detail = format!("{} is signed with {algorithm}", named(leaf));
    Some(Fault::new(
        Reason::ClientCertWeakSignature,
        detail,
        "have it issued again with SHA-256 (openssl: -sha256)",
    ))
}

/// The leaf's key, if its kind or size is not accepted.
pub(super) fn weak_key(chain: &[CertificateDer<'_>]) -> Option<Fault> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    weak_key_of(&leaf)
}

fn weak_key_of(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let key = key(leaf);
    let accepted = match key.strip_prefix("RSA ").and_then(|bits| bits.parse::<usize>().ok()) {
        Some(bits) => (2048..=8192).contains(&bits),
        None => matches!(key.as_str(), "ECDSA P-256" | "ECDSA P-384" | "ECDSA P-521" | "Ed25519"),
    };
    if accepted {
        return None;
    }
    let detail = format!("{} has a key of the kind {key}", named(leaf));
    let hint = "use ECDSA (P-256, P-384, P-521), RSA of 2048 to 8192 bits, or Ed25519";
    Some(Fault::new(Reason::ClientCertKeyUnsupported, detail, hint))
}

fn leaf_dates(leaf: &X509Certificate<'_>, now: i64) -> Option<Fault> {
    let validity = leaf.validity();
    let clock = "the gate's clock says";
    let gate = gate_time(now);
    let (from, until) = (validity.not_before, validity.not_after);
    if until.timestamp() < now {
        let detail = format!(
            "{} expired {}, at {}; {clock} {gate}",
            named(leaf),
            ago(now - until.timestamp()),
            rfc3339(until)
        );
        let hint = "renew the sender's certificate; if it should be valid, check the gate's clock";
        return Some(Fault::new(Reason::ClientCertExpired, detail, hint));
    }
    if from.timestamp() > now {
        let detail = format!(
            "{} is valid only {} from now, at {}; {clock} {gate}",
            named(leaf),
            span(from.timestamp() - now),
            rfc3339(from)
        );
        let hint =
            "check the clocks of the gate and of the machine that issued the certificate, or wait";
        return Some(Fault::new(Reason::ClientCertNotYetValid, detail, hint));
    }
    None
}

fn intermediate_dates(x509: &X509Certificate<'_>, now: i64) -> Option<Fault> {
    let validity = x509.validity();
    let (from, until) = (validity.not_before, validity.not_after);
    let detail = if until.timestamp() < now {
        format!(
            "the intermediate {} expired {}, at {}",
            named(x509),
            ago(now - until.timestamp()),
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

fn is_ca(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let Ok(Some(constraints)) = leaf.basic_constraints() else {
        return None;
    };
    if !constraints.value.ca {
        return None;
    }
    let detail = format!("{} is a CA certificate, used as the sender's own", named(leaf));
    let hint = "issue a certificate for the sender with that CA (basicConstraints=CA:FALSE), and use it";
    Some(Fault::new(Reason::ClientCertIsCa, detail, hint))
}

fn purpose(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let Ok(Some(eku)) = leaf.extended_key_usage() else {
        return None;
    };
    if eku.value.client_auth {
        return None;
    }
    let uses = if eku.value.server_auth { "serverAuth" } else { "other uses" };
    let detail =
        format!("{} is for {uses}, not for clients (extendedKeyUsage lacks clientAuth)", named(leaf));
    let hint = "sign the request again with -extfile and a file that says extendedKeyUsage=clientAuth";
    Some(Fault::new(Reason::ClientCertWrongPurpose, detail, hint))
}

/// By name.
fn issued(ca: &X509Certificate<'_>, child: &X509Certificate<'_>) -> bool {
    child.issuer().as_raw() == ca.subject().as_raw()
}

fn revoked(x509: &X509Certificate<'_>, trust: &Trust, mend: &str) -> Option<Fault> {
    trust.crls.iter().find_map(|der| {
        let (_, crl) = x509_parser::parse_x509_crl(der).ok()?;
        if crl.issuer().as_raw() != x509.issuer().as_raw() {
            return None;
        }
        let entry =
            crl.iter_revoked_certificates().find(|entry| entry.raw_serial() == x509.raw_serial())?;
        let why = match entry.reason_code() {
            Some((_, code)) => format!(", reason {code}"),
            None => String::new(),
        };
        let detail = format!(
            "{} was revoked by {} at {}{why}",
            named(x509),
            cut(rfc4514(x509.issuer())),
            rfc3339(entry.revocation_date),
        );
        Some(Fault::new(Reason::ClientCertRevoked, detail, mend))
    })
}

/// `now` in RFC 3339.
fn gate_time(now: i64) -> String {
    match x509_parser::time::ASN1Time::from_timestamp(now) {
        Ok(time) => rfc3339(time),
        Err(_) => format!("{now} s since 1970"),
    }
}

fn ago(seconds: i64) -> String {
    format!("{} ago", span(seconds))
}

/// A length of time in its largest sensible unit.
fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..=119 => (seconds, "second"),
        120..=7199 => (seconds / 60, "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
