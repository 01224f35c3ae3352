//! The request body on its way to the upstream: streamed, counted, limited.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;

use super::body_timeouts::{BodyTimeouts, Pace, TooSlow};

/// Why a request body ended early.
#[derive(Debug, Error)]
pub enum BodyError {
    /// More bytes came than the route takes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// It came too slowly.
    #[error(transparent)]
    Slow(TooSlow),
    /// The client went away, or broke the framing.
    #[error("the body could not be read to its end")]
    Client(#[source] hyper::Error),
}

/// A client's request body, wherever it is read from.
///
/// Clones are the same body. Whoever answers the client keeps one until the answer is out: a body that
/// is dropped before makes hyper reset an HTTP/2 stream, and the client never sees the answer.
#[derive(Clone, Debug)]
pub struct SharedRequestBody(Arc<State>);

#[derive(Debug)]
struct State {
    incoming: Mutex<Incoming>,
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl SharedRequestBody {
    /// Nothing of it is read yet.
    pub fn new(incoming: Incoming) -> Self {
        let ended = AtomicBool::new(incoming.is_end_stream());
        Self(Arc::new(State { incoming: Mutex::new(incoming), bytes: AtomicU64::new(0), ended }))
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether it was read to its end.
    pub fn ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Its length as far as it is declared.
    pub fn size_hint(&self) -> SizeHint {
        self.incoming().size_hint()
    }

    /// Reads on and throws away what comes; ready when the body has ended, or broken off.
    ///
    /// Does nothing while somebody else may still read it.
    pub fn poll_discard(&self, cx: &mut Context<'_>, discarded: &mut u64) -> Poll<()> {
        if Arc::strong_count(&self.0) > 1 {
            return Poll::Ready(());
        }
        let mut incoming = self.incoming();
        while !incoming.is_end_stream() {
            match ready!(Pin::new(&mut *incoming).poll_frame(cx)) {
                Some(Ok(frame)) => *discarded += frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) => return Poll::Ready(()),
                None => break,
            }
        }
        self.0.ended.store(true, Ordering::Relaxed);
        Poll::Ready(())
    }

    // One task at a time reads it, so the lock is never waited for.
    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.0.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's body that fails once it is larger than the route takes, or too slow.
///
/// Trailers are dropped: they are header fields that come after every check.
#[derive(Debug)]
pub struct RequestBody {
    upload: SharedRequestBody,
    limit: u64,
    pace: Pace,
}

impl RequestBody {
    /// `limit` in bytes.
    pub fn new(upload: SharedRequestBody, limit: u64, timeouts: BodyTimeouts) -> Self {
        Self { upload, limit, pace: Pace::new(timeouts) }
    }

    /// The body itself.
    pub fn upload(&self) -> &SharedRequestBody {
        &self.upload
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
            let mut incoming = this.upload.incoming();
            let frame = Pin::new(&mut *incoming).poll_frame(cx);
            let ended = incoming.is_end_stream();
            drop(incoming);
            let Poll::Ready(frame) = frame else {
                return this.pace.poll(cx).map(|slow| Some(Err(BodyError::Slow(slow))));
            };
            let piece = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                _ => 0,
            };
            this.pace.moved(piece);
            let state = &this.upload.0;
            if ended || frame.is_none() {
                state.ended.store(true, Ordering::Relaxed);
            }
            let frame = match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Client(error)))),
                Some(Ok(frame)) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            let length = data.len() as u64;
            if state.bytes.fetch_add(length, Ordering::Relaxed) + length > this.limit {
                return Poll::Ready(Some(Err(BodyError::TooLarge(this.limit))));
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.upload.incoming().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.upload.size_hint()
    }
}
