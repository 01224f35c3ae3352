//! Credentials that are as their file has them: a bearer token, a header of the target's own, a user with a password.

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{self, AUTHORIZATION};
use http::{HeaderName, HeaderValue};
use thiserror::Error;
use zeroize::Zeroizing;

/// The longest content of a file with a secret, in bytes.
pub const MAX_SECRET_FILE: usize = 16 * 1024;

/// A header with a secret. `Debug` does not show its value, HTTP/2 does not index it, and it is wiped from memory after use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value, marked sensitive.
    pub value: HeaderValue,
}

/// Why a credential cannot be used. None of these quotes the secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CredentialError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_SECRET_FILE`].
    #[error("is longer than {MAX_SECRET_FILE} bytes")]
    TooLong,
    /// More lines than one, another control character, or no UTF-8.
    #[error("is not one line of text")]
    NotOneLine,
    /// A character that cannot be sent there; its place, from 1.
    #[error("has a blank or another character at place {0} that cannot be sent")]
    Unsendable(usize),
    /// clawgate adds the scheme itself.
    #[error("begins with `Bearer `, which clawgate adds itself")]
    WithScheme,
    /// No name of a header, or of one that clawgate sets itself.
    #[error("`{0}` is no header that can have a credential")]
    HeaderName(String),
    /// RFC 7617 section 2: the name ends at the first colon.
    #[error("the user name is empty, or has a colon or a control character")]
    UserName,
    /// A parameter that clawgate sets itself.
    #[error("the parameter `{0}` is set by clawgate")]
    Parameter(String),
}

impl CredentialError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::HeaderName(_) => {
                "write the name of the header that the target's documentation asks for"
            }
            Self::UserName => "write the user name without the password, which is in a file",
            Self::Parameter(_) => {
                "remove it; the grant, the client and the scope have keys of their own"
            }
            _ => "the file has the secret itself, in one line, and nothing else",
        }
    }
}

/// `Authorization: Bearer` with the token that a file has (RFC 6750 section 2.1).
pub fn bearer(content: &[u8]) -> Result<SecretHeader, CredentialError> {
    const SCHEME: &str = "Bearer ";
    let token = line(content)?;
    if token.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME)) {
        return Err(CredentialError::WithScheme);
    }
    if let Some(place) = token.bytes().position(|byte| !byte.is_ascii_graphic()) {
        return Err(CredentialError::Unsendable(place + 1));
    }
    secret_header(AUTHORIZATION, Zeroizing::new([SCHEME, &token].concat()))
}

/// A header of the target's own, with the value that a file has.
pub fn own_header(name: &str, content: &[u8]) -> Result<SecretHeader, CredentialError> {
    /// Those that say where the request goes or how long it is, and those that clawgate sets.
    const RESERVED: [HeaderName; 12] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
        header::PROXY_AUTHORIZATION,
        HeaderName::from_static("keep-alive"),
    ];
    let parsed: Option<HeaderName> = name.parse().ok().filter(|name| !RESERVED.contains(name));
    let Some(parsed) = parsed else {
        return Err(CredentialError::HeaderName(name.to_owned()));
    };
    let value = line(content)?;
    let is_sendable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if let Some(place) = value.bytes().position(|byte| !is_sendable(byte)) {
        return Err(CredentialError::Unsendable(place + 1));
    }
    // Blanks at the ends are no part of a value (RFC 9110 section 5.5).
    if value.starts_with(' ') {
        return Err(CredentialError::Unsendable(1));
    }
    if value.ends_with(' ') {
        return Err(CredentialError::Unsendable(value.len()));
    }
    secret_header(parsed, value)
}

/// `Authorization: Basic` with the password that a file has (RFC 7617), in UTF-8.
pub fn basic(user: &str, content: &[u8]) -> Result<SecretHeader, CredentialError> {
    if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
        return Err(CredentialError::UserName);
    }
    basic_header(user, &line(content)?)
}

pub(super) fn basic_header(user: &str, password: &str) -> Result<SecretHeader, CredentialError> {
    let pair = Zeroizing::new([user, ":", password].concat());
    let encoded = Zeroizing::new(BASE64.encode(pair.as_bytes()));
    secret_header(AUTHORIZATION, Zeroizing::new(["Basic ", &encoded].concat()))
}

/// The secret in a file: its one line.
pub(super) fn line(content: &[u8]) -> Result<Zeroizing<String>, CredentialError> {
    if content.len() > MAX_SECRET_FILE {
        return Err(CredentialError::TooLong);
    }
    let text = content.strip_suffix(b"\n").unwrap_or(content);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let text = str::from_utf8(text).map_err(|_| CredentialError::NotOneLine)?;
    if text.trim().is_empty() {
        return Err(CredentialError::Empty);
    }
    if text.starts_with('\u{feff}') || text.chars().any(char::is_control) {
        return Err(CredentialError::NotOneLine);
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// A header whose value is only in the buffer that wipes itself.
pub(super) fn secret_header(
    name: HeaderName,
    value: Zeroizing<String>,
) -> Result<SecretHeader, CredentialError> {
    // `Zeroizing<String>` is no slice of bytes; a copy that wipes itself, too, is.
    let bytes = Zeroizing::new(value.as_bytes().to_vec());
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes));
    let mut value = value.map_err(|_| CredentialError::Unsendable(1))?;
    value.set_sensitive(true);
    Ok(SecretHeader { name, value })
}
