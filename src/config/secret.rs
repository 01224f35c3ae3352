//! Secrets: the hook token, which only the upstream reads, and those of webhook senders.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use thiserror::Error;
use zeroize::Zeroizing;

/// The bearer token that OpenClaw asks of every hook call, ready to be sent.
///
/// The token is held as the header value alone, in memory that is wiped when the last clone is
/// dropped. `Debug` prints `[redacted]`, and the header value is marked sensitive, so that neither
/// shows it and HTTP/2 does not index it.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(HeaderValue);

/// Why a token cannot be used. None of these quotes it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// A blank, a control or something outside ASCII; its place, from 1.
    #[error("has a blank, control or non-ASCII character at place {0}; no bearer token has")]
    Unsendable(usize),
    /// clawgate adds the scheme itself.
    #[error("begins with `Bearer `, which clawgate adds itself")]
    WithScheme,
}

impl BearerToken {
    /// Takes the token itself, without `Bearer`.
    pub fn new(token: &[u8]) -> Result<Self, TokenError> {
        const SCHEME: &[u8] = b"Bearer ";
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        if token.len() >= SCHEME.len() && token[..SCHEME.len()].eq_ignore_ascii_case(SCHEME) {
            return Err(TokenError::WithScheme);
        }
        if let Some(place) = token.iter().position(|byte| !byte.is_ascii_graphic()) {
            return Err(TokenError::Unsendable(place + 1));
        }
        let value = Zeroizing::new([SCHEME, token].concat());
        // `Bytes::from_owner` keeps the very buffer that wipes itself; a copy would stay behind.
        let header = HeaderValue::from_maybe_shared(Bytes::from_owner(value));
        let mut header = header.map_err(|_| TokenError::Unsendable(1))?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// The token itself.
    pub(crate) fn text(&self) -> &str {
        // `new` has let nothing but ASCII in, after the scheme.
        self.0.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
    }

    /// The value for `Authorization`: `Bearer …`, marked sensitive.
    pub fn authorization(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A secret as its file has it. It is wiped when the last clone is dropped, and `Debug` prints `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// Copies it.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes.to_vec())))
    }

    /// Its bytes. Comparing them with `==` tells by its time how many of them are equal.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_becomes_a_sensitive_bearer_header() {
        let token = BearerToken::new(b"s3cret").unwrap();
        assert_eq!(token.authorization(), "Bearer s3cret");
        assert!(token.authorization().is_sensitive());
        assert_eq!(token, BearerToken::new(b"s3cret").unwrap());
        assert_ne!(token, BearerToken::new(b"other").unwrap());
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let token = BearerToken::new(b"s3cret").unwrap();
        assert_eq!(format!("{token:?}"), "[redacted]");
        assert_eq!(format!("{:?}", token.authorization()), "Sensitive");
    }

    #[test]
    fn what_cannot_stand_in_the_header_is_refused_and_not_quoted() {
        for (token, error) in [
            (&b""[..], TokenError::Empty),
            (b"s3 cret", TokenError::Unsendable(3)),
            (b"s3cret\r\nx: y", TokenError::Unsendable(7)),
            ("s3crét".as_bytes(), TokenError::Unsendable(5)),
            (b"bearer s3cret", TokenError::WithScheme),
        ] {
            assert_eq!(BearerToken::new(token), Err(error));
            assert!(!error.to_string().contains("s3"));
        }
    }
}
