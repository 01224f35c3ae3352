//! Certificates that webpki does not accept although x509-parser reads them.

use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::X509Certificate;

use crate::identity::name::{extension_name, oid_text};
use crate::identity::rfc3339;

/// Why webpki refuses a certificate at any place of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported {
    /// The end of a sentence that begins with the certificate's name.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) hint: &'static str,
    /// Whether the certificate violates the standard.
    pub(crate) is_malformed: bool,
}

impl Unsupported {
    fn new(what: impl Into<String>, hint: &'static str) -> Option<Self> {
        Some(Self { what: what.into(), hint, is_malformed: false })
    }

    fn malformed(what: impl Into<String>) -> Option<Self> {
        let hint = "have it issued again; `openssl asn1parse -i -in CERT` shows what is in it";
        Some(Self { what: what.into(), hint, is_malformed: true })
    }

    /// The first such fault of `certificate`.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        version(certificate)
            .or_else(|| algorithms(certificate))
            .or_else(|| unique_ids(certificate))
            .or_else(|| early(certificate))
            .or_else(|| critical(certificate))
            .or_else(|| twice(certificate))
            .or_else(|| path_length(certificate))
    }
}

/// The first extension that x509-parser cannot read, by its name.
pub(crate) fn unreadable_extension(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut extensions = certificate.extensions().iter();
    let is_broken = |parsed: &ParsedExtension<'_>| matches!(parsed, ParsedExtension::ParseError { .. });
    extensions
        .find(|extension| is_broken(extension.parsed_extension()))
        .map(|broken| extension_name(&broken.oid))
}

fn version(certificate: &X509Certificate<'_>) -> Option<Unsupported> {
    let version = certificate.version().0;
    if version == 2 {
        return None;
    }
    Unsupported::new(
        format!("is X.509 v{}; only v3 is accepted", version.saturating_add(1)),
        "`openssl x509 -req` makes v1 unless it is given extensions: sign the request again with -extfile and a file \
         that says extendedKeyUsage=clientAuth",
    )
}

/// RFC 5280 section 4.1.1.2.
fn algorithms(certificate: &X509Certificate<'_>) -> Option<Unsupported> {
    if certificate.tbs_certificate.signature == certificate.signature_algorithm {
        return None;
    }
    Unsupported::malformed(
        "names two different signature algorithms, in itself and beside its signature (RFC 5280 section 4.1.1.2)",
    )
}

/// RFC 5280 section 4.1.2.8: CAs must not generate them, applications should be able to read them.
fn unique_ids(certificate: &X509Certificate<'_>) -> Option<Unsupported> {
    let tbs = &certificate.tbs_certificate;
    let which = match (&tbs.issuer_uid, &tbs.subject_uid) {
        (Some(_), Some(_)) => "an issuerUniqueID and a subjectUniqueID",
        (Some(_), None) => "an issuerUniqueID",
        (None, Some(_)) => "a subjectUniqueID",
        (None, None) => return None,
    };
    Unsupported::new(
        format!("has {which}, which is not supported (RFC 5280 section 4.1.2.8 deprecates it)"),
        "have it issued without unique identifiers",
    )
}

fn early(certificate: &X509Certificate<'_>) -> Option<Unsupported> {
    let validity = certificate.validity();
    let is_early = |(_, time): &(&str, x509_parser::time::ASN1Time)| time.timestamp() < 0;
    let dates = [("notBefore", validity.not_before), ("notAfter", validity.not_after)];
    let (which, time) = dates.into_iter().find(is_early)?;
    Unsupported::new(
        format!("has a {which} of {}; dates before 1970 are not supported", rfc3339(time)),
        "have it issued with a notBefore of today",
    )
}

fn critical(certificate: &X509Certificate<'_>) -> Option<Unsupported> {
    let mut extensions = certificate.extensions().iter();
    let unknown = extensions.find(|extension| extension.critical && !is_known(&extension.oid))?;
    Unsupported::new(
        format!(
            "has the critical extension {}, which is not supported: what does not support it must refuse (RFC 5280 \
             section 4.2)",
            extension_name(&unknown.oid)
        ),
        "have it issued without that extension, or with it marked as not critical",
    )
}

/// The extensions that webpki processes (its function `remember_cert_extension`).
fn is_known(oid: &Oid<'_>) -> bool {
    const KEY_USAGE: u8 = 15;
    const SUBJECT_ALT_NAME: u8 = 17;
    const BASIC_CONSTRAINTS: u8 = 19;
    const NAME_CONSTRAINTS: u8 = 30;
    const CRL_DISTRIBUTION_POINTS: u8 = 31;
    const EXTENDED_KEY_USAGE: u8 = 37;
    match oid.as_bytes() {
        [0x55, 0x1d, last] => matches!(
            *last,
            KEY_USAGE
                | SUBJECT_ALT_NAME
                | BASIC_CONSTRAINTS
                | NAME_CONSTRAINTS
                | CRL_DISTRIBUTION_POINTS
                | EXTENDED_KEY_USAGE
        ),
        // RFC 6962
        _ => oid_text(oid) == "1.3.6.1.4.1.11129.2.4.2",
    }
}

/// RFC 5280 section 4.2.
fn twice(certificate: &X509Certificate<'_>) -> Option<Unsupported> {
    let extensions = certificate.extensions();
    let known = extensions.iter().enumerate().filter(|(_, extension)| is_known(&extension.oid));
    let (_, twice) = known.into_iter().find(|(place, extension)| {
        extensions.iter().take(*place).any(|other| other.oid == extension.oid)
    })?;
    Unsupported::malformed(format!(
        "has the extension {} twice (RFC 5280 section 4.2)",
        extension_name(&twice.oid)
    ))
}

fn path_length(certificate: &X509Certificate<'_>) -> Option<Unsupported> {
    let constraints = certificate.basic_constraints().ok().flatten()?;
    let length = constraints.value.path_len_constraint.filter(|length| *length > u8::MAX.into())?;
    Unsupported::new(
        format!("has a path length of {length} (pathlen); 255 is the highest that is supported"),
        "have it issued with a lower pathlen, or without one",
    )
}
