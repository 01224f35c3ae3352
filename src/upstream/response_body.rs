//! The body of an upstream's response, and the connection that carries it.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use thiserror::Error;

use super::body::{RequestBody, Upload};
use super::concurrency_limit::ConcurrencyPermit;
use super::framing::settle_trailers;
use super::pool::Pool;
use crate::timer::Timer;
use crate::wording::{http, tls_error};

/// The connection that carries a response. It returns to the pool when request and response are complete.
#[derive(Debug)]
pub(super) struct PooledConnection {
    pub(super) held: Option<(SendRequest<RequestBody>, ConcurrencyPermit)>,
    /// `None` if the connection must not be used again.
    pub(super) pool: Option<Pool>,
    pub(super) upload: Upload,
}

impl PooledConnection {
    /// Call this at the end of the response. If the request has not ended, the connection is closed, so that nothing
    /// waits for the rest of the request.
    fn end(&mut self) {
        if let Some((sender, _slot)) = self.held.take().filter(|_| self.upload.ended())
            && let Some(pool) = &self.pool
        {
            pool.give_back(sender);
        }
    }
}

/// Why a response ended early.
#[derive(Debug, Error)]
pub enum ResponseBodyError {
    /// The upstream sent nothing for this long.
    #[error("the upstream stopped in the middle of its answer for {0:?}")]
    Stalled(Duration),
    /// The request took too long, up to the end of its response.
    #[error("the request took longer than limits.request_timeout")]
    TooLong,
    /// The upstream closed the connection.
    #[error("the upstream's answer is incomplete: {}", http(.0))]
    Upstream(#[source] hyper::Error),
    /// The upstream broke the framing.
    #[error("the upstream's answer is not valid HTTP/1.1: its chunked encoding is broken")]
    Framing,
}

impl From<hyper::Error> for ResponseBodyError {
    fn from(error: hyper::Error) -> Self {
        // hyper reports a broken chunk only as the kind of the inner error.
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match io
            .filter(|io| matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
        {
            Some(io) if tls_error(io).is_none() => Self::Framing,
            _ => Self::Upstream(error),
        }
    }
}

/// An upstream's response body, streamed.
#[derive(Debug)]
pub struct ResponseBody {
    inner: Incoming,
    connection: PooledConnection,
    /// The longest wait for the next piece, if the client is ready for it.
    idle: Duration,
    timer: Timer,
}

impl ResponseBody {
    /// `idle`: the longest wait for the next piece.
    pub(super) fn new(inner: Incoming, mut connection: PooledConnection, idle: Duration) -> Self {
        if inner.is_end_stream() {
            connection.end();
        }
        Self { inner, connection, idle, timer: Timer::default() }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(mut frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            this.timer.start(this.idle);
            return this.timer.poll(cx).map(|()| Some(Err(ResponseBodyError::Stalled(this.idle))));
        };
        this.timer.stop();
        match &mut frame {
            Some(Err(_)) => {}
            None => this.connection.end(),
            Some(Ok(frame)) => {
                let trailers = frame.trailers_mut().map(settle_trailers);
                if trailers.is_some() || this.inner.is_end_stream() {
                    this.connection.end();
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(ResponseBodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
