//! Signatures that a public key verifies: Ed25519, ECDSA P-256, RSA.

use std::borrow::Cow;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::algorithm::Algorithm;
use super::encoding::Encoding;

/// A public key.
pub(super) struct PublicKey {
    pub(super) algorithm: Algorithm,
    key: ParsedPublicKey,
}

/// How a file holds a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublicKeyForm {
    Pem,
    Spki,
    RawHex,
    RawBase64,
}

/// The length of an Ed25519 key (RFC 8032 section 5.1.5).
const ED25519_KEY: usize = 32;

impl PublicKey {
    /// Reads a key in PEM, a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in base64, or 32 raw bytes of Ed25519 in hex
    /// or base64. `None` if it is none of them, or the key of another algorithm.
    pub(super) fn read(text: &[u8], algorithm: Algorithm) -> Option<(Self, PublicKeyForm)> {
        let (form, bytes) = if text.trim_ascii_start().starts_with(b"-----BEGIN") {
            let spki = SubjectPublicKeyInfoDer::from_pem_slice(text).ok()?;
            (PublicKeyForm::Pem, spki.as_ref().to_vec())
        } else {
            let lines = text.split(u8::is_ascii_whitespace);
            let digits = lines.collect::<Vec<_>>().concat();
            let raw = |form, encoding: Encoding| {
                Some((form, encoding.decode(&digits).filter(|bytes| bytes.len() == ED25519_KEY)?))
            };
            raw(PublicKeyForm::RawHex, Encoding::Hex)
                .or_else(|| raw(PublicKeyForm::RawBase64, Encoding::Base64))
                .or_else(|| Some((PublicKeyForm::Spki, Encoding::Base64.decode(&digits)?)))?
        };
        if form.is_raw() && algorithm != Algorithm::Ed25519 {
            return None;
        }
        if !form.is_raw() && !is_spki(&bytes) {
            return None;
        }
        let key = ParsedPublicKey::new(verification(algorithm)?, bytes).ok()?;
        Some((Self { algorithm, key }, form))
    }
}

/// aws-lc also takes other forms of a key, more bytes after it, and the hybrid form of a point, which RFC 5480 section 2.2
/// does not allow.
fn is_spki(der: &[u8]) -> bool {
    let is_hybrid = |key: &[u8]| key.len() == 65 && matches!(key[0], 6 | 7);
    SubjectPublicKeyInfo::from_der(der)
        .is_ok_and(|(rest, spki)| rest.is_empty() && !is_hybrid(&spki.subject_public_key.data))
}

impl PublicKeyForm {
    fn is_raw(self) -> bool {
        matches!(self, Self::RawHex | Self::RawBase64)
    }
}

fn verification(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::Ed25519 => Some(&ED25519),
        Algorithm::EcdsaP256 => Some(&ECDSA_P256_SHA256_ASN1),
        Algorithm::RsaSha256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        _ => None,
    }
}

/// What is signed, in the form that each algorithm takes. It is made once for all keys and signatures.
pub(super) struct Message<'a> {
    pieces: &'a [Cow<'a, [u8]>],
    digest: Option<digest::Digest>,
    whole: Option<Vec<u8>>,
}

impl<'a> Message<'a> {
    pub(super) fn new(pieces: &'a [Cow<'a, [u8]>]) -> Self {
        Self { pieces, digest: None, whole: None }
    }

    /// The SHA-256 of it.
    pub(super) fn digest(&mut self) -> &digest::Digest {
        let pieces = self.pieces;
        self.digest.get_or_insert_with(|| {
            let mut context = digest::Context::new(&SHA256);
            pieces.iter().for_each(|piece| context.update(piece));
            context.finish()
        })
    }

    /// Whether `signature` is one of it by this key.
    pub(super) fn is_signed_by(&mut self, key: &PublicKey, signature: &[u8]) -> bool {
        if key.algorithm == Algorithm::Ed25519 {
            // Ed25519 reads the message twice (RFC 8032 section 5.1.7), so it needs it as a whole.
            let pieces = self.pieces;
            let whole = self.whole.get_or_insert_with(|| pieces.concat());
            return key.key.verify_sig(whole, signature).is_ok();
        }
        key.key.verify_digest_sig(self.digest(), signature).is_ok()
    }
}
