//! Signatures on certificates: whether one certificate was signed with the key of another.

pub(super) mod cache;
pub(crate) mod key_kind;
pub(super) mod verify;

use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

use self::cache::{Budget, Signature, SignatureCache, Validity};
use crate::identity::key;
use crate::identity::name::oid_text;
use crate::pki::der::{self, BIT_STRING, Malformed, SEQUENCE};

/// Longest SubjectPublicKeyInfo of a sent certificate whose signatures are verified, in bytes: that of an RSA key of
/// 4096 bits has 550.
const MAX_SPKI: usize = 550;

/// What is known about the signature on a certificate and the key that may have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// It is by this key.
    Yes,
    /// It is not by this key.
    No,
    /// Its algorithm is not secure.
    Weak(&'static str),
    /// Its algorithm is not supported.
    Algorithm(String),
    /// The key is of a kind that is not supported.
    Key(String),
    /// It is not known: the key is too large, or the budget is used up.
    Unknown,
}

/// The kinds of keys, one for each kind of signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    EllipticCurve,
    Ed25519,
    Ed448,
    Dsa,
}

impl Family {
    /// The OIDs begin with these.
    fn of(oid: &str) -> Option<Self> {
        let families = [
            ("1.2.840.113549.1.1.", Self::Rsa),
            ("1.2.840.10045.", Self::EllipticCurve),
            ("1.2.840.10040.4.", Self::Dsa),
        ];
        match oid {
            "1.3.101.112" => Some(Self::Ed25519),
            "1.3.101.113" => Some(Self::Ed448),
            _ => families.iter().find(|(prefix, _)| oid.starts_with(prefix)).map(|(_, family)| *family),
        }
    }
}

/// The same as [`signed_by`] for an `issuer` that the client sent, whose key may be too large.
pub(super) fn signed_by_sent(
    child: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    budget: &Budget<'_>,
) -> Signed {
    let is_large = issuer.public_key().raw.len() > MAX_SPKI;
    // The verifier may have put the signature into the cache nevertheless.
    if is_large {
        signed_by(child, issuer, &budget.cached_only())
    } else {
        signed_by(child, issuer, budget)
    }
}

/// Whether the signature on `child` is by the key in `issuer`, which must be trusted: configured here, or certified by
/// one that is.
pub(crate) fn signed_by(
    child: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    budget: &Budget<'_>,
) -> Signed {
    if let Some(weak) = weak_algorithm(child) {
        return Signed::Weak(weak);
    }
    let algorithm = &child.signature_algorithm.algorithm;
    let families = [algorithm, &issuer.public_key().algorithm.algorithm];
    let [signature_family, key_family] = families.map(|oid| Family::of(&oid_text(oid)));
    if signature_family.zip(key_family).is_some_and(|(signature, key)| signature != key) {
        return Signed::No;
    }
    let kind = key(issuer);
    if !key_kind::is_accepted(&kind) {
        return Signed::Key(kind);
    }
    match signature(child, issuer).map(|signature| signature.verify(budget)) {
        Ok(Validity::Valid) => Signed::Yes,
        Ok(Validity::Invalid) => Signed::No,
        Ok(Validity::Unknown) => Signed::Unknown,
        Ok(Validity::Unsupported) | Err(Malformed) => Signed::Algorithm(kind_of_signature(child)),
    }
}

/// Whether the signature on `child` may be by the key in `issuer` (DER). `false` is certain. `true` also if the
/// algorithm is not supported or the issuer cannot be read: other checks report that.
pub fn may_be_signed_by(child: &X509Certificate<'_>, issuer: &[u8], cache: &SignatureCache) -> bool {
    let Ok((_, issuer)) = X509Certificate::from_der(issuer) else { return true };
    signed_by(child, &issuer, &Budget::new(Budget::COMMAND_LINE, cache)) != Signed::No
}

/// The parts of `child` and `issuer` that decide (RFC 5280 sections 4.1 and 4.1.2.7).
fn signature<'a>(
    child: &'a X509Certificate<'_>,
    issuer: &'a X509Certificate<'_>,
) -> Result<Signature<'a>, Malformed> {
    let key = issuer.public_key();
    let (_, key_algorithm) = der::first(der::only(key.raw)?.tagged(SEQUENCE)?)?;
    let (rest, message) = der::first(der::only(child.as_raw())?.tagged(SEQUENCE)?)?;
    let (rest, algorithm) = der::first(rest)?;
    let [0, signature @ ..] = der::only(rest)?.tagged(BIT_STRING)? else { return Err(Malformed) };
    Ok(Signature {
        key_algorithm: key_algorithm.tagged(SEQUENCE)?,
        key: &key.subject_public_key.data,
        algorithm: algorithm.tagged(SEQUENCE)?,
        message: message.whole,
        signature,
    })
}

/// The name of the algorithm that `certificate` is signed with, if that is one with a broken digest.
pub(crate) fn weak_algorithm(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    match oid_text(&certificate.signature_algorithm.algorithm).as_str() {
        "1.2.840.113549.1.1.4" => Some("MD5 with RSA"),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Some("SHA-1 with RSA"),
        "1.2.840.10045.4.1" => Some("SHA-1 with ECDSA"),
        "1.2.840.10040.4.3" => Some("SHA-1 with DSA"),
        "1.2.840.113549.1.1.10" => {
            match SignatureAlgorithm::try_from(&certificate.signature_algorithm) {
                Ok(SignatureAlgorithm::RSASSA_PSS(pss))
                    if oid_text(pss.hash_algorithm_oid()) == SHA1 =>
                {
                    Some("SHA-1 with RSASSA-PSS")
                }
                _ => None,
            }
        }
        _ => None,
    }
}

const SHA1: &str = "1.3.14.3.2.26";

/// The name of the signature algorithm of `certificate`.
fn kind_of_signature(certificate: &X509Certificate<'_>) -> String {
    let oid = oid_text(&certificate.signature_algorithm.algorithm);
    let name = match oid.as_str() {
        "1.2.840.113549.1.1.10" => return kind_of_pss(certificate),
        "1.2.840.113549.1.1.2" => "MD2 with RSA",
        "1.2.840.113549.1.1.14" => "SHA-224 with RSA",
        "1.2.840.113549.1.1.15" => "SHA-512/224 with RSA",
        "1.2.840.113549.1.1.16" => "SHA-512/256 with RSA",
        "1.2.840.10045.4.3.1" => "SHA-224 with ECDSA",
        "1.2.840.10040.4.1" | "2.16.840.1.101.3.4.3.1" | "2.16.840.1.101.3.4.3.2" => "DSA",
        "2.16.840.1.101.3.4.3.9" => "SHA3-224 with ECDSA",
        "2.16.840.1.101.3.4.3.10" => "SHA3-256 with ECDSA",
        "2.16.840.1.101.3.4.3.11" => "SHA3-384 with ECDSA",
        "2.16.840.1.101.3.4.3.12" => "SHA3-512 with ECDSA",
        "2.16.840.1.101.3.4.3.13" => "SHA3-224 with RSA",
        "2.16.840.1.101.3.4.3.14" => "SHA3-256 with RSA",
        "2.16.840.1.101.3.4.3.15" => "SHA3-384 with RSA",
        "2.16.840.1.101.3.4.3.16" => "SHA3-512 with RSA",
        "1.3.101.113" => "Ed448",
        other => return format!("the algorithm {other}"),
    };
    name.to_owned()
}

/// RFC 4055 section 3.1: the salt may have any length.
fn kind_of_pss(certificate: &X509Certificate<'_>) -> String {
    let Ok(SignatureAlgorithm::RSASSA_PSS(pss)) =
        SignatureAlgorithm::try_from(&certificate.signature_algorithm)
    else {
        return "RSASSA-PSS with parameters that cannot be read".to_owned();
    };
    let (hash, length) = match oid_text(pss.hash_algorithm_oid()).as_str() {
        "2.16.840.1.101.3.4.2.1" => ("SHA-256", 32),
        "2.16.840.1.101.3.4.2.2" => ("SHA-384", 48),
        "2.16.840.1.101.3.4.2.3" => ("SHA-512", 64),
        other => return format!("RSASSA-PSS with the hash {other}"),
    };
    let salt = pss.salt_length();
    if salt == length {
        return format!("RSASSA-PSS with {hash} and unusual parameters");
    }
    format!("RSASSA-PSS with {hash} and a salt of {salt} bytes (only one of {length} is supported)")
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256,
        PublicKeyData, SignatureAlgorithm,
    };
    use x509_parser::prelude::FromDer;

    use super::*;

    /// An RSA key with this number of bits.
    struct Rsa(Vec<u8>);

    impl Rsa {
        fn of(bits: u16) -> Self {
            // RFC 8017 appendix A.1.1: the modulus, then the exponent 65537.
            let length = bits / 8 + 1;
            let modulus =
                [&[2, 0x82][..], &length.to_be_bytes(), &[0], &vec![0xff; bits as usize / 8]].concat();
            let content = [&modulus[..], &[2, 3, 1, 0, 1]].concat();
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            Self([&[0x30, 0x82][..], &length, &content].concat())
        }
    }

    impl PublicKeyData for Rsa {
        fn der_bytes(&self) -> &[u8] {
            &self.0
        }

        fn algorithm(&self) -> &'static SignatureAlgorithm {
            &PKCS_RSA_SHA256
        }
    }

    /// A certificate for `key` that is signed with RSA.
    fn certificate(key: &impl PublicKeyData, signer: &KeyPair) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "X");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.signed_by(key, &Issuer::from_params(&params, signer)).unwrap().der().to_vec()
    }

    #[test]
    fn no_more_signatures_are_verified_than_the_budget_allows() {
        let cache = SignatureCache::default();
        let signer = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let der = certificate(&KeyPair::generate().unwrap(), &signer);
        let (_, child) = X509Certificate::from_der(&der).unwrap();
        let others: Vec<_> = (0..9).map(|_| certificate(&Rsa::of(2048), &signer)).collect();
        let issuer = certificate(&signer, &signer);
        let (_, issuer) = X509Certificate::from_der(&issuer).unwrap();

        let budget = Budget::new(Budget::REFUSAL, &cache);
        let verdicts: Vec<_> = others
            .iter()
            .enumerate()
            .map(|(number, der)| {
                // Each of another key.
                let mut der = der.clone();
                let at = der.windows(4).position(|bytes| bytes == [0xff; 4]).unwrap() + 8;
                der[at] = u8::try_from(number).unwrap();
                signed_by(&child, &X509Certificate::from_der(&der).unwrap().1, &budget)
            })
            .collect();
        assert_eq!(verdicts[..8], vec![Signed::No; 8]);
        assert_eq!(verdicts[8], Signed::Unknown);

        assert_eq!(signed_by(&child, &issuer, &Budget::new(0, &cache)), Signed::Unknown);
        assert_eq!(signed_by(&child, &issuer, &Budget::new(1, &cache)), Signed::Yes);
        assert_eq!(
            signed_by(&child, &issuer, &Budget::new(0, &cache)),
            Signed::Yes,
            "it is in the cache"
        );
    }

    #[test]
    fn no_signature_is_verified_with_a_sent_key_of_more_than_4096_bits() {
        let cache = SignatureCache::default();
        let signer = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let der = certificate(&KeyPair::generate().unwrap(), &signer);
        let (_, child) = X509Certificate::from_der(&der).unwrap();

        for (bits, verdict) in [(4096, Signed::No), (4104, Signed::Unknown), (8192, Signed::Unknown)] {
            let issuer = certificate(&Rsa::of(bits), &signer);
            let (_, issuer) = X509Certificate::from_der(&issuer).unwrap();
            let budget = Budget::new(Budget::REFUSAL, &cache);
            assert_eq!(signed_by_sent(&child, &issuer, &budget), verdict, "{bits}");
        }
    }

    #[test]
    fn a_key_of_another_kind_did_not_make_the_signature() {
        let cache = SignatureCache::default();
        let signer = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let der = certificate(&KeyPair::generate().unwrap(), &signer);
        let (_, child) = X509Certificate::from_der(&der).unwrap();
        let (_, of_p256) = X509Certificate::from_der(&der).unwrap();

        assert_eq!(signed_by(&child, &of_p256, &Budget::new(0, &cache)), Signed::No);
    }
}
