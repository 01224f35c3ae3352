//! Secrets and public keys, read from files.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::encoding::{Encoding, SecretEncoding, WHSEC};
use super::public_key::{PublicKey, PublicKeyForm};
use super::scheme::Scheme;

/// A secret or a public key, with the name of its file. `Debug` does not show a secret.
#[derive(Clone)]
pub struct Key {
    file: Arc<str>,
    form: KeyForm,
    material: Arc<Material>,
}

pub(super) enum Material {
    Secret(Zeroizing<Vec<u8>>),
    Public(PublicKey),
}

/// How a file holds its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// A secret that is taken as it is.
    Text,
    /// A secret in hex.
    Hex,
    /// A secret in base64.
    Base64,
    /// A secret in base64 with `whsec_` in front.
    Whsec,
    /// A public key in PEM.
    Pem,
    /// A SubjectPublicKeyInfo in base64: what is between the lines of PEM.
    Spki,
    /// The 32 bytes of an Ed25519 key, in hex.
    RawHex,
    /// The 32 bytes of an Ed25519 key, in base64.
    RawBase64,
    /// The 32 bytes of an Ed25519 key, in base64 with `whpk_` in front.
    Whpk,
}

/// The longest file of a key, in bytes.
pub const MAX_KEY_FILE: usize = 16 * 1024;

/// Why a file has no key. None of these quotes it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing there, or blanks only.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_KEY_FILE`].
    #[error("is longer than {MAX_KEY_FILE} bytes")]
    TooLong,
    /// A byte order mark, which would be a part of the secret.
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    /// More lines than one.
    #[error("has more than one line")]
    SeveralLines,
    /// A secret that is not in its encoding.
    #[error("is not in the encoding `{0}`")]
    NotEncoded(SecretEncoding),
    /// The private key of the sender.
    #[error("has a private key")]
    PrivateKey,
    /// No public key of this algorithm.
    #[error("has no public key for {0}")]
    NoPublicKey(Algorithm),
}

impl KeyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::TooLong => "write the secret that the sender shows into the file",
            Self::ByteOrderMark => "save the file as UTF-8 without a byte order mark",
            Self::SeveralLines => {
                "write one secret into a file, and name several files if there are several"
            }
            Self::NotEncoded(SecretEncoding::Whsec) => {
                "copy the secret whole, it begins with `whsec_`; set `secret_encoding = \"text\"` if the text itself is the key"
            }
            Self::NotEncoded(_) => {
                "copy the secret whole, or set `secret_encoding = \"text\"` if the text itself is the key"
            }
            Self::PrivateKey => {
                "write the public key into the file; only the sender has the private one"
            }
            Self::NoPublicKey(_) => {
                "a public key is in PEM (BEGIN PUBLIC KEY), in base64 as the sender shows it, or for Ed25519 32 bytes in hex or base64"
            }
        }
    }
}

/// What is before the base64 of a public key of Standard Webhooks.
const WHPK: &[u8] = b"whpk_";
/// The same for a private key.
const WHSK: &[u8] = b"whsk_";

impl Key {
    /// Reads the content of a file as the scheme has its keys. One line end at the end is not a part of it.
    ///
    /// `file` is the name that log lines say, without a folder.
    pub fn read(file: &str, content: &[u8], scheme: &Scheme) -> Result<Self, KeyError> {
        if content.len() > MAX_KEY_FILE {
            return Err(KeyError::TooLong);
        }
        if content.starts_with("\u{feff}".as_bytes()) {
            return Err(KeyError::ByteOrderMark);
        }
        let text = content.strip_suffix(b"\n").unwrap_or(content);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() {
            return Err(KeyError::Empty);
        }
        let is_pem = text.trim_ascii_start().starts_with(b"-----BEGIN");
        if text.starts_with(WHSK) && scheme.takes_public_keys()
            || is_pem && has(text, b"PRIVATE KEY-----")
        {
            return Err(KeyError::PrivateKey);
        }
        let (material, form) = if !scheme.takes_secrets()
            || scheme.takes_public_keys() && (is_pem || text.starts_with(WHPK))
        {
            public_key(text, scheme)?
        } else {
            secret(text, scheme.secret_encoding)?
        };
        Ok(Self { file: file.into(), form, material: Arc::new(material) })
    }

    /// The name of its file.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// How the file holds it.
    pub fn form(&self) -> KeyForm {
        self.form
    }

    /// The bytes of a secret; `None` for a public key.
    pub(crate) fn secret(&self) -> Option<&[u8]> {
        match &*self.material {
            Material::Secret(secret) => Some(secret),
            Material::Public(_) => None,
        }
    }

    /// The secret as its file has it.
    fn text(&self) -> Option<Zeroizing<Vec<u8>>> {
        let secret = self.secret()?;
        Some(Zeroizing::new(match self.form {
            KeyForm::Hex => Encoding::Hex.encode(secret).into_bytes(),
            KeyForm::Base64 => Encoding::Base64.encode(secret).into_bytes(),
            KeyForm::Whsec => [WHSEC, Encoding::Base64.encode(secret).as_bytes()].concat(),
            _ => secret.to_vec(),
        }))
    }

    /// The same file, read in another encoding; `None` if that gives no other secret.
    pub(super) fn read_as(&self, encoding: SecretEncoding) -> Option<Self> {
        let (material, form) = secret(&self.text()?, encoding).ok()?;
        let key = Self { file: Arc::clone(&self.file), form, material: Arc::new(material) };
        if key.secret() == self.secret() { None } else { Some(key) }
    }

    /// The same file with another secret, which is taken as it is.
    pub(super) fn with_secret(&self, secret: Vec<u8>) -> Self {
        let material = Arc::new(Material::Secret(Zeroizing::new(secret)));
        Self { file: Arc::clone(&self.file), form: KeyForm::Text, material }
    }

    /// The length of a secret in bytes, to warn of a short one; `None` for a public key.
    pub fn secret_length(&self) -> Option<usize> {
        self.secret().map(<[u8]>::len)
    }

    pub(super) fn material(&self) -> &Material {
        &self.material
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn secret(text: &[u8], encoding: SecretEncoding) -> Result<(Material, KeyForm), KeyError> {
    if text.contains(&b'\n') {
        return Err(KeyError::SeveralLines);
    }
    let bytes = encoding.decode(text).ok_or(KeyError::NotEncoded(encoding))?;
    if bytes.is_empty() {
        return Err(KeyError::Empty);
    }
    let form = match encoding {
        SecretEncoding::Text => KeyForm::Text,
        SecretEncoding::Hex => KeyForm::Hex,
        SecretEncoding::Whsec if text.starts_with(WHSEC) => KeyForm::Whsec,
        SecretEncoding::Base64 | SecretEncoding::Whsec => KeyForm::Base64,
    };
    Ok((Material::Secret(bytes), form))
}

fn public_key(text: &[u8], scheme: &Scheme) -> Result<(Material, KeyForm), KeyError> {
    let algorithms = scheme.algorithms().filter(|algorithm| !algorithm.is_hmac());
    let mut error = KeyError::Empty;
    for algorithm in algorithms {
        let bare = text.strip_prefix(WHPK).unwrap_or(text);
        error = KeyError::NoPublicKey(algorithm);
        if let Some((key, form)) = PublicKey::read(bare, algorithm) {
            let form = match form {
                _ if bare.len() < text.len() => KeyForm::Whpk,
                PublicKeyForm::Pem => KeyForm::Pem,
                PublicKeyForm::Spki => KeyForm::Spki,
                PublicKeyForm::RawHex => KeyForm::RawHex,
                PublicKeyForm::RawBase64 => KeyForm::RawBase64,
            };
            return Ok((Material::Public(key), form));
        }
    }
    Err(error)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {:?}, [redacted])", self.file, self.form)
    }
}

impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a secret, the text itself",
            Self::Hex => "a secret in hex",
            Self::Base64 => "a secret in base64",
            Self::Whsec => "a secret in base64 after whsec_",
            Self::Pem => "a public key in PEM",
            Self::Spki => "a public key in base64",
            Self::RawHex => "an Ed25519 public key in hex",
            Self::RawBase64 => "an Ed25519 public key in base64",
            Self::Whpk => "an Ed25519 public key in base64 after whpk_",
        })
    }
}
