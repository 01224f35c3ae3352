//! Connections to the admin listener: how many there may be, and for how long.
//!
//! Whoever can connect needs no token for that, so these must not use up the process's files.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, sleep_until};

use super::listener::{Listener, Stream};
use super::{Status, lock};
use crate::limits::eviction::OldestFirst;

/// Connections open at once; the oldest gives way to one more.
const MAX_CONNECTIONS: usize = 32;
/// Longest time from the begin of a connection, or from an answer, until a request has come with its whole head. An
/// answer that is not read comes to its end in this way, too: no request is read before it is written.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head, and of answers that are not read.
const BUFFER: usize = 16 * 1024;

pub(super) async fn accept(listener: Listener, status: Arc<Status>) {
    let open = OldestFirst::new(MAX_CONNECTIONS, 0);
    loop {
        match listener.accept().await {
            Ok(io) => {
                let (status, entry) = (Arc::clone(&status), open.begin());
                #[expect(
                    clippy::disallowed_methods,
                    reason = "draining does not wait for who asks about it"
                )]
                tokio::spawn(async move {
                    tokio::select! {
                        () = serve(io, &status) => {}
                        _ = entry.evicted() => {}
                    }
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Since when a request is waited for; `None` while one is answered.
type Waiting = Mutex<Option<Instant>>;

async fn serve(io: Box<dyn Stream>, status: &Status) {
    let waiting: Waiting = Mutex::new(Some(Instant::now()));
    let service = service_fn(|request: Request<Incoming>| {
        let waiting = &waiting;
        async move {
            *lock(waiting) = None;
            let (code, kind, text) = status.answer(&request).await;
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = code;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            *lock(waiting) = Some(Instant::now());
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER).half_close(true);
    tokio::select! {
        // A client that goes away or breaks HTTP is its own business.
        _ = pin!(builder.serve_connection(TokioIo::new(io), service)) => {}
        () = too_long(&waiting) => {}
    }
}

/// Waits until a request has been waited for too long.
async fn too_long(waiting: &Waiting) {
    loop {
        let since = *lock(waiting);
        let now = Instant::now();
        let end = since.unwrap_or(now) + TIMEOUT;
        if end <= now {
            return;
        }
        sleep_until(end).await;
    }
}
