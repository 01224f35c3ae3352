use x509_parser::error::X509Error;
use x509_parser::nom;

/// The part of a certificate that cannot be read (RFC 5280 section 4.1).
pub fn x509(error: &nom::Err<X509Error>) -> &'static str {
    let (nom::Err::Error(error) | nom::Err::Failure(error)) = error else {
        return "it is cut off";
    };
    match error {
        X509Error::InvalidVersion => "its version cannot be read",
        X509Error::InvalidSerial => "its serial number cannot be read",
        X509Error::InvalidAlgorithmIdentifier => "its signature algorithm cannot be read",
        X509Error::InvalidX509Name => "its subject or issuer cannot be read",
        X509Error::InvalidDate => "its dates cannot be read",
        X509Error::InvalidSPKI => "its public key cannot be read",
        X509Error::InvalidSubjectUID | X509Error::InvalidIssuerUID => {
            "its unique identifier cannot be read"
        }
        X509Error::InvalidExtensions => "its extensions cannot be read",
        X509Error::InvalidAttributes => "its attributes cannot be read",
        X509Error::DuplicateExtensions => "it has an extension twice",
        X509Error::DuplicateAttributes => "it has an attribute twice",
        X509Error::InvalidSignatureValue => "its signature cannot be read",
        X509Error::InvalidNumber => "a number in it cannot be read",
        X509Error::SignatureVerificationError => "its signature is not valid",
        X509Error::SignatureUnsupportedAlgorithm => "its signature algorithm is unknown",
        X509Error::InvalidTbsCertificate
        | X509Error::InvalidUserCertificate
        | X509Error::InvalidCertificate
        | X509Error::Generic
        | X509Error::Der(_)
        | X509Error::NomError(_) => "it is not a DER-encoded certificate",
    }
}
