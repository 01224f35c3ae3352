//! HTTP/2 on a verified connection: hyper serves it, within limits that an honest client does not reach.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::http2;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::exchange::answer;
use super::guarded_io::{GuardedIo, TlsIo};
use super::http2_streams::{self, Streams};
use super::lifecycle::{Driver, End, Progress, drive};
use super::response_body::AnswerBody;
use super::session::Session;
use crate::http1_guard::MAX_HEAD;
use crate::limits::Limits;
use crate::wording;

/// Serves the connection until its end. `largest_body`: in bytes, of those that a route takes.
pub(super) async fn serve(
    session: &Session<'_>,
    io: GuardedIo<TlsIo>,
    limits: &Limits,
    largest_body: u64,
) {
    let mut builder = http2::Builder::new(Streams(limits.request_timeout));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(http2_streams::MAX_RESETS_UNSEEN)
        .max_local_error_reset_streams(http2_streams::MAX_BROKEN)
        .initial_stream_window_size(http2_streams::window(largest_body))
        .initial_connection_window_size(http2_streams::CONNECTION_WINDOW)
        .max_send_buf_size(http2_streams::SEND_BUFFER)
        .max_header_list_size(MAX_HEAD as u32)
        .keep_alive_interval(session.idle_timeout)
        .keep_alive_timeout(session.idle_timeout);
    let (client, requests) = (Arc::clone(&session.client), Arc::clone(&session.requests));
    // Boxed, since hyper moves a stream's future several times before it runs.
    let service = service_fn(move |request| {
        Box::pin(answer(Arc::clone(&client), Arc::clone(&requests), request, None))
    });
    let connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let (_, end) = drive(session, Http2(connection)).await;
    match end {
        End::Served(Ok(())) | End::Withdrawn => {}
        End::Served(Err(error)) => {
            tracing::debug!(error = wording::http(&error), "an HTTP/2 connection ended with an error");
            if http2_streams::is_flood(&error) {
                session.flooded(http2_streams::why(&error));
            }
        }
        End::Flood => {
            let detail = "the client has twice as many requests in progress as it may";
            session.flooded(detail.to_owned());
        }
    }
}

/// hyper's connection.
struct Http2<C>(C);

impl<S> Driver for Http2<Pin<&mut http2::Connection<TokioIo<GuardedIo<TlsIo>>, S, Streams>>>
where
    S: HttpService<Incoming, ResBody = AnswerBody, Error = Infallible>,
    Streams: Http2ServerConnExec<S::Future, AnswerBody>,
{
    const MULTIPLEXED: bool = true;
    const PARK_AFTER: Option<Duration> = None;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        self.0.as_mut().poll(cx).map(Progress::Ended)
    }

    fn graceful_shutdown(mut self) -> Self {
        self.0.as_mut().graceful_shutdown();
        self
    }
}
