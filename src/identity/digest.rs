//! SHA-256 values, as fingerprints are written.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use thiserror::Error;

use super::name::printable;

/// A SHA-256: of a certificate (its fingerprint), or of its SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is no SHA-256.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{0}` is no SHA-256 of 64 hex digits (colons are allowed)")]
pub struct DigestError(String);

impl Digest {
    /// That of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut value = [0; 32];
        value.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(value)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Hex in either case, with or without colons, as `openssl x509 -fingerprint -sha256` prints it.
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex: String = text.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
        let value = HEXLOWER.decode(hex.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        value.map(Self).ok_or_else(|| DigestError(printable(text)))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_openssl_prints_it_and_as_the_log_does() {
        let digest = Digest::of(b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let octets: Vec<_> =
            hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();

        assert_eq!(digest.to_string(), hex);
        assert_eq!(hex.parse(), Ok(digest));
        assert_eq!(octets.join(":").to_uppercase().parse(), Ok(digest));
        for wrong in
            ["", "e3b0", &hex[1..], &format!("{hex}00"), &hex.replace('e', "g"), "é".repeat(32).as_str()]
        {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
