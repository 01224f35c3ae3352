use rustls::{CertRevocationListError, CertificateError, ExtendedKeyPurpose};
use rustls_pki_types::UnixTime;
use x509_parser::der_parser::asn1_rs::{FromDer, Oid};
use x509_parser::objects::{oid_registry, oid2sn};

use crate::identity::name::{oid_text, printable};
use crate::identity::unix_rfc3339;

/// What is wrong with a certificate. In the phrase, `it` is the certificate.
pub fn certificate(error: &CertificateError) -> String {
    let known = match error {
        CertificateError::BadEncoding => "it is not a valid DER-encoded certificate (RFC 5280)",
        CertificateError::Expired => "it has expired",
        CertificateError::ExpiredContext { not_after, .. } => {
            return format!("it expired at {}", time(*not_after));
        }
        CertificateError::NotValidYet => "it is not valid yet",
        CertificateError::NotValidYetContext { not_before, .. } => {
            return format!("it is not valid before {}", time(*not_before));
        }
        CertificateError::Revoked => "it is revoked",
        CertificateError::UnhandledCriticalExtension => {
            "it has a critical extension that is not supported"
        }
        CertificateError::UnknownIssuer => "its issuer is not a trusted CA",
        CertificateError::UnknownRevocationStatus => "no CRL says whether it is revoked",
        CertificateError::ExpiredRevocationList => "the CRL of its issuer is out of date",
        CertificateError::ExpiredRevocationListContext { next_update, .. } => {
            return format!(
                "the CRL of its issuer is out of date: the next one was due at {}",
                time(*next_update)
            );
        }
        CertificateError::BadSignature => "a signature in its chain is not valid",
        #[expect(deprecated, reason = "so that no variant is forgotten")]
        CertificateError::UnsupportedSignatureAlgorithm => "its signature algorithm is not supported",
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            return unsupported(signature_algorithm_id);
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => {
            return unsupported_with_key(signature_algorithm_id, public_key_algorithm_id);
        }
        CertificateError::NotValidForName => "it is not valid for the requested name",
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().filter_map(|name| quoted(name)).collect();
            let expected = printable(&expected.to_str());
            return if names.is_empty() {
                format!("it is not valid for the name {expected}; it has no names")
            } else {
                format!("it is not valid for the name {expected}, only for {}", names.join(", "))
            };
        }
        CertificateError::InvalidPurpose => "its extended key usage does not allow this use",
        CertificateError::InvalidPurposeContext { required, presented } => {
            let presented: Vec<_> = presented.iter().map(purpose).collect();
            let has = if presented.is_empty() { "none".to_owned() } else { presented.join(", ") };
            return format!(
                "its extended key usage does not allow this use: it has {has}, and {} is needed",
                purpose(required)
            );
        }
        CertificateError::InvalidOcspResponse => "the OCSP response for it cannot be used",
        CertificateError::ApplicationVerificationFailure => "the configured rules refuse it",
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(error) => webpki(error),
            None => "it cannot be used",
        },
        // An error that a later version of rustls adds.
        _ => "it cannot be used",
    };
    known.to_owned()
}

/// What is wrong with a CRL. In the phrase, `it` is the CRL.
pub(super) fn crl(error: &CertRevocationListError) -> String {
    let known = match error {
        CertRevocationListError::BadSignature => "its signature is not valid",
        #[expect(deprecated, reason = "so that no variant is forgotten")]
        CertRevocationListError::UnsupportedSignatureAlgorithm => {
            "its signature algorithm is not supported"
        }
        CertRevocationListError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id, ..
        } => {
            return unsupported(signature_algorithm_id);
        }
        CertRevocationListError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => {
            return unsupported_with_key(signature_algorithm_id, public_key_algorithm_id);
        }
        CertRevocationListError::InvalidCrlNumber => "its CRL number is not valid",
        CertRevocationListError::InvalidRevokedCertSerialNumber => {
            "a serial number in it cannot be read"
        }
        CertRevocationListError::IssuerInvalidForCrl => {
            "its issuer's key usage does not allow signing CRLs"
        }
        CertRevocationListError::ParseError => "it is damaged",
        CertRevocationListError::UnsupportedCrlVersion => "its version is not 2",
        CertRevocationListError::UnsupportedCriticalExtension => {
            "it has a critical extension that is not supported"
        }
        CertRevocationListError::UnsupportedDeltaCrl => "it is a delta CRL",
        CertRevocationListError::UnsupportedIndirectCrl => "it is an indirect CRL",
        CertRevocationListError::UnsupportedRevocationReason => "it has an unknown revocation reason",
        CertRevocationListError::Other(other) => match other.0.downcast_ref() {
            Some(error) => webpki(error),
            None => "it cannot be used",
        },
        _ => "it cannot be used",
    };
    known.to_owned()
}

fn webpki(error: &webpki::Error) -> &'static str {
    use webpki::Error;
    match error {
        Error::BadDer | Error::TrailingData(_) => "its encoding does not follow RFC 5280",
        Error::BadDerTime => "a date in it cannot be read",
        Error::CaUsedAsEndEntity => "it is a CA certificate",
        Error::CertDistrusted => "it is distrusted",
        Error::CertExpired { .. } => "it has expired",
        Error::CertNotValidForName(_) => "it is not valid for the requested name",
        Error::CertNotValidYet { .. } => "it is not valid yet",
        Error::CertRevoked => "it is revoked",
        Error::CrlExpired { .. } => "the CRL of its issuer is out of date",
        Error::EmptyEkuExtension => "its extended key usage is an empty list",
        Error::EndEntityUsedAsCa => "its issuer is not a CA",
        Error::ExtensionValueInvalid => "an extension in it cannot be read",
        Error::InvalidCertValidity => "its validity period ends before it begins",
        Error::InvalidCrlNumber => "the CRL number is not valid",
        Error::InvalidNetworkMaskConstraint => "an address range in its name constraints is not valid",
        Error::InvalidSerialNumber => "its serial number is not valid",
        Error::InvalidCrlSignatureForPublicKey => "the signature of the CRL is not valid",
        Error::InvalidSignatureForPublicKey => "a signature in its chain is not valid",
        Error::IssuerNotCrlSigner => "its issuer's key usage does not allow signing CRLs",
        Error::MalformedDnsIdentifier => "a DNS name in it is not valid",
        Error::MalformedExtensions => "its extensions cannot be read",
        Error::MalformedNameConstraint => "its name constraints cannot be read",
        Error::MaximumNameConstraintComparisonsExceeded => {
            "it has too many names or name constraints to compare"
        }
        Error::MaximumPathBuildCallsExceeded | Error::MaximumSignatureChecksExceeded => {
            "its chain takes too many steps to verify"
        }
        Error::MaximumPathDepthExceeded => "its chain is too long",
        Error::NameConstraintViolation => "the name constraints of a CA do not allow one of its names",
        Error::PathLenConstraintViolated => "its chain is longer than the path length of a CA allows",
        #[expect(deprecated, reason = "so that no variant is forgotten")]
        Error::RequiredEkuNotFound => "its extended key usage does not allow this use",
        Error::RequiredEkuNotFoundContext(_) => "its extended key usage does not allow this use",
        Error::SignatureAlgorithmMismatch => "it names two different algorithms for its signature",
        Error::UnknownIssuer => "its issuer is not a trusted CA",
        Error::UnknownRevocationStatus => "no CRL says whether it is revoked",
        Error::UnsupportedCertVersion => "its version is not 3",
        Error::UnsupportedCriticalExtension => "it has a critical extension that is not supported",
        Error::UnsupportedCrlIssuingDistributionPoint => {
            "the CRL covers only some of its issuer's certificates"
        }
        Error::UnsupportedCrlVersion => "the version of the CRL is not 2",
        Error::UnsupportedDeltaCrl => "the CRL is a delta CRL",
        Error::UnsupportedIndirectCrl => "the CRL is an indirect CRL",
        Error::UnsupportedNameType => "it has a name of an unsupported type",
        Error::UnsupportedRevocationReason => "the CRL has an unknown revocation reason",
        Error::UnsupportedRevocationReasonsPartitioning => "the CRL covers only some revocation reasons",
        #[expect(deprecated, reason = "so that no variant is forgotten")]
        Error::UnsupportedCrlSignatureAlgorithm => "the signature algorithm of the CRL is not supported",
        Error::UnsupportedCrlSignatureAlgorithmContext(_) => {
            "the signature algorithm of the CRL is not supported"
        }
        #[expect(deprecated, reason = "so that no variant is forgotten")]
        Error::UnsupportedSignatureAlgorithm | Error::UnsupportedSignatureAlgorithmForPublicKey => {
            "its signature algorithm is not supported"
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "its signature algorithm is not supported"
        }
        _ => "it cannot be used",
    }
}

fn time(time: UnixTime) -> String {
    unix_rfc3339(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

fn unsupported(signature: &[u8]) -> String {
    format!("it is signed with {}, which is not supported", algorithm(signature))
}

fn unsupported_with_key(signature: &[u8], key: &[u8]) -> String {
    format!("{} for a key of type {}", unsupported(signature), algorithm(key))
}

/// The usual name of an algorithm, or its number. `identifier`: the content of an AlgorithmIdentifier.
fn algorithm(identifier: &[u8]) -> String {
    let Ok((_, oid)) = Oid::from_der(identifier) else {
        return "an algorithm that cannot be read".to_owned();
    };
    oid2sn(&oid, oid_registry()).map_or_else(|_| oid_text(&oid), str::to_owned)
}

/// The name that OpenSSL gives to a purpose, or its number.
fn purpose(purpose: &ExtendedKeyPurpose) -> String {
    match purpose {
        ExtendedKeyPurpose::ClientAuth => "clientAuth".to_owned(),
        ExtendedKeyPurpose::ServerAuth => "serverAuth".to_owned(),
        ExtendedKeyPurpose::Other(numbers) => {
            numbers.iter().take(32).map(ToString::to_string).collect::<Vec<_>>().join(".")
        }
    }
}

/// The name in `DnsName("a.example")`, the only form that webpki uses.
fn quoted(name: &str) -> Option<String> {
    let (_, rest) = name.split_once("(\"").or_else(|| name.split_once('('))?;
    let name = rest.strip_suffix("\")").or_else(|| rest.strip_suffix(')'))?;
    Some(printable(name))
}
