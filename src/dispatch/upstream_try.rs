//! One try to deliver an event to an upstream.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::answer_class::{RouteKind, may_be_down, of_answer, of_error};
use super::request::TryRequest;
use super::retry_after::retry_after;
use super::route::RouteUpstream;
use super::seen::{Cause, Seen};
use super::watch::Answered;
use crate::inbox::Event;
use crate::telemetry::metrics::AttemptClass;
use crate::upstream::{AnswerBody, Backend, ResponseBody, UpstreamError, remove_hop_by_hop};

/// How much of an answer is passed on to a sender that waits for it.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// How much of any other answer is looked at.
const LOOKED_AT: usize = 4096;

/// Sends an event to the upstream of its route. `number` tells the routes of one upstream apart. `is_watched`: whether a sender waits
/// for the answer.
pub(super) async fn send(
    event: &Event,
    route: &RouteUpstream,
    number: usize,
    is_watched: impl Fn() -> bool,
) -> Seen {
    let started = Instant::now();
    let TryRequest { request, id, trace } = TryRequest::new(event, route);
    let seen = match &route.upstream.backend {
        Backend::Echo => Seen { took: started.elapsed(), ..Seen::echo() },
        Backend::Client(client) => match client.send(request, number).await {
            Ok(answer) => {
                let took = started.elapsed();
                let (head, body) = answer.response.into_parts();
                let seen = Seen::of(head.status, head.headers, body, route.kind(), is_watched);
                Seen { took, ..seen.await }
            }
            Err(error) => Seen { took: started.elapsed(), ..Seen::failed(&error, route.kind()) },
        },
    };
    Seen { request_id: id, traces: vec![trace], ..seen }
}

impl RouteUpstream {
    /// What must be known of the route to understand an answer.
    fn kind(&self) -> RouteKind {
        RouteKind { is_exact: self.is_exact, passes_authorization: self.passes_authorization }
    }
}

impl Seen {
    async fn of(
        status: StatusCode,
        mut headers: HeaderMap,
        body: ResponseBody,
        route: RouteKind,
        is_watched: impl FnOnce() -> bool,
    ) -> Self {
        let is_watched = is_watched();
        let most = if is_watched { LARGEST_ANSWER } else { LOOKED_AT };
        let read = AnswerBody::read(body, most).await;
        let (class, problem) = of_answer(status, &headers, &read.body, route);
        let retry_after = retry_after(&headers, SystemTime::now());
        let error = (class != AttemptClass::Delivered).then(|| format!("it answered {status}"));
        let answer = if status.is_success() { None } else { read.excerpt() };
        let AnswerBody { body, is_whole } = read;
        let answered = (is_watched && is_whole).then(|| {
            remove_hop_by_hop(&mut headers);
            headers.remove(header::CONTENT_LENGTH);
            Answered { status, headers, body }
        });
        Self {
            cause: problem.map_or(Cause::Upstream, Cause::Known),
            retry_after,
            status: Some(status),
            error,
            answer,
            answered,
            ..Self::nothing(class)
        }
    }

    fn failed(error: &UpstreamError, route: RouteKind) -> Self {
        Self {
            may_be_down: may_be_down(error),
            error: Some(error.to_string()),
            ..Self::nothing(of_error(error, route))
        }
    }

    /// `echo:` takes everything.
    fn echo() -> Self {
        let (status, body) = (StatusCode::OK, Bytes::from_static(b"{\"ok\":true}"));
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        let answered = Some(Answered { status, headers, body });
        Self { status: Some(status), answered, ..Self::nothing(AttemptClass::Delivered) }
    }

    fn nothing(class: AttemptClass) -> Self {
        Self {
            class,
            may_be_down: false,
            cause: Cause::Upstream,
            retry_after: None,
            status: None,
            error: None,
            answer: None,
            answered: None,
            took: Duration::ZERO,
            request_id: String::new(),
            traces: Vec::new(),
        }
    }
}
