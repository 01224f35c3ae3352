//! The last step on routes with an inbox: the event is stored, and the sender gets an answer. The upstream gets the request
//! afterwards, from [`crate::dispatch`].

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;

use super::client_connection::ClientConnection;
use super::event_names::{idempotency_key, principal_name};
use super::inbox::{Inbox, Stored};
use super::refusal::RequestRefusal;
use super::sanitize::Delivery;
use super::stored_request::stored_request;
use crate::dispatch::Answered;
use crate::inbox::{Appended, EventId, NewEvent, RouteInbox};
use crate::random::random_bytes;
use crate::telemetry::access::AccessRecord;

const EVENT_ID: HeaderName = HeaderName::from_static("x-clawgate-event-id");

/// Stores a request for its upstream, and answers it. The answer to an event that is stored comes only when it is stored
/// durably.
///
/// # Errors
/// When the event is not stored.
pub(super) async fn accept(
    client: &ClientConnection,
    delivery: Delivery<'_>,
    settings: &RouteInbox,
    record: &mut AccessRecord,
) -> Result<Response<Full<Bytes>>, RequestRefusal> {
    let inbox = client.inbox.as_deref().ok_or_else(no_inbox)?;
    let accepted = store(inbox, delivery, settings, record).await;
    accepted.inspect_err(|refusal| {
        let (reason, detail) = (refusal.reason(), refusal.log());
        client.delivery_failures.log(record.id(), Some(&client.facts), "the inbox", reason, &detail);
    })
}

async fn store(
    inbox: &Inbox,
    delivery: Delivery<'_>,
    settings: &RouteInbox,
    record: &mut AccessRecord,
) -> Result<Response<Full<Bytes>>, RequestRefusal> {
    let Delivery { principal, request, claim: _, key } = delivery;
    let route = principal.resource();
    let (parts, body) = request.into_parts().0.into_parts();
    let body = body.read_whole(|_| {}).await?;
    let received = SystemTime::now();
    let id = EventId::new(received, random_bytes().map_err(no_random_bytes)?);
    let path = route.path.shared();
    let principal = principal_name(&principal);
    let event = NewEvent {
        id,
        idempotency_key: idempotency_key(&path, &principal, key.as_deref(), id),
        route: Arc::clone(&path),
        principal,
        key,
        received,
        request: stored_request(parts, body, route),
    };
    let scheme = route.verification().map(|verification| verification.verifier.scheme());
    let is_empty = scheme.is_some_and(|scheme| scheme.wants_empty_answers());
    // Before the event is stored, so that its delivery cannot be missed.
    let wait = settings.wait.map(|wait| (wait, inbox.dispatcher.watch(id, &path)));
    let Stored { appended, begun, took } = inbox.append(event, record.id()).await?;
    if let Appended::Duplicate { first } = appended {
        let success = route.verification().map_or(StatusCode::OK, |sender| sender.success);
        record.answered_by_clawgate(success, "the event was accepted before");
        record.event(first.to_string());
        return Ok(own_answer(is_empty, success, first, "duplicate"));
    }
    record.event(id.to_string());
    record.stored(begun, took);
    if let Some((wait, watch)) = wait
        && let Ok(Some(answered)) = timeout(wait, watch.answer()).await
    {
        record.answered(answered.status, begun.elapsed());
        return Ok(upstreams_answer(answered, id));
    }
    record.answered_by_clawgate(settings.status, "stored in the inbox");
    Ok(own_answer(is_empty, settings.status, id, "accepted"))
}

/// clawgate's own answer about event `id`. `is_empty`: without a body.
pub(super) fn own_answer(
    is_empty: bool,
    status: StatusCode,
    id: EventId,
    text: &'static str,
) -> Response<Full<Bytes>> {
    let is_empty = is_empty || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
    let body = if is_empty {
        Bytes::new()
    } else {
        format!("{{\"id\":\"{id}\",\"status\":\"{text}\"}}\n").into()
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    if !is_empty {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    set_id(&mut response, id);
    response
}

/// The upstream's answer to event `id`, which came in time.
fn upstreams_answer(answered: Answered, id: EventId) -> Response<Full<Bytes>> {
    let Answered { status, headers, body } = answered;
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // hyper sets it for the body that is sent.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    set_id(&mut response, id);
    response
}

fn set_id(response: &mut Response<Full<Bytes>>, id: EventId) {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(EVENT_ID, id);
    }
}

/// The refusal where clawgate was started without an inbox, and a reload added a route with one.
pub(super) fn no_inbox() -> RequestRefusal {
    let why = "clawgate was started without an inbox: restart it".to_owned();
    RequestRefusal::InboxUnavailable { why }
}

pub(super) fn no_random_bytes(error: std::io::Error) -> RequestRefusal {
    RequestRefusal::InboxUnavailable { why: format!("the system has no random bytes: {error}") }
}
