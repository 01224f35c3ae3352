//! The request body on its way to the upstream: streamed, counted and limited.

use std::future::poll_fn;
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
    /// It is larger than the route allows.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// It arrived too slowly.
    #[error(transparent)]
    Slow(TooSlow),
    /// The client left, or violated the framing.
    #[error("the body could not be read to its end")]
    Client(#[source] hyper::Error),
}

/// A client's request body, which several parts of the code can read.
///
/// Clones share the body. The code that responds to the client keeps a clone until the response is sent. If the body
/// were dropped earlier, hyper would reset an HTTP/2 stream and the client would never get the response.
#[derive(Clone, Debug)]
pub struct SharedRequestBody(Arc<State>);

#[derive(Debug)]
struct State {
    incoming: Mutex<Incoming>,
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl SharedRequestBody {
    /// A body of which nothing has been read.
    pub fn new(incoming: Incoming) -> Self {
        let ended = AtomicBool::new(incoming.is_end_stream());
        Self(Arc::new(State { incoming: Mutex::new(incoming), bytes: AtomicU64::new(0), ended }))
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether all of it was read.
    pub fn ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Its length, if it is declared.
    pub fn size_hint(&self) -> SizeHint {
        self.incoming().size_hint()
    }

    /// Reads and discards the rest. Ready when the body has ended or failed. While another clone may still read the
    /// body, it does nothing.
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

    // Only one task reads it at a time, so the lock is always free.
    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.0.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's body that fails if it is too large for the route, or too slow.
///
/// Trailers are dropped, since they are header fields that arrive after all checks.
#[derive(Debug)]
pub struct RequestBody {
    upload: Upload,
    content: Content,
}

/// How much was read of the client's body behind a request; none if the body comes from the inbox.
#[derive(Clone, Debug)]
pub(super) struct Upload(Option<SharedRequestBody>);

impl Upload {
    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, SharedRequestBody::bytes)
    }

    /// Whether all of it was read.
    pub(super) fn ended(&self) -> bool {
        self.0.as_ref().is_none_or(SharedRequestBody::ended)
    }
}

/// Where the bytes of a body are.
#[derive(Debug)]
enum Content {
    /// Still to be read from the client, at most `limit` bytes.
    Stream { limit: u64, pace: Pace },
    /// In memory.
    Whole(Bytes),
}

impl RequestBody {
    /// A body that is read from the client while it is forwarded. `limit` is in bytes.
    pub fn new(upload: SharedRequestBody, limit: u64, timeouts: BodyTimeouts) -> Self {
        Self {
            upload: Upload(Some(upload)),
            content: Content::Stream { limit, pace: Pace::new(timeouts) },
        }
    }

    /// A body that was read before, for `upload`.
    pub fn whole(upload: SharedRequestBody, bytes: Bytes) -> Self {
        Self { upload: Upload(Some(upload)), content: Content::Whole(bytes) }
    }

    /// A body that the inbox has stored.
    pub fn stored(bytes: Bytes) -> Self {
        Self { upload: Upload(None), content: Content::Whole(bytes) }
    }

    /// Reads the whole body. `on_growth` gets the number of bytes by which the memory for it grows.
    ///
    /// A body that comes in one piece is not copied, any other is copied once.
    ///
    /// # Errors
    /// When it is too large or too slow, or the client leaves.
    pub async fn read_whole(mut self, on_growth: impl Fn(usize)) -> Result<Bytes, BodyError> {
        let declared = match &self.content {
            Content::Stream { limit, .. } => self.size_hint().lower().min(*limit),
            Content::Whole(bytes) => bytes.len() as u64,
        };
        let declared = usize::try_from(declared).unwrap_or_default();
        let mut whole = Bytes::new();
        let mut pieces = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            let Ok(piece) = frame?.into_data() else { continue };
            if whole.is_empty() && pieces.is_empty() {
                on_growth(piece.len());
                whole = piece;
                continue;
            }
            let before = pieces.capacity();
            if pieces.is_empty() {
                pieces.reserve(declared.max(whole.len() + piece.len()));
                pieces.extend_from_slice(&std::mem::take(&mut whole));
            }
            pieces.extend_from_slice(&piece);
            on_growth(pieces.capacity() - before);
        }
        Ok(if pieces.is_empty() { whole } else { pieces.into() })
    }

    /// How much was read of the client's body.
    pub(super) fn upload(&self) -> &Upload {
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
        let (limit, pace) = match &mut this.content {
            Content::Stream { limit, pace } => (*limit, pace),
            Content::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        };
        // Only a client's body is a stream.
        let Some(upload) = &this.upload.0 else { return Poll::Ready(None) };
        loop {
            let mut incoming = upload.incoming();
            let frame = Pin::new(&mut *incoming).poll_frame(cx);
            let ended = incoming.is_end_stream();
            drop(incoming);
            let Poll::Ready(frame) = frame else {
                return pace.poll(cx).map(|slow| Some(Err(BodyError::Slow(slow))));
            };
            let piece = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                _ => 0,
            };
            pace.moved(piece);
            let state = &upload.0;
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
            if state.bytes.fetch_add(length, Ordering::Relaxed) + length > limit {
                return Poll::Ready(Some(Err(BodyError::TooLarge(limit))));
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.content, &self.upload.0) {
            (Content::Stream { .. }, Some(upload)) => upload.incoming().is_end_stream(),
            (Content::Stream { .. }, None) => true,
            (Content::Whole(bytes), _) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.content, &self.upload.0) {
            (Content::Stream { .. }, Some(upload)) => upload.size_hint(),
            (Content::Stream { .. }, None) => SizeHint::with_exact(0),
            (Content::Whole(bytes), _) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}
