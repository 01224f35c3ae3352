//! Bytes as text: signatures and secrets in hex and base64.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::names::named;

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, in either case.
    Hex,
    /// Base64 (RFC 4648 sections 4 and 5), with either alphabet, with or without padding.
    Base64,
}

named!(Encoding { Hex = "hex", Base64 = "base64" });

impl Encoding {
    /// The bytes of `text`; `None` if it is not in this encoding.
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hex => HEXLOWER_PERMISSIVE.decode(text).ok(),
            Self::Base64 => {
                let digits = text.strip_suffix(b"=").unwrap_or(text);
                let digits = digits.strip_suffix(b"=").unwrap_or(digits);
                let is_url_safe = digits.iter().any(|digit| matches!(digit, b'-' | b'_'));
                let alphabet = if is_url_safe { BASE64URL_NOPAD } else { BASE64_NOPAD };
                alphabet.decode(digits).ok()
            }
        }
    }

    /// `bytes` as senders write them: lower-case hex, or base64 with padding.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => HEXLOWER.encode(bytes),
            Self::Base64 => BASE64.encode(bytes),
        }
    }
}

/// How the file of a secret holds the bytes of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretEncoding {
    /// The text itself is the key.
    Text,
    /// Hexadecimal.
    Hex,
    /// Base64.
    Base64,
    /// Standard Webhooks: base64, with or without `whsec_` in front.
    Whsec,
}

named!(SecretEncoding { Text = "text", Hex = "hex", Base64 = "base64", Whsec = "whsec" });

/// What is before the base64 of a secret of Standard Webhooks.
pub(super) const WHSEC: &[u8] = b"whsec_";

impl SecretEncoding {
    /// The bytes of the key; `None` if `text` is not in this encoding.
    pub(super) fn decode(self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match self {
            Self::Text => Some(text.to_vec()),
            Self::Hex => Encoding::Hex.decode(text),
            Self::Base64 => Encoding::Base64.decode(text),
            Self::Whsec => Encoding::Base64.decode(text.strip_prefix(WHSEC).unwrap_or(text)),
        };
        bytes.map(Zeroizing::new)
    }
}
