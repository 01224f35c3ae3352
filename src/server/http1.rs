//! HTTP/1 on a verified connection: hyper serves it, and it is parked while it is idle.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::{ConnectionHandler, Encrypted, LAST_WORDS, answer};
use super::guarded_io::{ConnectionFault, GuardedIo, IoState};
use super::poll_on_wake::WakeGated;
use super::requests::ConnectionRequests;
use super::response_body::AnswerBody;
use crate::http1_guard::{MAX_FIELDS, MAX_HEAD};
use crate::pipeline::ClientConnection;
use crate::pipeline::refusal::RequestRefusal;
use crate::pipeline::revocation_watch::RevocationWatch;
use crate::policy::Revoke;
use crate::telemetry::RequestReason;
use crate::telemetry::metrics::Counted;
use crate::wording;

/// A connection is parked after this time without a request. A client that keeps its connection open usually sends
/// nothing for minutes, and hyper's buffers are more than half of the memory of such a connection.
const PARK_AFTER: Duration = Duration::from_millis(50);

/// What happens to a connection besides its requests.
enum Event {
    /// It has ended.
    Ended(hyper::Result<()>),
    /// Bytes have arrived while it was parked.
    Readable,
    /// It is to end after the requests in progress.
    Ends,
    /// Its client is no longer admitted.
    Withdrawn(Revoke),
    /// It is time to check whether it is idle.
    CheckIdle,
}

impl ConnectionHandler {
    /// Returns the bare socket: it is to be closed with care.
    pub(super) async fn serve_http1(
        &self,
        io: GuardedIo<Encrypted>,
        client: &Arc<ClientConnection>,
        requests: &Arc<ConnectionRequests>,
        signs: &IoState,
    ) -> TcpStream {
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_FIELDS).max_buf_size(MAX_HEAD * 4);
        // Boxed, since only a connection whose futures may be moved gives its stream back.
        let service = service_fn(|request| {
            // hyper says so by itself only where it heard of the end before it had the answer.
            Box::pin(answer(Arc::clone(client), Arc::clone(requests), request, Some(&self.drain)))
        });
        let serve = |io| Box::new(builder.serve_connection(TokioIo::new(io), service));
        let mut stage = Stage::Active(serve(io));
        let (mut draining, mut withdrawn) = (false, false);
        let mut trust = RevocationWatch::new(&self.live, client);
        let mut last_call = pin!(self.last_call(requests));
        let mut aged = pin!(self.aged());
        let mut check_idle = requests.idle_since() + PARK_AFTER.min(self.idle_timeout);
        let ended = loop {
            let event = {
                let other = pin!(async {
                    tokio::select! {
                        () = &mut last_call, if !draining => Event::Ends,
                        () = &mut aged, if !draining => Event::Ends,
                        revoke = trust.withdrawn(), if !withdrawn => Event::Withdrawn(revoke),
                        () = sleep_until(check_idle), if !draining => Event::CheckIdle,
                        else => std::future::pending().await,
                    }
                });
                let mut other = WakeGated::new(other);
                let event = poll_fn(|cx| match stage.poll(cx) {
                    Poll::Pending => other.poll(cx),
                    ready => ready,
                });
                event.await
            };
            match event {
                Event::Ended(ended) => break ended,
                Event::Readable => {
                    stage = Stage::Active(serve(stage.into_io()));
                    check_idle = Instant::now() + PARK_AFTER;
                }
                Event::Ends => draining = true,
                Event::Withdrawn(revoke) => {
                    (withdrawn, draining) = (true, true);
                    // What is under way is broken off, and must not look as if it had come to its end.
                    if revoke == Revoke::Now && requests.in_flight() > 0 {
                        return bare(stage.into_io().into_inner());
                    }
                }
                Event::CheckIdle => {
                    let end = requests.idle_since() + self.idle_timeout;
                    let park = (requests.idle_since() + PARK_AFTER).min(end);
                    let now = Instant::now();
                    // One that is busy with something that is no request yet has a time limit of its own.
                    let idle = requests.in_flight() == 0 && signs.is_quiet();
                    draining = idle && end <= now;
                    check_idle = if !idle || now < park { park.max(now + PARK_AFTER) } else { end };
                    if idle && !draining && park <= now {
                        stage = stage.park(self.metrics.parked());
                    }
                }
            }
            if draining {
                stage = stage.end_soon();
            }
        };
        if let Err(error) = &ended
            && error.is_parse()
        {
            // The guard has let pass what hyper does not take. hyper has answered it already; it is
            // only to be logged.
            let detail = format!("the request cannot be understood: {}", wording::http(error));
            self.reject(
                client,
                requests,
                &RequestRefusal::new(StatusCode::BAD_REQUEST, RequestReason::BadRequest, detail),
            );
        }
        // Before the connection is taken apart: that ends them.
        let in_flight = requests.in_flight();
        let mut io = stage.into_io().into_inner();
        // A violation in the body of a request that was begun is that request's to answer and to log.
        if let Some(ConnectionFault::Violation(violation, request)) = signs.fault()
            && *request > requests.begun()
        {
            let rejection = RequestRefusal::from(*violation);
            let id = self.reject(client, requests, &rejection);
            // With a request under way an answer now would be taken for its answer.
            if in_flight == 0 {
                let _ = timeout(LAST_WORDS, io.write_all(&rejection.http1(&id))).await;
            }
        }
        // An answer that broke off must not end as a whole one does: where the end of the connection is
        // the end of the body (HTTP/1.0), the client has nothing else to tell them apart.
        if !ended.is_err_and(|error| error.is_user()) {
            let _ = timeout(LAST_WORDS, io.shutdown()).await;
        }
        bare(io)
    }
}

fn bare(io: Encrypted) -> TcpStream {
    (*io).into_inner().0.into_inner()
}

/// hyper's connection, or what is left of it while it is parked.
enum Stage<S: Service> {
    Active(Box<http1::Connection<TokioIo<GuardedIo<Encrypted>>, S>>),
    /// Without hyper and its buffers, until bytes arrive. It counts as parked.
    Parked {
        io: GuardedIo<Encrypted>,
        _counted: Counted,
    },
    /// It had to end while it was parked.
    Ended(GuardedIo<Encrypted>),
}

/// What answers requests.
trait Service:
    HttpService<Incoming, ResBody = AnswerBody, Error = Infallible, Future: Unpin> + Unpin
{
}

impl<S> Service for S where
    S: HttpService<Incoming, ResBody = AnswerBody, Error = Infallible, Future: Unpin> + Unpin
{
}

impl<S: Service> Stage<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        match self {
            Self::Active(connection) => connection.poll_without_shutdown(cx).map(Event::Ended),
            Self::Parked { io, .. } => io.poll_readable(cx).map(|()| Event::Readable),
            Self::Ended(_) => Poll::Ready(Event::Ended(Ok(()))),
        }
    }

    /// Frees what is not needed before bytes arrive. Only for a connection that is quiet.
    fn park(self, counted: Counted) -> Self {
        match self {
            Self::Active(_) => Self::Parked { io: self.into_io(), _counted: counted },
            stage => stage,
        }
    }

    /// Lets it end after the requests in progress.
    fn end_soon(mut self) -> Self {
        match &mut self {
            Self::Active(connection) => Pin::new(connection.as_mut()).graceful_shutdown(),
            Self::Parked { .. } | Self::Ended(_) => return Self::Ended(self.into_io()),
        }
        self
    }

    fn into_io(self) -> GuardedIo<Encrypted> {
        match self {
            // Of one that is quiet hyper has read nothing ahead, or an empty line that counts for nothing (RFC 9112
            // section 2.2).
            Self::Active(connection) => connection.into_parts().io.into_inner(),
            Self::Parked { io, .. } | Self::Ended(io) => io,
        }
    }
}
