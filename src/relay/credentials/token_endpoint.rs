//! What is sent to the token endpoint of an authorization server, and what it answers (RFC 6749).

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use super::fixed::{CredentialError, SecretHeader, secret_header};
use crate::relay::retry::{PauseReason, Verdict};

/// The longest answer of a token endpoint that is read, in bytes.
pub const MAX_TOKEN_REPLY: usize = 64 * 1024;

/// What [`TokenEndpoint::post`] returns; `None`: there was no answer.
pub type TokenReplyFuture<'a> = Pin<Box<dyn Future<Output = Option<TokenReply>> + Send + 'a>>;

/// Sends requests to one token endpoint.
pub trait TokenEndpoint: Send + Sync {
    /// Sends the request with the content type `application/x-www-form-urlencoded`, without following redirects, and reads at most
    /// [`MAX_TOKEN_REPLY`] bytes of the answer. The future is dropped when it takes too long.
    fn post(&self, request: TokenRequest) -> TokenReplyFuture<'_>;
}

/// A request for a token. `Debug` shows nothing of it.
pub struct TokenRequest {
    /// The client's name and secret, if they are not in the body.
    pub authorization: Option<SecretHeader>,
    /// The form.
    pub body: Zeroizing<String>,
}

/// The answer of a token endpoint. `Debug` shows its status only.
pub struct TokenReply {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// A token, and how long it can be used from the request on.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) authorization: SecretHeader,
    pub(super) expires_in: Option<Duration>,
}

/// Why there is no token. None of these quotes the answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// No connection, or no answer in time.
    #[error("the token endpoint does not answer")]
    NoAnswer,
    /// It refuses to give a token, with a code of RFC 6749 section 5.2.
    #[error("the token endpoint refuses: {code} ({status})")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its code.
        code: &'static str,
    },
    /// Another status than 200.
    #[error("the token endpoint answers {0}")]
    Status(StatusCode),
    /// 200 without a token in JSON.
    #[error("the answer of the token endpoint has no access_token, or is not JSON")]
    Unreadable,
    /// A token that is used in another way than in `Authorization: Bearer`.
    #[error("the token endpoint gives a token that is no bearer token")]
    NotBearer,
    /// A token that no header can have.
    #[error("the token endpoint gives a token that cannot be sent")]
    Unsendable,
}

impl TokenError {
    /// What follows for the event that was to be sent.
    pub fn verdict(&self) -> Verdict {
        let is_temporary = match self {
            Self::NoAnswer | Self::Unreadable => true,
            Self::Status(status) => {
                status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
            }
            Self::Refused { code, status } => {
                matches!(*code, "temporarily_unavailable" | "server_error")
                    || status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::NotBearer | Self::Unsendable => false,
        };
        if is_temporary {
            Verdict::Retry { after: None }
        } else {
            Verdict::Pause(PauseReason::NoCredential)
        }
    }
}

/// Reads an answer.
pub(super) fn read(reply: &TokenReply) -> Result<Issued, TokenError> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: Option<String>,
        token_type: Option<String>,
        expires_in: Option<Seconds>,
        error: Option<String>,
    }
    /// Some servers write the number as text.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(f64),
        Text(String),
        Other(serde::de::IgnoredAny),
    }

    let answer = (reply.body.len() <= MAX_TOKEN_REPLY)
        .then(|| serde_json::from_slice::<Answer>(&reply.body).ok())
        .flatten();
    if reply.status != StatusCode::OK {
        let code = answer.and_then(|answer| answer.error).and_then(|code| known_code(&code));
        return Err(match code {
            Some(code) => TokenError::Refused { status: reply.status, code },
            None => TokenError::Status(reply.status),
        });
    }
    let answer = answer.ok_or(TokenError::Unreadable)?;
    let token = answer.access_token.map(Zeroizing::new).filter(|token| !token.is_empty());
    let token = token.ok_or(TokenError::Unreadable)?;
    // Required by RFC 6749 section 5.1, but some servers leave it out.
    if answer.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(TokenError::NotBearer);
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::Unsendable);
    }
    let value = Zeroizing::new(["Bearer ", &token].concat());
    let authorization =
        secret_header(AUTHORIZATION, value).map_err(|_: CredentialError| TokenError::Unsendable)?;
    let expires_in = match answer.expires_in {
        Some(Seconds::Number(number)) => Some(number),
        Some(Seconds::Text(text)) => text.trim().parse().ok(),
        Some(Seconds::Other(_)) | None => None,
    };
    // Some servers write 0 for a token without an end.
    let expires_in = expires_in.filter(|seconds| *seconds >= 1.0);
    let expires_in = expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok(Issued { authorization, expires_in })
}

/// The codes of RFC 6749 sections 5.2 and 4.1.2.1. Others are not shown, because anything could be in them.
fn known_code(code: &str) -> Option<&'static str> {
    const CODES: [&str; 9] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
    ];
    CODES.into_iter().find(|known| *known == code)
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRequest([redacted])")
    }
}

impl fmt::Debug for TokenReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenReply({}, [redacted])", self.status)
    }
}
