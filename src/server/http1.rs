//! HTTP/1 on a verified connection: hyper serves it, and rests when nothing comes.

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
use crate::pipeline::handle::ClientConnection;
use crate::pipeline::refusal::RequestRefusal;
use crate::pipeline::revalidation::RevocationWatch;
use crate::policy::Revoke;
use crate::telemetry::RequestReason;
use crate::wording;

/// After so much time without a request a connection rests. A client that has kept its connection has, as a
/// rule, nothing to say for minutes; hyper's buffers are more than half of what such a connection holds.
const REST_AFTER: Duration = Duration::from_millis(50);

/// What happens to a connection besides its requests.
enum Event {
    /// It is over.
    Ended(hyper::Result<()>),
    /// Something has come while it rested.
    Stirs,
    /// It is to end when what is under way is done.
    Ends,
    /// Its client is not admitted any more.
    Withdrawn(Revoke),
    /// It is time to look whether it is idle.
    Look,
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
        let mut stage = Stage::Awake(serve(io));
        let (mut draining, mut withdrawn) = (false, false);
        let mut trust = RevocationWatch::new(&self.live, client);
        let mut last_call = pin!(self.last_call(requests));
        let mut aged = pin!(self.aged());
        let mut look = requests.idle_since() + REST_AFTER.min(self.idle_timeout);
        let ended = loop {
            let event = {
                let seldom = pin!(async {
                    tokio::select! {
                        () = &mut last_call, if !draining => Event::Ends,
                        () = &mut aged, if !draining => Event::Ends,
                        revoke = trust.withdrawn(), if !withdrawn => Event::Withdrawn(revoke),
                        () = sleep_until(look), if !draining => Event::Look,
                        else => std::future::pending().await,
                    }
                });
                let mut seldom = WakeGated::new(seldom);
                let event = poll_fn(|cx| match stage.poll(cx) {
                    Poll::Pending => seldom.poll(cx),
                    ready => ready,
                });
                event.await
            };
            match event {
                Event::Ended(ended) => break ended,
                Event::Stirs => {
                    stage = Stage::Awake(serve(stage.into_io()));
                    look = Instant::now() + REST_AFTER;
                }
                Event::Ends => draining = true,
                Event::Withdrawn(revoke) => {
                    (withdrawn, draining) = (true, true);
                    // What is under way is broken off, and must not look as if it had come to its end.
                    if revoke == Revoke::Now && requests.in_flight() > 0 {
                        return bare(stage.into_io().into_inner());
                    }
                }
                Event::Look => {
                    let end = requests.idle_since() + self.idle_timeout;
                    let rests = (requests.idle_since() + REST_AFTER).min(end);
                    let now = Instant::now();
                    // One that is busy with something that is no request yet has a time limit of its own.
                    let idle = requests.in_flight() == 0 && signs.is_quiet();
                    draining = idle && end <= now;
                    look = if !idle || now < rests { rests.max(now + REST_AFTER) } else { end };
                    if idle && !draining && rests <= now {
                        stage = stage.rest();
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

/// hyper's connection, or what is left of it while it rests.
enum Stage<S: Service> {
    Awake(Box<http1::Connection<TokioIo<GuardedIo<Encrypted>>, S>>),
    /// Without hyper and its buffers, until something comes.
    Resting(GuardedIo<Encrypted>),
    /// It was told to end while it rested.
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
            Self::Awake(connection) => connection.poll_without_shutdown(cx).map(Event::Ended),
            Self::Resting(io) => io.poll_stirs(cx).map(|()| Event::Stirs),
            Self::Ended(_) => Poll::Ready(Event::Ended(Ok(()))),
        }
    }

    /// Gives back what is not needed before something comes. Only for a connection that is quiet.
    fn rest(self) -> Self {
        match self {
            Self::Awake(_) => Self::Resting(self.into_io()),
            stage => stage,
        }
    }

    /// Lets it end after what is under way.
    fn end_soon(mut self) -> Self {
        match &mut self {
            Self::Awake(connection) => Pin::new(connection.as_mut()).graceful_shutdown(),
            Self::Resting(_) | Self::Ended(_) => return Self::Ended(self.into_io()),
        }
        self
    }

    fn into_io(self) -> GuardedIo<Encrypted> {
        match self {
            // Of one that is quiet hyper has read nothing ahead, or an empty line that counts for nothing (RFC 9112
            // section 2.2).
            Self::Awake(connection) => connection.into_parts().io.into_inner(),
            Self::Resting(io) | Self::Ended(io) => io,
        }
    }
}
