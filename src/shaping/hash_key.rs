//! The key that pseudonyms are made with.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use thiserror::Error;

/// Makes pseudonyms: the same one for the same value, which nobody can undo or make without the key.
///
/// A pseudonym is `k`, the [id](Self::id) of the key, `:`, and the first 16 bytes of HMAC-SHA-256 (RFC 2104) in base64url (RFC 4648
/// section 5) without padding. The id changes with the key, so pseudonyms before and after a rotation can be told apart.
#[derive(Clone)]
pub struct HashKey {
    key: Key,
    /// Tells keys apart without showing them.
    mark: [u8; 16],
    id: String,
}

/// The shortest key, in bytes.
pub const MIN_HASH_KEY: usize = 16;

/// The longest content of a key file, in bytes.
pub const MAX_HASH_KEY_FILE: usize = 16 * 1024;

/// What the id of a key is the HMAC of. No value that is hashed is equal to it, because those have no capital letters.
const ID_LABEL: &[u8] = b"Clawgate Pseudonym Key";

/// Why a file has no key for pseudonyms. None of these quotes it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HashKeyError {
    /// Fewer bytes than [`MIN_HASH_KEY`]: somebody could find the key by trying.
    #[error("has {0} bytes; a key for pseudonyms has at least {MIN_HASH_KEY}")]
    TooShort(usize),
    /// More than one could have meant.
    #[error("is longer than {MAX_HASH_KEY_FILE} bytes")]
    TooLong,
    /// More lines than one, a control character, a byte order mark, or no UTF-8: an editor or a copy could change those.
    #[error("is not one line of text")]
    NotOneLine,
}

impl HashKeyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "write one line of random text into the file, e.g. with `openssl rand -base64 32`"
    }
}

impl HashKey {
    /// Reads the content of a file: the text itself is the key. One line end at the end is not a part of it.
    pub fn read(content: &[u8]) -> Result<Self, HashKeyError> {
        if content.len() > MAX_HASH_KEY_FILE {
            return Err(HashKeyError::TooLong);
        }
        let text = content.strip_suffix(b"\n").unwrap_or(content);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let is_text = |text: &str| !text.starts_with('\u{feff}') && !text.chars().any(char::is_control);
        if !std::str::from_utf8(text).is_ok_and(is_text) {
            return Err(HashKeyError::NotOneLine);
        }
        let length = text.trim_ascii().len();
        if length < MIN_HASH_KEY {
            return Err(HashKeyError::TooShort(length));
        }
        let key = Key::new(HMAC_SHA256, text);
        let mark = first_half(&key, ID_LABEL);
        let id = format!("k{}", HEXLOWER.encode(&mark[..4]));
        Ok(Self { key, mark, id })
    }

    /// What all its pseudonyms begin with: `k` and eight hex digits, made of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The pseudonym of a value. Blanks around the value, and whether its letters are small or capital, make no difference.
    pub fn pseudonym(&self, value: &str) -> String {
        let value = value.trim().to_lowercase();
        format!("{}:{}", self.id, BASE64URL_NOPAD.encode(&first_half(&self.key, value.as_bytes())))
    }
}

/// The first 16 bytes of the HMAC.
fn first_half(key: &Key, value: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(sign(key, value).as_ref()).for_each(|(to, from)| *to = *from);
    half
}

impl PartialEq for HashKey {
    fn eq(&self, other: &Self) -> bool {
        self.mark == other.mark
    }
}

impl Eq for HashKey {}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashKey({}, [redacted])", self.id)
    }
}
