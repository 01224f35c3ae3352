//! A client's identity: names, numbers and dates of its certificate, safe to print.
//!
//! Comes in: a certificate in DER. Goes out: [`Peer`] for comparing and [`Certificate`] for printing. Imports nothing
//! of the crate.

mod attribute_type;
mod certificate;
pub mod client_cert_inventory;
mod digest;
mod dn;
pub mod name;
mod name_key;
mod openssl_name;
mod readable;
mod san;
mod serial;
pub mod time;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

pub use self::certificate::{Certificate, Validity, rfc3339, rsa_bits, sha256, unix_rfc3339};
pub(crate) use self::certificate::{key, serial};
pub use self::digest::{Digest, DigestError};
pub use self::dn::{DnError, canonical_dn, canonical_dn_of_any_length};
pub use self::name::rfc4514;
pub use self::name_key::name_key;
pub use self::openssl_name::openssl_name;
pub use self::readable::{Unreadable, check_names};
pub use self::san::San;
pub(crate) use self::san::{canonical_dns, canonical_email, canonical_uri};
pub use self::serial::{canonical_serial, serial_text};

/// A client's identity.
///
/// The bare values (`cn`, `sans` …) are for comparing; `certificate` is the printable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The leaf certificate in words.
    pub certificate: Certificate,
    /// The most specific common name, if there is one.
    pub cn: Option<String>,
    /// Organizations.
    pub o: Vec<String>,
    /// Organizational units.
    pub ou: Vec<String>,
    /// Subject alternative names, as the certificate has them.
    pub sans: Vec<San>,
    /// The same in the form in which they are compared ([`San::canonical`]).
    pub names: Vec<San>,
    /// SHA-256 of the SubjectPublicKeyInfo, lower-case hex: stays when a key is re-certified.
    pub spki_sha256: String,
    /// The same of the key that signed the certificate; more than one only if the issuer is
    /// ambiguous. Empty before a chain was verified.
    pub issuer_spki_sha256: Vec<String>,
}

impl Peer {
    /// Reads the leaf of a presented chain; `None` when it is not an X.509 certificate.
    pub fn read(leaf: &CertificateDer<'_>) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(leaf).ok()?;
        Some(Self::of(leaf, &x509))
    }

    /// The same for a leaf that is parsed already.
    pub fn of(leaf: &CertificateDer<'_>, x509: &X509Certificate<'_>) -> Self {
        let subject = x509.subject();
        let sans = San::all(x509);
        Self {
            certificate: Certificate::of(leaf, x509),
            cn: texts(subject, X509Name::iter_common_name).pop(),
            o: texts(subject, X509Name::iter_organization),
            ou: texts(subject, X509Name::iter_organizational_unit),
            names: sans.iter().map(San::canonical).collect(),
            sans,
            spki_sha256: sha256(x509.public_key().raw),
            issuer_spki_sha256: Vec::new(),
        }
    }
}

fn texts<'a, I>(subject: &'a X509Name<'a>, attributes: impl Fn(&'a X509Name<'a>) -> I) -> Vec<String>
where
    I: Iterator<Item = &'a AttributeTypeAndValue<'a>>,
{
    let text = |attribute: &AttributeTypeAndValue<'a>| name::text_of(attribute.attr_value());
    attributes(subject).filter_map(|attribute| Some(text(attribute)?.into_owned())).collect()
}
