//! Connections to the admin listener. Their number is limited, and so is the time that each may wait for a request.
//!
//! Anyone who reaches the listener can connect without a token, and must not use up the process's file descriptors.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, sleep_until};

use super::lock::lock;
use super::status::Status;
use crate::limits::eviction::OldestFirst;
use crate::platform::plain_listener::{Caller, Listener, Stream};

/// Connections open at once. One more closes the oldest.
const MAX_CONNECTIONS: usize = 32;
/// How long a client may take to send the head of a request, counted from the start of the connection or from the last
/// answer. This also limits how long it may take to read an answer: the next request is read only after that is sent.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head, and of an answer that is not sent yet.
const BUFFER: usize = 16 * 1024;

pub(super) async fn accept(listener: Listener, status: Arc<Status>) {
    let open = OldestFirst::new(MAX_CONNECTIONS, 0);
    loop {
        match listener.accept().await {
            Ok((io, caller)) => {
                let (status, entry) = (Arc::clone(&status), open.begin());
                #[expect(
                    clippy::disallowed_methods,
                    reason = "draining does not wait for admin connections"
                )]
                tokio::spawn(async move {
                    tokio::select! {
                        () = serve(io, caller, &status) => {}
                        _ = entry.evicted() => {}
                    }
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Since when the connection waits for a request; `None` while one is answered.
type WaitingSince = Mutex<Option<Instant>>;

async fn serve(io: Box<dyn Stream>, caller: Caller, status: &Arc<Status>) {
    let waiting: WaitingSince = Mutex::new(Some(Instant::now()));
    let service = service_fn(|request: Request<Incoming>| {
        let waiting = &waiting;
        async move {
            *lock(waiting) = None;
            let response = status.answer(request, caller).await.into_response::<Full<Bytes>>();
            *lock(waiting) = Some(Instant::now());
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER).half_close(true);
    tokio::select! {
        // Errors of the client are ignored.
        _ = pin!(builder.serve_connection(TokioIo::new(io), service)) => {}
        () = timed_out(&waiting) => {}
    }
}

/// Waits until no request has come for [`REQUEST_TIMEOUT`].
async fn timed_out(waiting: &WaitingSince) {
    loop {
        let since = *lock(waiting);
        let now = Instant::now();
        let end = since.unwrap_or(now) + REQUEST_TIMEOUT;
        if end <= now {
            return;
        }
        sleep_until(end).await;
    }
}
