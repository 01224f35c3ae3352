//! HTTP/1 on a verified connection: hyper serves it, and it is parked while it is idle.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::exchange::answer;
use super::guarded_io::{ConnectionFault, GuardedIo, TlsIo, into_socket};
use super::lifecycle::{Driver, End, Progress, drive};
use super::lingering_close::WRITE_TIMEOUT;
use super::response_body::AnswerBody;
use super::session::Session;
use crate::http1_guard::{MAX_FIELDS, MAX_HEAD};
use crate::pipeline::refusal::RequestRefusal;
use crate::telemetry::metrics::{Counted, Metrics};
use crate::wording;

/// Serves the connection; returns its socket for a lingering close.
pub(super) async fn serve(session: &Session<'_>, io: GuardedIo<TlsIo>) -> TcpStream {
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_FIELDS).max_buf_size(MAX_HEAD * 4);
    // Boxed, since hyper gives a connection's stream back only where the futures may be moved.
    let service = service_fn(|request| {
        let (client, requests) = (Arc::clone(&session.client), Arc::clone(&session.requests));
        Box::pin(answer(client, requests, request, Some(session.drain)))
    });
    let driver = Http1::new(&session.client.metrics, builder, service, io);
    let (driver, end) = drive(session, driver).await;
    // Counted first: taking the connection apart drops the requests in progress.
    let in_flight = session.requests.in_flight();
    let mut io = driver.into_io().into_inner();
    let End::Served(result) = end else {
        // The answer in progress is broken off, and must not look complete.
        return into_socket(io);
    };
    if let Err(error) = &result
        && error.is_parse()
    {
        // The guard has passed what hyper refuses. hyper has answered it, so it is only recorded.
        session.reject(&RequestRefusal::Unreadable(wording::http(error)));
    }
    answer_violation(session, &mut io, in_flight).await;
    // An answer that broke off must not end with a close_notify: over HTTP/1.0 the end of the connection ends the body, and
    // the client could not tell it from a complete one.
    if !result.is_err_and(|error| error.is_user()) {
        let _ = timeout(WRITE_TIMEOUT, io.shutdown()).await;
    }
    into_socket(io)
}

/// Answers a head that the guard has refused. A violation in a body belongs to its request, which answers and records it.
async fn answer_violation(session: &Session<'_>, io: &mut TlsIo, in_flight: usize) {
    let Some(ConnectionFault::Violation(violation, request)) = session.io_state.fault() else { return };
    if *request <= session.requests.begun() {
        return;
    }
    let refusal = RequestRefusal::from(*violation);
    let id = session.reject(&refusal);
    // While another request is in progress, the client would take this for its answer.
    if in_flight == 0 {
        let _ = timeout(WRITE_TIMEOUT, io.write_all(&refusal.http1(&id))).await;
    }
}

/// What answers requests.
trait Service:
    HttpService<Incoming, ResBody = AnswerBody, Error = Infallible, Future: Unpin> + Clone + Unpin
{
}

impl<S> Service for S where
    S: HttpService<Incoming, ResBody = AnswerBody, Error = Infallible, Future: Unpin> + Clone + Unpin
{
}

/// hyper's connection, or its stream alone while it is parked.
struct Http1<'a, S: Service> {
    metrics: &'a Metrics,
    builder: http1::Builder,
    service: S,
    state: State<S>,
}

enum State<S: Service> {
    Active(Box<http1::Connection<TokioIo<GuardedIo<TlsIo>>, S>>),
    /// Without hyper and its buffers, until bytes arrive. It counts as parked.
    Parked(GuardedIo<TlsIo>, #[expect(dead_code, reason = "counts until it is dropped")] Counted),
    /// It had to end while it was parked.
    Ended(GuardedIo<TlsIo>),
}

impl<'a, S: Service> Http1<'a, S> {
    fn new(metrics: &'a Metrics, builder: http1::Builder, service: S, io: GuardedIo<TlsIo>) -> Self {
        let connection = builder.serve_connection(TokioIo::new(io), service.clone());
        Self { metrics, builder, service, state: State::Active(Box::new(connection)) }
    }

    fn into_io(self) -> GuardedIo<TlsIo> {
        self.state.into_io()
    }
}

impl<S: Service> Driver for Http1<'_, S> {
    const MULTIPLEXED: bool = false;
    /// A client that keeps its connection open usually sends nothing for minutes, and hyper's buffers are more than half of
    /// the memory of such a connection.
    const PARK_AFTER: Option<Duration> = Some(Duration::from_millis(50));

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        match &mut self.state {
            State::Active(connection) => connection.poll_without_shutdown(cx).map(Progress::Ended),
            State::Parked(io, _) => io.poll_readable(cx).map(|()| Progress::Readable),
            State::Ended(_) => Poll::Ready(Progress::Ended(Ok(()))),
        }
    }

    fn graceful_shutdown(mut self) -> Self {
        if let State::Active(connection) = &mut self.state {
            Pin::new(connection.as_mut()).graceful_shutdown();
            return self;
        }
        Self { state: State::Ended(self.state.into_io()), ..self }
    }

    fn park(self) -> Self {
        let parked = self.metrics.parked();
        Self { state: State::Parked(self.state.into_io(), parked), ..self }
    }

    fn resume(self) -> Self {
        let Self { metrics, builder, service, state } = self;
        Self::new(metrics, builder, service, state.into_io())
    }
}

impl<S: Service> State<S> {
    fn into_io(self) -> GuardedIo<TlsIo> {
        match self {
            // hyper has read nothing ahead of a quiet connection but an empty line, which does not count (RFC 9112 section
            // 2.2).
            Self::Active(connection) => connection.into_parts().io.into_inner(),
            Self::Parked(io, _) | Self::Ended(io) => io,
        }
    }
}
