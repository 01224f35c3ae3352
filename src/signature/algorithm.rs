//! The algorithms that senders sign with.

use aws_lc_rs::hmac;

use super::names::named;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC (RFC 2104) with SHA-1: 20 bytes.
    HmacSha1,
    /// HMAC with SHA-256: 32 bytes.
    HmacSha256,
    /// HMAC with SHA-384: 48 bytes.
    HmacSha384,
    /// HMAC with SHA-512: 64 bytes.
    HmacSha512,
    /// Ed25519 (RFC 8032): 64 bytes.
    Ed25519,
    /// ECDSA with P-256 and SHA-256 (FIPS 186-5), in DER.
    EcdsaP256,
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2) with SHA-256, keys of 2048 to 8192 bits.
    RsaSha256,
}

named!(Algorithm {
    HmacSha1 = "sha1",
    HmacSha256 = "sha256",
    HmacSha384 = "sha384",
    HmacSha512 = "sha512",
    Ed25519 = "ed25519",
    EcdsaP256 = "ecdsa-p256",
    RsaSha256 = "rsa-sha256",
});

impl Algorithm {
    /// Whether sender and receiver share a secret; else the sender has a private key.
    pub fn is_hmac(self) -> bool {
        self.hmac().is_some()
    }

    /// The length of its signatures in bytes, if it is an HMAC.
    pub(super) fn hmac_length(self) -> Option<usize> {
        self.hmac().map(|hmac| hmac.digest_algorithm().output_len)
    }

    /// The HMAC, if it is one.
    pub(super) fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::HmacSha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::HmacSha256 => Some(hmac::HMAC_SHA256),
            Self::HmacSha384 => Some(hmac::HMAC_SHA384),
            Self::HmacSha512 => Some(hmac::HMAC_SHA512),
            Self::Ed25519 | Self::EcdsaP256 | Self::RsaSha256 => None,
        }
    }
}
