//! Answers to the requests by which senders test an address before they send events there.
//!
//! Where the sender signs the test, the answer is made of a verified request. Where it does not, the answer shows a
//! stranger's text: it is plain text, short, and of printable ASCII only.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::HEXLOWER;
use form_urlencoded::parse;
use http::header::{CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use thiserror::Error;

use super::key::Key;
use super::preset::Challenge;
use super::request::SignedRequest;
use super::token;
use super::verified::VerifiedSignature;
use super::verifier::Verifier;

/// The longest text of a request that an answer repeats, in bytes.
pub const MAX_ECHO: usize = 1024;

/// The longest body of a challenge, in bytes. A longer one is an event, and is not searched.
pub const MAX_CHALLENGE_BODY: usize = 8 * 1024;

/// What a sender gets for its challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 or 204.
    pub status: StatusCode,
    /// None for an empty body.
    pub content_type: Option<&'static str>,
    /// Printable ASCII.
    pub body: String,
    /// Notion: the secret that it will sign with, in printable ASCII. Log it once, so that the operator can store it. It has
    /// no signature yet: the operator compares it with the one that Notion shows.
    pub secret: Option<String>,
}

/// Why a challenge is not answered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ChallengeError {
    /// The settings have no token to compare with, or an empty one.
    #[error("the challenge has a token, but `challenge_token_file` is not set")]
    NoToken,
    /// The token is another one.
    #[error("the token of the challenge is not the one in `challenge_token_file`")]
    WrongToken,
    /// The answer would have to repeat more than [`MAX_ECHO`] bytes, nothing, or something else than printable ASCII.
    #[error("the challenge is empty, longer than {MAX_ECHO} bytes, or not printable ASCII")]
    Unprintable,
}

impl ChallengeError {
    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoToken | Self::WrongToken => {
                "write the verify token that the sender's settings have into `challenge_token_file`"
            }
            Self::Unprintable => {
                "no known sender does this: somebody else may have found the address of the route"
            }
        }
    }
}

impl Challenge {
    /// Whether the sender signs it, so that it is answered only after the signature was verified.
    pub fn is_signed(self) -> bool {
        matches!(self, Self::Slack | Self::Zoom | Self::Discord)
    }

    /// Whether the sender does not sign it, and only the body shows it.
    pub fn is_in_body(self) -> bool {
        self == Self::Notion
    }

    /// A method that the route need not allow: with it comes the challenge, and nothing else ([`is_opened_by`](Self::is_opened_by)).
    pub fn opens(self) -> Option<Method> {
        matches!(self, Self::Meta | Self::Dropbox).then_some(Method::GET)
    }

    /// Whether the request is let through although the route does not allow its method: it has exactly the parameters of the
    /// challenge, each once.
    pub fn is_opened_by(self, request: &SignedRequest<'_>) -> bool {
        let mut names: Vec<_> = query(request).map(|(name, _)| name).collect();
        names.sort_unstable();
        let expected: &[&str] = match self {
            // No other mode is documented.
            Self::Meta if parameter(request, "hub.mode").as_deref() != Some("subscribe") => {
                return false;
            }
            Self::Meta => &["hub.challenge", "hub.mode", "hub.verify_token"],
            Self::Dropbox => &["challenge"],
            Self::Slack | Self::Zoom | Self::Graph | Self::Discord | Self::Notion => return false,
        };
        self.opens().as_ref() == Some(request.method) && names == expected
    }

    /// The answer to a challenge that is not signed; `None` if the request is none.
    ///
    /// Notion needs the body; the others only the head. `token` is what `challenge_token_file` has, for Meta.
    pub fn answer_unsigned(
        self,
        request: &SignedRequest<'_>,
        token: Option<&[u8]>,
    ) -> Result<Option<Answer>, ChallengeError> {
        match self {
            Self::Meta if self.is_opened_by(request) => meta(request, token).map(Some),
            Self::Dropbox if self.is_opened_by(request) => {
                echo(parameter(request, "challenge")).map(Some)
            }
            Self::Graph if request.method == Method::POST => {
                let token = parameter(request, "validationToken");
                token.map(|token| echo(Some(token))).transpose()
            }
            Self::Notion if request.method == Method::POST => notion(request.body),
            _ => Ok(None),
        }
    }

    /// The answer to a challenge that is signed; `None` if the request is none. The verifier has made `verified`.
    pub fn answer_signed(
        self,
        request: &SignedRequest<'_>,
        verified: &VerifiedSignature,
        verifier: &Verifier,
    ) -> Result<Option<Answer>, ChallengeError> {
        if request.method != Method::POST {
            return Ok(None);
        }
        match self {
            Self::Slack => slack(request.body),
            Self::Zoom => zoom(request.body, verifier.keys().get(verified.key)),
            Self::Discord => Ok(discord(request.body)),
            Self::Meta | Self::Graph | Self::Dropbox | Self::Notion => Ok(None),
        }
    }
}

/// `GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…`.
fn meta(request: &SignedRequest<'_>, token: Option<&[u8]>) -> Result<Answer, ChallengeError> {
    let token = token.filter(|token| !token.is_empty()).ok_or(ChallengeError::NoToken)?;
    let presented = parameter(request, "hub.verify_token").unwrap_or_default();
    match token::matching(&[presented.as_bytes().into()], [token].into_iter()) {
        Some(_) => echo(parameter(request, "hub.challenge")),
        None => Err(ChallengeError::WrongToken),
    }
}

#[derive(Deserialize)]
struct SlackChallenge {
    r#type: String,
    challenge: String,
}

fn slack(body: &[u8]) -> Result<Option<Answer>, ChallengeError> {
    let request = read::<SlackChallenge>(body).filter(|request| request.r#type == "url_verification");
    request.map(|request| echo(Some(request.challenge))).transpose()
}

#[derive(Deserialize)]
struct ZoomChallenge {
    event: String,
    payload: ZoomPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ZoomPayload {
    plain_token: String,
}

/// Answers with the HMAC of the token, so that the sender sees who has the secret.
fn zoom(body: &[u8], key: Option<&Key>) -> Result<Option<Answer>, ChallengeError> {
    let request =
        read::<ZoomChallenge>(body).filter(|request| request.event == "endpoint.url_validation");
    let (Some(request), Some(secret)) = (request, key.and_then(Key::secret)) else { return Ok(None) };
    let token = printable(request.payload.plain_token)?;
    let encrypted = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret), token.as_bytes());
    let encrypted = HEXLOWER.encode(encrypted.as_ref());
    Ok(Some(Answer::json(&json!({ "plainToken": token, "encryptedToken": encrypted }))))
}

#[derive(Deserialize)]
struct DiscordPing {
    r#type: u64,
    event: Option<IgnoredAny>,
}

/// The type 0 is the ping for events, 1 the ping for interactions. An event has the type 1 as well, and `event`.
fn discord(body: &[u8]) -> Option<Answer> {
    let ping = read::<DiscordPing>(body).filter(|ping| ping.event.is_none())?;
    match ping.r#type {
        0 => Some(Answer {
            status: StatusCode::NO_CONTENT,
            content_type: None,
            body: String::new(),
            secret: None,
        }),
        1 => Some(Answer::json(&json!({ "type": 1 }))),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotionChallenge {
    verification_token: String,
}

fn notion(body: &[u8]) -> Result<Option<Answer>, ChallengeError> {
    let Some(request) = read::<NotionChallenge>(body) else { return Ok(None) };
    let secret = printable(request.verification_token)?;
    Ok(Some(Answer { secret: Some(secret), ..Answer::text(String::new()) }))
}

/// A text of the request as the answer.
fn echo(text: Option<String>) -> Result<Answer, ChallengeError> {
    Ok(Answer::text(printable(text.unwrap_or_default())?))
}

fn printable(text: String) -> Result<String, ChallengeError> {
    let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !text.is_empty() && text.len() <= MAX_ECHO && is_printable {
        Ok(text)
    } else {
        Err(ChallengeError::Unprintable)
    }
}

/// The body as `T`. A name that is there twice is an error of serde's.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    if body.len() > MAX_CHALLENGE_BODY { None } else { serde_json::from_slice(body).ok() }
}

fn query<'a>(request: &SignedRequest<'a>) -> form_urlencoded::Parse<'a> {
    parse(request.target.split_once('?').map_or("", |(_, query)| query).as_bytes())
}

/// The value of a parameter that is there once.
fn parameter(request: &SignedRequest<'_>, name: &str) -> Option<String> {
    request.query(name).ok().flatten().map(String::from)
}

impl Answer {
    fn text(body: String) -> Self {
        Self { status: StatusCode::OK, content_type: Some("text/plain"), body, secret: None }
    }

    fn json(body: &serde_json::Value) -> Self {
        let content_type = Some("application/json");
        Self { status: StatusCode::OK, content_type, body: body.to_string(), secret: None }
    }

    /// The response, with `X-Content-Type-Options: nosniff`: no browser may take the text for a page.
    pub fn into_response(self) -> Response<String> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

#[cfg(test)]
mod tests;
