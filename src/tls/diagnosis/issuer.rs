//! Why a certificate leads to no configured CA: the paths by names are known, and none is valid.

use std::cell::OnceCell;

use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::Tag;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::leaf;
use crate::identity::name::cut;
use crate::identity::{Digest, name_key, rfc4514, sha256};
use crate::pki::Budget;
use crate::pki::path::building::{Broken, KeyIds, Route, Sent, key_ids_along, nearest_broken};
use crate::pki::signature::{Signed, signed_by};
use crate::pki::{Ca, TrustStore, key_id};
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::fault::{Fault, named};

/// Longest name that is compared by the rules of RFC 5280 section 7.1, in bytes.
const LONGEST_NAME: usize = 1024;
/// Certificates whose names are compared by these rules.
const MOST_COMPARED: usize = 8;
/// Certificates of clawgate's own chain that are followed up to a configured CA.
const MOST_KNOWN: usize = 4;

/// What the search needs.
pub(crate) struct Case<'c, 'a> {
    /// As sent, the leaf first.
    pub(crate) chain: &'c [CertificateDer<'c>],
    pub(crate) sent: &'c Sent<'c>,
    pub(crate) trust: &'a TrustStore,
    pub(crate) budget: &'c Budget<'c>,
    /// The subjects of the first certificates of `chain`, for comparing; computed on demand.
    pub(super) subjects: OnceCell<Vec<(usize, Box<[u8]>)>>,
}

impl Case<'_, '_> {
    /// The fault, if none of `routes` is valid. `None` if it is not known.
    pub(crate) fn fault(&self, routes: &[Route<'_>]) -> Option<Fault> {
        let nearest = nearest_broken(routes, self.sent)?;
        match (&nearest.anchor, &nearest.broken) {
            (Some(ca), Some(broken)) => self.broken(nearest, ca, broken),
            _ => self.dead_end(nearest, routes),
        }
    }

    /// A path leads to the configured CA `ca` by names, but a signature on it is not valid.
    fn broken(&self, route: &Route<'_>, ca: &Ca, broken: &Broken) -> Option<Fault> {
        let child = self.sent.get(*route.sent.get(broken.position)?)?;
        let above = route.sent.get(broken.position + 1).and_then(|index| self.sent.get(*index));
        let is_leaf = broken.position == 0;
        let issuer = above.map_or_else(|| ca.subject.clone(), |issuer| cut(rfc4514(issuer.subject())));
        // The CA on the path may only have the issuer's name, and the real issuer may be known.
        if broken.signed == Signed::No
            && let Some(fault) = self.known(child)
            && fault.reason != Reason::ClientCertWrongCaKey
        {
            return Some(fault);
        }
        let fault = match &broken.signed {
            Signed::Weak(_) => leaf::weak_signature(child, is_leaf)?,
            Signed::Algorithm(kind) => unsupported_signature(child, is_leaf, kind),
            Signed::Key(kind) => unsupported_key(child, &issuer, kind),
            // The key identifier of a self-issued certificate proves nothing.
            Signed::No if broken.key_ids == KeyIds::Fit && !is_self_issued(child) => altered(child),
            Signed::Yes | Signed::Unknown if broken.key_ids != KeyIds::Differ => return None,
            _ => {
                let spki =
                    above.map_or_else(|| ca.spki_sha256.clone(), |ca| sha256(ca.public_key().raw));
                return Some(wrong_ca_key(child, &issuer, &spki, broken.key_ids));
            }
        };
        Some(fault.near(&ca.subject))
    }

    /// No path leads to a configured CA by names.
    fn dead_end(&self, nearest: &Route<'_>, routes: &[Route<'_>]) -> Option<Fault> {
        let last = |route: &Route<'_>| self.sent.get(*route.sent.last()?);
        let mut asked = Vec::new();
        let mut ends = routes.iter().filter(|route| route.anchor.is_none());
        let fault = ends.find_map(|route| {
            let end = route.sent.last()?;
            let (_, against) = key_ids_along(route, self.sent);
            if against > 0 || asked.contains(end) {
                return None;
            }
            asked.push(*end);
            self.known_issuer(self.sent.get(*end)?)
        });
        if fault.is_some() {
            return fault;
        }
        let child = last(nearest)?;
        if nearest.sent.len() == 1 && is_self_issued(child) {
            return Some(self_signed(child, self.trust));
        }
        Some(unknown_ca(child, self.trust))
    }

    /// The fault if the issuer of `child` is known, although the chain does not lead from it to a configured CA.
    fn known_issuer(&self, child: &X509Certificate<'_>) -> Option<Fault> {
        self.known(child).or_else(|| self.spelled_otherwise(child)).or_else(|| self.key_id(child))
    }

    /// An intermediate of clawgate's own chain has the issuer's name.
    fn known(&self, child: &X509Certificate<'_>) -> Option<Fault> {
        let named = self.trust.known.iter().filter(|ca| ca.subject_der == child.issuer().as_raw());
        let mut named = named.filter(|ca| self.leads_up(ca) && !self.was_sent(ca));
        let known = named.next()?;
        let (_, certificate) = X509Certificate::from_der(known.der()).ok()?;
        let key_ids = KeyIds::of(child, known.key_id.as_deref());
        match (signed_by(child, &certificate, self.budget), key_ids) {
            (Signed::No, KeyIds::Fit) if !is_self_issued(child) => Some(altered(child)),
            (Signed::No, _) | (Signed::Unknown, KeyIds::Differ) => {
                Some(wrong_ca_key(child, &known.subject, &known.spki_sha256, key_ids))
            }
            _ => {
                let why = "which is an intermediate of a configured CA".to_owned();
                Some(incomplete(child, &why, self.sent.certificates.len() == 1))
            }
        }
    }

    /// Whether the names lead from `known` to a configured CA.
    fn leads_up(&self, known: &Ca) -> bool {
        let mut ca = known;
        for _ in 0..MOST_KNOWN {
            let Ok((_, certificate)) = X509Certificate::from_der(ca.der()) else { return false };
            let issuer = certificate.issuer().as_raw();
            if self.trust.cas.iter().any(|configured| configured.subject_der == issuer) {
                return true;
            }
            match self.trust.known.iter().find(|above| above.subject_der == issuer) {
                Some(above) if above.der() != ca.der() => ca = above,
                _ => return false,
            }
        }
        false
    }

    fn was_sent(&self, ca: &Ca) -> bool {
        self.sent.certificates.iter().any(|(_, sent)| {
            sent.subject().as_raw() == ca.subject_der && sent.public_key().raw == ca.spki()
        })
    }

    /// The authority key identifier is that of a known CA, although the issuer has another name.
    fn key_id(&self, child: &X509Certificate<'_>) -> Option<Fault> {
        let trust = self.trust;
        let known = trust.known.iter().filter(|ca| self.leads_up(ca));
        let fits = |ca: &&Ca| KeyIds::of(child, ca.key_id.as_deref()) == KeyIds::Fit;
        let by_id = trust.cas.iter().chain(known).find(fits).map(|ca| {
            let why = format!(
                "which is another name for the key of {} according to its authority key identifier",
                ca.subject
            );
            (ca, why)
        });
        let by_issuer = || {
            let ca = trust.cas.iter().find(|ca| names_issuer_of_issuer(child, ca))?;
            let why = format!(
                "which is an intermediate of the configured CA {} according to its authority key identifier",
                ca.subject
            );
            Some((ca, why))
        };
        // The key identifier of a self-issued certificate proves nothing.
        if is_self_issued(child) {
            return None;
        }
        let (ca, why) = by_id.or_else(by_issuer)?;
        Some(incomplete(child, &why, self.sent.certificates.len() == 1).near(&ca.subject))
    }

    /// A configured CA, or one that was sent, has the issuer's name by the rules of RFC 5280 section 7.1, but not byte by byte,
    /// as webpki compares.
    fn spelled_otherwise(&self, child: &X509Certificate<'_>) -> Option<Fault> {
        let issuer = child.issuer();
        if issuer.as_raw().len() > LONGEST_NAME {
            return None;
        }
        let key = name_key(issuer);
        for ca in self.trust.cas.iter().filter(|ca| *ca.name_key() == *key) {
            let Ok((_, certificate)) = X509Certificate::from_der(ca.der()) else { continue };
            if signed_by(child, &certificate, self.budget) != Signed::No {
                let which = format!("the configured CA {}", ca.subject);
                return Some(other_spelling(child, &which, certificate.subject()).near(&ca.subject));
            }
        }
        let sent = &self.sent.certificates;
        if sent.iter().any(|(_, sent)| sent.subject().as_raw() == issuer.as_raw()) {
            return None;
        }
        self.subjects().iter().filter(|(_, subject)| *subject == key).find_map(|(place, _)| {
            let (_, sent) = X509Certificate::from_der(self.chain.get(*place)?).ok()?;
            let which = format!("the intermediate {} that was sent", cut(rfc4514(sent.subject())));
            let fits = KeyIds::of(child, key_id(&sent).as_deref()) != KeyIds::Differ;
            fits.then(|| other_spelling(child, &which, sent.subject()))
        })
    }

    fn subjects(&self) -> &[(usize, Box<[u8]>)] {
        self.subjects.get_or_init(|| {
            let first = self.chain.iter().enumerate().skip(1).take(MOST_COMPARED);
            let subject = |(place, der): (usize, &CertificateDer<'_>)| {
                let (_, sent) = X509Certificate::from_der(der).ok()?;
                let is_short = sent.subject().as_raw().len() <= LONGEST_NAME;
                is_short.then(|| (place, name_key(sent.subject())))
            };
            first.filter_map(subject).collect()
        })
    }
}

fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

/// Whether the authority key identifier of `child` says that `ca` issued its issuer (RFC 5280 section 4.2.1.1).
fn names_issuer_of_issuer(child: &X509Certificate<'_>, ca: &Ca) -> bool {
    child.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            let names = id.authority_cert_issuer.iter().flatten();
            let mut names = names.filter_map(|name| match name {
                GeneralName::DirectoryName(name) => Some(name.as_raw()),
                _ => None,
            });
            names.any(|name| name == ca.subject_der)
        }
        _ => false,
    })
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

fn unsupported_signature(child: &X509Certificate<'_>, is_leaf: bool, kind: &str) -> Fault {
    let hint = "have it issued again with SHA-256 and RSA (PKCS #1 v1.5) or ECDSA (openssl: -sha256)";
    if is_leaf {
        let detail = format!("{} is signed with {kind}, which is not supported", named(child));
        return Fault::new(Reason::ClientCertUnsupported, detail, hint);
    }
    let who = named(child);
    let detail = format!("the intermediate {who} is signed with {kind}, which is not supported");
    Fault::new(Reason::ClientChainInvalid, detail, hint)
}

fn unsupported_key(child: &X509Certificate<'_>, issuer: &str, kind: &str) -> Fault {
    let detail = format!(
        "{} was issued by {issuer}, whose key is of the kind {kind}, which is not supported: no signature by it can be \
         verified",
        named(child)
    );
    let hint = "issue it with a CA whose key is ECDSA (P-256, P-384, P-521), RSA of 2048 to 8192 bits, or Ed25519";
    Fault::new(Reason::ClientCertKeyUnsupported, detail, hint)
}

fn self_signed(leaf: &X509Certificate<'_>, trust: &TrustStore) -> Fault {
    let detail = format!("{} is self-signed: it is its own issuer", named(leaf));
    let pin = format!("--pinned {}", Digest::of(leaf.as_raw()));
    let hint = if trust.cas.is_empty() {
        format!("to admit exactly this certificate, pin it: {pin}")
    } else {
        let cas = trust.names();
        format!(
            "have the client's key certified by one of: {cas}; or, to admit exactly this certificate, pin it: {pin}"
        )
    };
    Fault::new(Reason::ClientCertSelfSigned, detail, hint)
}

/// `spki` is the SHA-256 of the known key with the issuer's name, in hex.
fn wrong_ca_key(child: &X509Certificate<'_>, issuer: &str, spki: &str, key_ids: KeyIds) -> Fault {
    let short = spki.get(..16).unwrap_or(spki);
    // Without key identifiers this looks the same.
    let or = match key_ids {
        KeyIds::Unsaid => ", or the certificate was altered after it was signed",
        _ => "",
    };
    let detail = format!(
        "{} names {issuer} as its issuer, and a CA of that name is known, but with another key (SPKI SHA-256 {short}…); \
         the CA was recreated with a new key, or the certificate comes from another CA of the same name{or}",
        named(child),
    );
    let hint = "have the client's certificate issued again by the current CA, or add the CA that issued it to clients.ca";
    Fault::new(Reason::ClientCertWrongCaKey, detail, hint).near(issuer)
}

fn incomplete(child: &X509Certificate<'_>, why: &str, alone: bool) -> Fault {
    let issuer = cut(rfc4514(child.issuer()));
    let sent = if alone {
        "no other certificate was sent"
    } else {
        "the certificate of that issuer was not sent"
    };
    let detail = format!("{} was issued by {issuer}, {why}, and {sent}", named(child));
    let hint = format!(
        "append the intermediate {issuer} to the client's certificate file (for curl: the file given to --cert), \
         leaf first"
    );
    Fault::new(Reason::ClientChainIncomplete, detail, hint)
}

fn unknown_ca(child: &X509Certificate<'_>, trust: &TrustStore) -> Fault {
    let issuer = cut(rfc4514(child.issuer()));
    let detail = format!(
        "{} was issued by {issuer}, which is none of the configured CAs ({})",
        named(child),
        trust.names()
    );
    let pinned = trust.pinned.contains(&Digest::of(child.as_raw()));
    let pinned = if pinned { "; clients.pinned is for self-signed certificates only" } else { "" };
    let hint = if is_self_issued(child) {
        format!(
            "have the client use a certificate of a configured CA, or add the CA {issuer} to clients.ca if it is to be \
             trusted{pinned}"
        )
    } else {
        format!(
            "have the client use a certificate of a configured CA, or add the CA {issuer} to clients.ca if it is to be \
             trusted; if it is an intermediate of a configured CA, the client must send its certificate too{pinned}"
        )
    };
    Fault::new(Reason::ClientCertUnknownCa, detail, hint)
}

/// The CA `which` has the issuer's name in another spelling, `subject`.
fn other_spelling(child: &X509Certificate<'_>, which: &str, subject: &X509Name<'_>) -> Fault {
    let issuer = child.issuer();
    let is_same_text = rfc4514(issuer) == rfc4514(subject);
    let difference = match string_types(issuer, subject) {
        Some((here, there)) if is_same_text => {
            format!("in another string type (here {here}, there {there})")
        }
        _ => "in another spelling or string type".to_owned(),
    };
    let detail = format!(
        "{} was issued by {}, which is the name of {which} {difference}; for RFC 5280 both are the same name, but clawgate \
         builds chains from names that are equal byte by byte",
        named(child),
        cut(rfc4514(issuer)),
    );
    let hint = "have it issued again with the issuer's name exactly as in the CA's own certificate, including the string \
                types";
    Fault::new(Reason::ClientCertUnknownCa, detail, hint)
}

/// The string types of the first attribute that has different ones in the two names.
fn string_types(one: &X509Name<'_>, two: &X509Name<'_>) -> Option<(&'static str, &'static str)> {
    let pairs = one.iter_attributes().zip(two.iter_attributes());
    let tag = |attribute: &AttributeTypeAndValue<'_>| attribute.attr_value().tag();
    let (one, two) = pairs.map(|(one, two)| (tag(one), tag(two))).find(|(one, two)| one != two)?;
    Some((string_type(one), string_type(two)))
}

fn string_type(tag: Tag) -> &'static str {
    match tag {
        Tag::Utf8String => "UTF8String",
        Tag::PrintableString => "PrintableString",
        Tag::T61String => "TeletexString",
        Tag::Ia5String => "IA5String",
        Tag::UniversalString => "UniversalString",
        Tag::BmpString => "BMPString",
        _ => "another type",
    }
}
