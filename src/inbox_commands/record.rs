//! Events as JSON, for `--json` and `export`.

use data_encoding::BASE64;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::identity::time::rfc3339_millis;
use crate::inbox::{
    Attempt, CREDENTIALS, DeadReason, EventDetail, EventState, EventSummary, StoredRequest,
};

/// What lists have of an event.
#[derive(Debug, Serialize)]
pub(super) struct SummaryRecord<'a> {
    id: String,
    seq: i64,
    route: &'a str,
    principal: &'a str,
    key: Option<&'a str>,
    state: EventState,
    reason: Option<DeadReason>,
    received: String,
    next_at: Option<String>,
    ended: Option<String>,
    tries: u32,
    size: u64,
}

impl<'a> From<&'a EventSummary> for SummaryRecord<'a> {
    fn from(event: &'a EventSummary) -> Self {
        Self {
            id: event.id.to_string(),
            seq: event.seq,
            route: &event.route,
            principal: &event.principal,
            key: event.key.as_deref(),
            state: event.state,
            reason: event.reason,
            received: rfc3339_millis(event.received),
            next_at: event.next_at.map(rfc3339_millis),
            ended: event.ended.map(rfc3339_millis),
            tries: event.tries,
            size: event.size,
        }
    }
}

/// All that is stored of an event.
#[derive(Debug, Serialize)]
pub(super) struct DetailRecord<'a> {
    #[serde(flatten)]
    summary: SummaryRecord<'a>,
    idempotency_key: &'a str,
    attempts: Vec<AttemptRecord<'a>>,
    request: Option<RequestRecord<'a>>,
}

impl<'a> DetailRecord<'a> {
    /// The event, with its body if that is wanted.
    pub(super) fn new(event: &'a EventDetail, with_body: bool) -> Self {
        Self {
            summary: SummaryRecord::from(&event.summary),
            idempotency_key: &event.idempotency_key,
            attempts: event.attempts.iter().map(AttemptRecord::from).collect(),
            request: event.request.as_ref().map(|request| RequestRecord::new(request, with_body)),
        }
    }
}

#[derive(Debug, Serialize)]
struct AttemptRecord<'a> {
    at: String,
    took_ms: u64,
    status: Option<u16>,
    error: Option<&'a str>,
    answer: Option<&'a str>,
}

impl<'a> From<&'a Attempt> for AttemptRecord<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        Self {
            at: rfc3339_millis(attempt.at),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            status: attempt.status,
            error: attempt.error.as_deref(),
            answer: attempt.answer.as_deref(),
        }
    }
}

#[derive(Debug, Serialize)]
struct RequestRecord<'a> {
    method: &'a str,
    target: String,
    headers: Vec<Field<'a>>,
    #[serde(flatten)]
    body: Option<Text<'a>>,
}

impl<'a> RequestRecord<'a> {
    fn new(request: &'a StoredRequest, with_body: bool) -> Self {
        Self {
            method: request.method.as_str(),
            target: request.target.to_string(),
            headers: fields(&request.headers),
            body: with_body.then(|| match std::str::from_utf8(&request.body) {
                Ok(text) => Text::Body(text),
                Err(_) => Text::BodyBase64(BASE64.encode(&request.body)),
            }),
        }
    }
}

/// A body: as text, or in base64 if it is not UTF-8.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Text<'a> {
    Body(&'a str),
    BodyBase64(String),
}

/// A header field, with the value as text, or in base64 if it is not UTF-8. Credentials have no value.
#[derive(Debug, Serialize)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_base64: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) hidden: bool,
}

impl<'a> Field<'a> {
    fn new(name: &'a HeaderName, value: &'a HeaderValue) -> Self {
        let field = Self { name: name.as_str(), value: None, value_base64: None, hidden: false };
        if CREDENTIALS.contains(name) {
            return Self { hidden: true, ..field };
        }
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Self { value: Some(text), ..field },
            Err(_) => Self { value_base64: Some(BASE64.encode(value.as_bytes())), ..field },
        }
    }
}

/// The header fields, without the values of credentials.
pub(super) fn fields(headers: &HeaderMap) -> Vec<Field<'_>> {
    headers.iter().map(|(name, value)| Field::new(name, value)).collect()
}
