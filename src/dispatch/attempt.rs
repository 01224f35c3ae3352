//! One try to deliver an event.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::answer_class::{RouteKind, may_be_down, of_answer, of_error};
use super::request::TryRequest;
use super::retry_after::retry_after;
use super::route::{DispatchRoute, DispatchRoutes};
use super::watch::{Answered, Watches};
use crate::inbox::{Attempt, Event};
use crate::telemetry::metrics::AttemptClass;
use crate::telemetry::trace::TraceContext;
use crate::upstream::{
    AnswerBody, Backend, Misconfiguration, ResponseBody, UpstreamError, remove_hop_by_hop,
};

/// How much of an answer is passed on to a sender that waits for it.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// How much of any other answer is looked at.
const LOOKED_AT: usize = 4096;

/// A try that is to be made.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) event: Event,
    /// The settings, and the place of the event's route in them.
    pub(super) routes: Arc<DispatchRoutes>,
    pub(super) place: usize,
    pub(super) watches: Arc<Watches>,
    pub(super) probe: Probe,
}

/// For what a try is the probe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probe {
    pub(super) of_upstream: bool,
    pub(super) of_route: bool,
}

/// A try that was made.
#[derive(Debug)]
pub(super) struct Tried {
    /// The event, without its body.
    pub(super) event: Event,
    pub(super) routes: Arc<DispatchRoutes>,
    pub(super) place: usize,
    pub(super) probe: Probe,
    pub(super) class: AttemptClass,
    /// Whether the upstream may be down, though the class does not say so.
    pub(super) may_be_down: bool,
    /// A known misconfiguration that it shows.
    pub(super) problem: Option<Misconfiguration>,
    /// How long the upstream asks to wait.
    pub(super) retry_after: Option<Duration>,
    pub(super) attempt: Attempt,
    pub(super) request_id: String,
    pub(super) trace: Option<TraceContext>,
    /// The upstream's whole answer, if a sender waits for it.
    pub(super) answered: Option<Answered>,
}

/// What came back.
struct Seen {
    class: AttemptClass,
    may_be_down: bool,
    problem: Option<Misconfiguration>,
    retry_after: Option<Duration>,
    status: Option<StatusCode>,
    error: Option<String>,
    answer: Option<String>,
    answered: Option<Answered>,
}

impl Try {
    /// Makes it.
    pub(super) async fn run(self) -> Tried {
        let Self { mut event, routes, place, watches, probe } = self;
        let route = &routes.routes[place];
        let (at, started) = (SystemTime::now(), Instant::now());
        let TryRequest { request, id, trace } = TryRequest::new(&event, route);
        let is_watched = || watches.contains(event.id);
        let (result, took) = match &route.upstream.backend {
            Backend::Echo => (Seen::echo(), started.elapsed()),
            Backend::Client(client) => match client.send(request, place).await {
                Ok(answer) => {
                    let took = started.elapsed();
                    let (head, body) = answer.response.into_parts();
                    (Seen::of(head.status, head.headers, body, route, is_watched).await, took)
                }
                Err(error) => (Seen::failed(&error, route), started.elapsed()),
            },
        };
        event.request.body = Bytes::new();
        let Seen { class, may_be_down, problem, retry_after, status, error, answer, answered } = result;
        let status = status.map(|status| status.as_u16());
        Tried {
            attempt: Attempt { at, took, status, error, answer },
            event,
            place,
            probe,
            class,
            may_be_down,
            problem,
            retry_after,
            request_id: id,
            trace,
            answered,
            routes: Arc::clone(&routes),
        }
    }
}

impl Seen {
    async fn of(
        status: StatusCode,
        mut headers: HeaderMap,
        body: ResponseBody,
        route: &DispatchRoute,
        is_watched: impl FnOnce() -> bool,
    ) -> Self {
        let is_watched = is_watched();
        let most = if is_watched { LARGEST_ANSWER } else { LOOKED_AT };
        let read = AnswerBody::read(body, most).await;
        let (class, problem) = of_answer(status, &headers, &read.body, route.kind());
        let retry_after = retry_after(&headers, SystemTime::now());
        let error = (class != AttemptClass::Delivered).then(|| format!("it answered {status}"));
        let answer = if status.is_success() { None } else { read.excerpt() };
        let AnswerBody { body, is_whole } = read;
        let answered = (is_watched && is_whole).then(|| {
            remove_hop_by_hop(&mut headers);
            headers.remove(header::CONTENT_LENGTH);
            Answered { status, headers, body }
        });
        let status = Some(status);
        Self { class, may_be_down: false, problem, retry_after, status, error, answer, answered }
    }

    fn failed(error: &UpstreamError, route: &DispatchRoute) -> Self {
        Self {
            class: of_error(error, route.kind()),
            may_be_down: may_be_down(error),
            problem: None,
            retry_after: None,
            status: None,
            error: Some(error.to_string()),
            answer: None,
            answered: None,
        }
    }

    /// `echo:` takes everything.
    fn echo() -> Self {
        let (status, body) = (StatusCode::OK, Bytes::from_static(b"{\"ok\":true}"));
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        Self {
            class: AttemptClass::Delivered,
            may_be_down: false,
            problem: None,
            retry_after: None,
            status: Some(status),
            error: None,
            answer: None,
            answered: Some(Answered { status, headers, body }),
        }
    }
}

impl DispatchRoute {
    /// What must be known of it to understand an answer.
    fn kind(&self) -> RouteKind {
        RouteKind { is_exact: self.is_exact, passes_authorization: self.passes_authorization }
    }
}
