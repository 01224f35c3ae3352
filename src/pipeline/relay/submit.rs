//! An event for a target: it is stored, or sent at once.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use http_body_util::Full;

use super::Relay;
use super::wait::LARGEST_ANSWER;
use crate::inbox::{Appended, EventId, NewEvent, StoredRequest};
use crate::pipeline::accept::{no_inbox, no_random_bytes, own_answer};
use crate::pipeline::inbox::Stored;
use crate::pipeline::refusal::RequestRefusal;
use crate::random::random_bytes;
use crate::relay::client::Sent;
use crate::relay::idempotency::IdOrigin;
use crate::relay::retry::NoAnswer;
use crate::relay::settings::TargetDelivery;
use crate::relay::target::{PreparedEvent, RelayTarget, TargetRequest};
use crate::telemetry::trace::TraceContext;

/// An event for a target.
pub(super) struct Submitted<'a> {
    pub(super) target: &'a RelayTarget,
    /// The header fields of the request that brought it.
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
    /// What authenticated the request.
    pub(super) principal: Arc<str>,
    /// The identifier of the request.
    pub(super) request: &'a str,
    pub(super) trace: TraceContext,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Passed {
    /// It is stored, from this time on for so long.
    Stored(EventId, Instant, Duration),
    /// It was stored before, with this id.
    Duplicate(EventId),
    /// The target has answered.
    Answered(Answer),
}

/// The answer of a target.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    sent: Sent,
}

impl Relay {
    /// Passes an event on, as its target wants it.
    ///
    /// # Errors
    /// When it is neither stored nor sent, or got no answer.
    pub(super) async fn submit(&self, event: Submitted<'_>) -> Result<Passed, RequestRefusal> {
        let received = SystemTime::now();
        let id = EventId::new(received, random_bytes().map_err(no_random_bytes)?);
        let Submitted { target, headers, body, principal, request, trace } = event;
        let prepared = target.prepare(headers, &body, id).map_err(RequestRefusal::Event)?;
        match target.settings().delivery {
            TargetDelivery::Wait => self.send_now(target, prepared, trace).await,
            TargetDelivery::Queue => {
                let key = Some(prepared.identity.id.clone());
                let event = NewEvent {
                    id,
                    route: Arc::clone(target.route()),
                    principal,
                    key: key.filter(|_| prepared.identity.origin != IdOrigin::Made),
                    idempotency_key: prepared.identity.id.clone(),
                    received,
                    request: stored_request(target, prepared, trace),
                };
                let inbox = self.inbox.as_deref().ok_or_else(no_inbox)?;
                let Stored { appended, begun, took } = inbox.append(event, request).await?;
                Ok(match appended {
                    Appended::Duplicate { first } => Passed::Duplicate(first),
                    Appended::New | Appended::KeyReused { .. } => Passed::Stored(id, begun, took),
                })
            }
        }
    }

    async fn send_now(
        &self,
        target: &RelayTarget,
        prepared: PreparedEvent,
        trace: TraceContext,
    ) -> Result<Passed, RequestRefusal> {
        let PreparedEvent { identity, body, content_type } = prepared;
        let request = TargetRequest { id: identity.id, body, content_type, trace: Some(trace) };
        let sent = self.send_now.send(target.name(), request).await?;
        let why = sent.detail.clone().unwrap_or_default();
        match (sent.status, sent.no_answer) {
            (Some(_), _) if !sent.answer.is_whole => {
                let why = format!("its answer breaks off, or is larger than {LARGEST_ANSWER} bytes");
                Err(RequestRefusal::TargetNoAnswer { why, timed_out: false })
            }
            (Some(status), _) => Ok(Passed::Answered(Answer { status, sent })),
            (None, Some(NoAnswer::Lost)) => {
                Err(RequestRefusal::TargetNoAnswer { why, timed_out: !sent.was_closed })
            }
            (None, _) => Err(RequestRefusal::TargetUnavailable { why }),
        }
    }
}

impl Passed {
    /// The answer to the caller.
    pub(super) fn response(self) -> Response<Full<Bytes>> {
        match self {
            Self::Stored(id, ..) => own_answer(false, StatusCode::ACCEPTED, id, "accepted"),
            Self::Duplicate(first) => own_answer(false, StatusCode::OK, first, "duplicate"),
            Self::Answered(Answer { status, sent }) => {
                let mut response = Response::new(Full::new(sent.answer.body));
                *response.status_mut() = status;
                if let Some(content_type) = sent.content_type {
                    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
                }
                response
            }
        }
    }
}

impl Answer {
    /// How long the caller waited for it.
    pub(super) fn took(&self) -> Duration {
        self.sent.took
    }
}

/// The event as it is stored: what the target is to get, and nothing that is secret. The address of the target is not in it, since
/// some APIs have a key there.
fn stored_request(target: &RelayTarget, prepared: PreparedEvent, trace: TraceContext) -> StoredRequest {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, prepared.content_type);
    trace.inject(&mut headers);
    StoredRequest {
        method: Method::POST,
        target: target.settings().path.parse().unwrap_or_else(|_| Uri::from_static("/")),
        headers,
        body: prepared.body,
    }
}
