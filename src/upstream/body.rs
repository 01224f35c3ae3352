//! The request body on its way to the upstream: streamed, counted, limited.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep};

/// Why a request body ended early.
#[derive(Debug, Error)]
pub enum BodyError {
    /// More bytes came than the route takes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// No byte came for this long.
    #[error("no byte of the body came for {0:?}")]
    Stalled(Duration),
    /// The sender went away, or broke the framing.
    #[error("the body could not be read to its end")]
    Sender(#[source] hyper::Error),
}

/// How far a request body has come; shared between the body and whoever waits for the answer.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<ProgressState>);

#[derive(Debug, Default)]
struct ProgressState {
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    /// Bytes passed on so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether the body was passed on to its end.
    pub fn ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }
}

/// A sender's body that fails once it is larger than the route takes, or stalls.
///
/// Trailers are dropped: they are header fields that come after every check.
#[derive(Debug)]
pub struct RequestBody {
    inner: Incoming,
    limit: u64,
    idle: Duration,
    stall: Option<Pin<Box<Sleep>>>,
    progress: Progress,
}

impl RequestBody {
    /// `limit` in bytes; `idle` is the longest wait between two pieces.
    pub fn new(inner: Incoming, limit: u64, idle: Duration) -> Self {
        let progress = Progress::default();
        progress.0.ended.store(inner.is_end_stream(), Ordering::Relaxed);
        Self { inner, limit, idle, stall: None, progress }
    }

    /// A handle that tells how far the body has come.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let idle = self.idle;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(idle)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(BodyError::Stalled(idle))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
                return this.poll_stall(cx).map(|error| Some(Err(error)));
            };
            if let Some(stall) = &mut this.stall {
                stall.as_mut().reset(Instant::now() + this.idle);
            }
            let state = &this.progress.0;
            match frame {
                None => {
                    state.ended.store(true, Ordering::Relaxed);
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Sender(error)))),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let total =
                        state.bytes.fetch_add(data.len() as u64, Ordering::Relaxed) + data.len() as u64;
                    if total > this.limit {
                        return Poll::Ready(Some(Err(BodyError::TooLarge(this.limit))));
                    }
                    if this.inner.is_end_stream() {
                        state.ended.store(true, Ordering::Relaxed);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
