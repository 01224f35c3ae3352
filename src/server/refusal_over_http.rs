//! Refusing a client over HTTP (`clients.refuse_with = "http"`).
//!
//! The handshake was completed although the client is not trusted. Every request gets the same answer, whatever it contains.
//! This module has no access to routes, rules and upstreams.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::drain_request_body::DrainThenEnd;
use super::lingering_close;
use super::response_body::for_head;
use crate::http1_guard::{MAX_FIELDS, MAX_HEAD};
use crate::problem_details::ProblemDetails;
use crate::telemetry::HandshakeReason;
use crate::tls::PrefixedIo;
use crate::tls::diagnosis::client_message;
use crate::upstream::SharedRequestBody;

/// How long a refused client has for its request, and for each further step until the connection is closed.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of bodies that it may send over HTTP/2: a connection cannot have less (RFC 9113 section 6.9.2).
const WINDOW: u32 = 65_535;

/// Answers 403 with the reason and the connection's identifier, and closes.
pub(super) async fn refuse(
    io: TlsStream<PrefixedIo<TcpStream>>,
    h2: bool,
    reason: HandshakeReason,
    id: &str,
) {
    let (reason, detail) = (reason.as_str(), client_message(reason));
    let refusal = ProblemDetails { status: StatusCode::FORBIDDEN, reason, detail, id }.response();
    if h2 {
        let _ = timeout(STEP_TIMEOUT, over_http2(io, refusal)).await;
    } else {
        over_http1(io, refusal).await;
    }
}

fn answer(
    request: Request<Incoming>,
    refusal: &Response<Full<Bytes>>,
    http2: bool,
) -> Response<DrainThenEnd<Full<Bytes>>> {
    let refusal = refusal.clone();
    let response = if request.method() == Method::HEAD { for_head(refusal) } else { refusal };
    let upload = SharedRequestBody::new(request.into_body());
    response.map(|body| DrainThenEnd::new(body, upload, http2))
}

async fn over_http1(io: TlsStream<PrefixedIo<TcpStream>>, refusal: Response<Full<Bytes>>) {
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(request, &refusal, false))));
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).half_close(true);
    builder.timer(TokioTimer::new()).header_read_timeout(STEP_TIMEOUT);
    builder.max_headers(MAX_FIELDS).max_buf_size(MAX_HEAD + 4096);
    let mut connection = builder.serve_connection(TokioIo::new(io), service);
    let _ = timeout(STEP_TIMEOUT, std::future::poll_fn(|cx| connection.poll_without_shutdown(cx))).await;
    let mut io = connection.into_parts().io.into_inner();
    let _ = timeout(STEP_TIMEOUT, io.shutdown()).await;
    lingering_close::close(io.into_inner().0.into_inner()).await;
}

async fn over_http2(io: TlsStream<PrefixedIo<TcpStream>>, refusal: Response<Full<Bytes>>) {
    let answered = Arc::new(Notify::new());
    let service = service_fn(|request| {
        let end = AtEnd(Arc::clone(&answered));
        let response = answer(request, &refusal, true).map(|body| {
            body.map_frame(move |frame| {
                let _ = &end;
                frame
            })
        });
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).max_concurrent_streams(1).max_header_list_size(MAX_HEAD as u32);
    // Bodies are thrown away, and the answer is shorter than a frame.
    builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    builder.max_send_buf_size(WINDOW as usize);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
    tokio::select! {
        // The connection first, so that the answer is written before GOAWAY: Java's HttpClient gives up all requests at GOAWAY.
        biased;
        _ = connection.as_mut() => return,
        () = answered.notified() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Notifies when the answer was sent as a whole, or given up.
struct AtEnd(Arc<Notify>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
