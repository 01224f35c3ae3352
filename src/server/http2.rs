//! HTTP/2 on a verified connection: hyper serves it, within what an honest client needs.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep_until};

use super::connection::{ConnectionHandler, Encrypted, answer};
use super::guarded_io::{GuardedIo, IoState};
use super::http2_streams::{self, Streams};
use super::poll_on_wake::WakeGated;
use super::requests::ConnectionRequests;
use crate::http1_guard::MAX_HEAD;
use crate::limits::Limits;
use crate::pipeline::ClientConnection;
use crate::pipeline::revocation_watch::RevocationWatch;
use crate::policy::Revoke;
use crate::wording;

/// What happens to a connection besides its requests.
enum Event {
    /// It is over.
    Ended(hyper::Result<()>),
    /// It is to end at once, for the sake of the others.
    Flood,
    /// It is to end when what is under way is done.
    Ends,
    /// Its client is not admitted any more.
    Withdrawn(Revoke),
    /// It is time to look whether it is idle.
    Look,
}

impl ConnectionHandler {
    pub(super) async fn serve_http2(
        &self,
        io: GuardedIo<Encrypted>,
        client: &Arc<ClientConnection>,
        requests: &Arc<ConnectionRequests>,
        signs: &IoState,
        limits: &Limits,
    ) {
        let mut builder = http2::Builder::new(Streams(limits.request_timeout));
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(http2_streams::MAX_RESETS_UNSEEN)
            .max_local_error_reset_streams(http2_streams::MAX_BROKEN)
            .initial_stream_window_size(http2_streams::window(self.live.load().requests.largest_body))
            .initial_connection_window_size(http2_streams::CONNECTION_WINDOW)
            .max_send_buf_size(http2_streams::SEND_BUFFER)
            .max_header_list_size(MAX_HEAD as u32)
            .keep_alive_interval(self.idle_timeout)
            .keep_alive_timeout(self.idle_timeout);
        // Boxed, since hyper moves a stream's future from hand to hand before it runs.
        let service = service_fn(|request| {
            Box::pin(answer(Arc::clone(client), Arc::clone(requests), request, None))
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
        let (mut draining, mut withdrawn) = (false, false);
        let mut trust = RevocationWatch::new(&self.live, client);
        let mut aged = pin!(self.aged());
        let mut look = Instant::now() + self.idle_timeout;
        loop {
            let event = {
                let other = pin!(async {
                    tokio::select! {
                        () = self.drain.begun(), if !draining => Event::Ends,
                        () = requests.flood.notified() => Event::Flood,
                        () = requests.enough.notified(), if !draining => Event::Ends,
                        () = &mut aged, if !draining => Event::Ends,
                        revoke = trust.withdrawn(), if !withdrawn => Event::Withdrawn(revoke),
                        () = sleep_until(look), if !draining => Event::Look,
                    }
                });
                let mut other = WakeGated::new(other);
                let event = poll_fn(|cx| match connection.as_mut().poll(cx) {
                    Poll::Ready(ended) => Poll::Ready(Event::Ended(ended)),
                    Poll::Pending => other.poll(cx),
                });
                event.await
            };
            match event {
                Event::Ended(ended) => {
                    if let Err(error) = ended {
                        tracing::debug!(
                            error = wording::http(&error),
                            "an HTTP/2 connection ended with an error"
                        );
                        if http2_streams::is_flood(&error) {
                            self.flooded(client, signs, http2_streams::why(&error));
                        }
                    }
                    return;
                }
                Event::Flood => {
                    let detail = "the client has twice as many requests under way as it may";
                    return self.flooded(client, signs, detail.to_owned());
                }
                Event::Ends => draining = true,
                Event::Withdrawn(Revoke::Now) => return,
                Event::Withdrawn(_) => (withdrawn, draining) = (true, true),
                Event::Look => {
                    look = requests.idle_since() + self.idle_timeout;
                    draining = look <= Instant::now();
                }
            }
            if draining {
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
