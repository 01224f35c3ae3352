//! The gate's own certificate, as senders will judge it.

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::report::{Finding, Place};
use crate::config::Settings;
use crate::explain::Facts;
use crate::identity::name::{cut, rfc4514};
use crate::identity::rfc3339;
use crate::tls::diagnosis::may_be_signed_by;
use crate::tls::trust::Ca;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;
/// A certificate that lasts no longer is to be renewed; of a shorter-lived one, a third of its life.
pub(super) const SOON: i64 = 30 * DAY;
/// NIST SP 800-131A: RSA keys from this size on.
const MIN_RSA: usize = 2048;
/// RSA with MD5, RSA with SHA-1, ECDSA with SHA-1.
const WEAK_SIGNATURES: [&str; 3] = ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"];

pub(super) fn findings(settings: &Settings, at: i64) -> Vec<Finding> {
    let own = &settings.material.own;
    let one = own.len() == 1;
    own.iter()
        .flat_map(|own| {
            let name = if one { String::new() } else { own.path.display().to_string() };
            of_chain(&Place::new("certificate", name), &own.certified.cert, settings, at)
        })
        .collect()
}

fn of_chain(
    place: &Place,
    chain: &[CertificateDer<'static>],
    settings: &Settings,
    at: i64,
) -> Vec<Finding> {
    let parsed: Vec<_> = chain.iter().filter_map(|der| X509Certificate::from_der(der).ok()).collect();
    let parsed: Vec<_> = parsed.into_iter().map(|(_, x509)| x509).collect();
    let Some(leaf) = parsed.first() else {
        return Vec::new();
    };
    vec![
        dates(place, &parsed, at),
        names(place, leaf),
        purpose(place, leaf),
        completeness(place, &parsed, &settings.material.trust.cas),
        strength(place, &parsed),
    ]
}

fn dates(place: &Place, chain: &[X509Certificate<'_>], at: i64) -> Finding {
    for x509 in chain {
        let facts = Facts::of(&CertificateDer::from(x509.as_raw()), x509, at);
        let (name, lasts) = (&facts.certificate.subject, &facts.lasts);
        let (from, until) =
            (x509.validity().not_before.timestamp(), x509.validity().not_after.timestamp());
        if until < at {
            let mend = "renew it and put it in the place of the old one; senders refuse it";
            return place.fault("dates", format!("{name}: {lasts}"), mend);
        }
        if from > at {
            let detail = format!("{name}: {lasts}, by this machine's clock");
            return place.fault(
                "dates",
                detail,
                "set the clock right (timedatectl), or have it issued anew",
            );
        }
        if until - at < SOON.min((until - from) / 3) {
            let mend = "renew it; if something does that by itself, look why it has not yet";
            return place.warning("dates", format!("{name}: {lasts}"), mend);
        }
    }
    let until = chain.iter().map(|x509| x509.validity().not_after).min_by_key(|time| time.timestamp());
    place.good("dates", until.map_or_else(String::new, |time| format!("valid until {}", rfc3339(time))))
}

fn names(place: &Place, leaf: &X509Certificate<'_>) -> Finding {
    let facts = Facts::of(&CertificateDer::from(leaf.as_raw()), leaf, 0);
    place.good("names", format!("good for {}", facts.certificate.san.join(", ")))
}

fn purpose(place: &Place, leaf: &X509Certificate<'_>) -> Finding {
    match leaf.extended_key_usage().ok().flatten() {
        Some(eku) if !eku.value.server_auth && !eku.value.any => place.fault(
            "purpose",
            "it is not for servers: its extendedKeyUsage lacks serverAuth",
            "have it issued with extendedKeyUsage=serverAuth; senders refuse it",
        ),
        Some(_) => place.good("purpose", "serverAuth"),
        None => place.good("purpose", "any (no extendedKeyUsage)"),
    }
}

/// Whether a sender that holds a root alone can build the chain (RFC 8446 section 4.4.2).
fn completeness(place: &Place, chain: &[X509Certificate<'_>], known: &[Ca]) -> Finding {
    for pair in chain.windows(2) {
        let by_name = pair[0].issuer().as_raw() == pair[1].subject().as_raw();
        if !by_name || !may_be_signed_by(&pair[0], pair[1].as_raw()) {
            let (child, next) = (cut(rfc4514(pair[0].subject())), cut(rfc4514(pair[1].subject())));
            return place.fault(
                "chain",
                format!("{child} was not issued by {next}, which follows it in the file"),
                "put the leaf first, then the CA that issued it, then the CA that issued that one",
            );
        }
    }
    let Some(last) = chain.last() else {
        return place.skipped("chain", "there is no certificate");
    };
    let issuer = cut(rfc4514(last.issuer()));
    if last.issuer().as_raw() == last.subject().as_raw() {
        return place.good("chain", format!("complete up to {issuer}, which senders must trust"));
    }
    let issuers = known
        .iter()
        .filter(|ca| ca.subject_der == last.issuer().as_raw() && may_be_signed_by(last, ca.der()));
    let mut intermediate = false;
    for ca in issuers {
        match X509Certificate::from_der(ca.der()) {
            Ok((_, x509)) if x509.subject().as_raw() == x509.issuer().as_raw() => {
                return place
                    .good("chain", format!("leads to the root {issuer}, which senders must trust"));
            }
            _ => intermediate = true,
        }
    }
    if intermediate {
        return place.fault(
            "chain",
            format!("ends below {issuer}, which is an intermediate (clients.ca has it) and is not sent"),
            format!(
                "append {issuer} to tls.certificate: senders that hold the root alone refuse the gate"
            ),
        );
    }
    // Public CAs issue from intermediates, and say where those are to be had.
    if chain.len() == 1 && names_its_issuers_address(last) {
        return place.warning(
            "chain",
            format!("only the leaf is sent, and {issuer}, which issued it, is likely to be an intermediate"),
            "give tls.certificate the full chain (certbot: fullchain.pem); senders may not find the way to the root",
        );
    }
    place.good("chain", format!("{} sent; issued by {issuer}, which senders must trust", chain.len()))
}

/// RFC 5280 section 4.2.2.1, access method caIssuers.
fn names_its_issuers_address(x509: &X509Certificate<'_>) -> bool {
    x509.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => {
            access.accessdescs.iter().any(|at| at.access_method.to_id_string() == "1.3.6.1.5.5.7.48.2")
        }
        _ => false,
    })
}

fn strength(place: &Place, chain: &[X509Certificate<'_>]) -> Finding {
    for x509 in chain {
        if let Some(weakness) = weakness(x509) {
            let name = cut(rfc4514(x509.subject()));
            let mend = "have it issued again, with an ECDSA P-256 key and SHA-256";
            return place.fault("strength", format!("{name}: {weakness}"), mend);
        }
    }
    let facts = |x509: &X509Certificate<'_>| Facts::of(&CertificateDer::from(x509.as_raw()), x509, 0);
    let key = chain.first().map_or_else(String::new, |leaf| facts(leaf).certificate.key);
    if key == "Ed25519" {
        return place.warning(
            "strength",
            "its key is Ed25519, which many senders cannot verify (Windows, older Java, browsers)",
            "have it issued for an ECDSA P-256 key, unless you know all your senders",
        );
    }
    place.good("strength", key)
}

/// What makes a certificate too weak to be trusted, but the signature of a root on itself.
pub(super) fn weakness(x509: &X509Certificate<'_>) -> Option<String> {
    if let Ok(PublicKey::RSA(rsa)) = x509.public_key().parsed()
        && rsa.key_size() < MIN_RSA
    {
        return Some(format!("its RSA key has {} bits, and {MIN_RSA} are the least", rsa.key_size()));
    }
    let own = x509.issuer().as_raw() == x509.subject().as_raw();
    let algorithm = x509.signature_algorithm.algorithm.to_id_string();
    (!own && WEAK_SIGNATURES.contains(&algorithm.as_str()))
        .then(|| "it is signed with MD5 or SHA-1".to_owned())
}
