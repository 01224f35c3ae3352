//! The listener of the relay: plain HTTP/1.1 for programs of this machine.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::sleep;

use super::drain_request_body::drain;
use crate::identity::name::printable;
use crate::limits::OldestFirst;
use crate::pipeline::{DeliveryFailures, RefusedCallers, Relay, handle_caller};
use crate::platform::plain_listener::{Bound, Caller, Listener, Stream};
use crate::random::random_hex;
use crate::shutdown::{Drain, Tasks};
use crate::telemetry::access::RelayRecord;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::TraceContext;
use crate::upstream::SharedRequestBody;

/// Connections open at once. One more closes the oldest.
const MAX_CONNECTIONS: usize = 256;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head.
const BUFFER: usize = 16 * 1024;

/// Handles the requests at the listener of the relay.
#[derive(Debug)]
pub struct RelayHandler {
    /// Passes events on.
    pub relay: Arc<Relay>,
    /// Counts requests.
    pub metrics: Arc<Metrics>,
    /// Logs callers that are refused.
    pub refused: Arc<RefusedCallers>,
    /// Logs events that are neither stored nor answered by their target.
    pub failures: Arc<DeliveryFailures>,
    /// Ends the listener.
    pub drain: Drain,
}

/// Whether this is the answer of the listener of another clawgate's relay to `GET /livez`.
pub fn is_own_answer(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 405 ")
        && answer.contains("\r\nx-clawgate-reason: method_not_allowed\r\n")
}

/// Serves until the drain begins. Each connection is one of `tasks`.
///
/// # Errors
/// When the socket cannot be used, or the system has no random bytes.
pub fn serve(
    bound: Bound,
    handler: RelayHandler,
    tasks: Tasks,
) -> io::Result<impl Future<Output = ()> + Send> {
    let listener = Listener::new(bound)?;
    // No identifier of a request at another listener has this letter there.
    let prefix = format!("{}r-", random_hex::<3>()?);
    Ok(accept(listener, Arc::new(handler), tasks, prefix))
}

async fn accept(listener: Listener, handler: Arc<RelayHandler>, tasks: Tasks, prefix: String) {
    let open = OldestFirst::new(MAX_CONNECTIONS, 0);
    for number in 1u64.. {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = handler.drain.begun() => return,
        };
        let Ok((io, caller)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = Connection {
            handler: Arc::clone(&handler),
            id: format!("{prefix}{number}"),
            peer: match caller {
                Caller::Address(address) => address.to_string().into(),
                Caller::User(_) => "unix".into(),
            },
            requests: AtomicU64::new(0),
        };
        let entry = open.begin();
        tasks.spawn(async move {
            tokio::select! {
                () = connection.serve(io) => {}
                _ = entry.evicted() => {}
            }
        });
    }
}

struct Connection {
    handler: Arc<RelayHandler>,
    id: String,
    peer: Arc<str>,
    requests: AtomicU64,
}

impl Connection {
    async fn serve(self, io: Box<dyn Stream>) {
        let drain = &self.handler.drain;
        let head_timeout = self.handler.relay.live.load().limits.head_timeout;
        let service = service_fn(|request| self.answer(request));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(head_timeout);
        builder.max_buf_size(BUFFER).half_close(true);
        let mut served = pin!(builder.serve_connection(TokioIo::new(io), service));
        tokio::select! {
            // Errors of the caller are ignored: its request is logged.
            _ = served.as_mut() => return,
            () = drain.begun() => {}
        }
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (mut parts, body) = request.into_parts();
        let RelayHandler { relay, metrics, refused, failures, drain: draining } = &*self.handler;
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let trace = TraceContext::extract(&mut parts.headers, 1);
        let mut record = RelayRecord::start(
            format!("{}-{number}", self.id),
            Arc::clone(&self.peer),
            Arc::clone(metrics),
            trace,
            (printable(parts.method.as_str()), printable(parts.uri.path())),
        );
        // hyper sends `100 Continue` when the body is read.
        let may_read = !parts.headers.contains_key(EXPECT);
        let upload = SharedRequestBody::new(body);
        let request = Request::from_parts(parts, upload.clone());
        let mut response = handle_caller(relay, (refused, failures), request, &mut record).await;
        let is_read = upload.ended() || (may_read && drain(&upload).await);
        if !is_read || draining.has_begun() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_of_another_clawgate_is_recognised() {
        assert!(is_own_answer(
            "HTTP/1.1 405 Method Not Allowed\r\nx-clawgate-reason: method_not_allowed\r\nallow: POST\r\n\r\n"
        ));
        for other in ["", "HTTP/1.1 405 Method Not Allowed\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nalive\n"] {
            assert!(!is_own_answer(other), "{other}");
        }
    }
}
