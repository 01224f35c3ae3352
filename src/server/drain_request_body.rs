//! Drains the body of a request that is answered early, so that the client can read the answer, and so that the connection
//! can be kept where that costs little.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep, timeout};

use crate::upstream::SharedRequestBody;

/// How long draining a body may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of an HTTP/2 body that are drained before the answer ends.
const MAX_DRAINED_HTTP2: u64 = 1024 * 1024;
/// Bytes of an HTTP/1 body that are drained to keep the connection (as Go's net/http does).
const MAX_DRAINED_HTTP1: u64 = 256 * 1024;

/// Before clawgate's own answer over HTTP/1: drains the request body, if what is left of it is short and comes soon.
///
/// Returns whether the connection can be used for another request. If not, the answer must say so (RFC 9112 section 9.6),
/// or the client loses the next request that it sends on the connection.
pub(super) async fn drain(upload: &SharedRequestBody) -> bool {
    if upload.size_hint().lower() > MAX_DRAINED_HTTP1 {
        return false;
    }
    let mut bytes = 0;
    let drained = poll_fn(|cx| {
        let drained = upload.poll_discard(cx, &mut bytes);
        if bytes > MAX_DRAINED_HTTP1 { Poll::Ready(()) } else { drained }
    });
    let _ = timeout(DRAIN_TIMEOUT, drained).await;
    upload.ended()
}

/// The body of an answer. It keeps the body of the request until the answer is complete.
#[derive(Debug)]
pub(super) struct DrainThenEnd<B> {
    body: B,
    upload: SharedRequestBody,
    rest: Rest,
}

/// What to do when the answer is complete and the request body is not.
#[derive(Debug)]
enum Rest {
    /// Nothing: over HTTP/1 the connection ends, with a lingering close.
    Leave,
    /// Over HTTP/2 the stream would be reset. RFC 9113 section 8.1 allows that, but many clients (curl before 8) then lose
    /// the answer. So the end of the answer is delayed while the body is drained.
    Drain { bytes: u64, deadline: Pin<Box<Sleep>> },
}

impl<B: Body> DrainThenEnd<B> {
    /// `http2`: whether the request came over HTTP/2.
    pub(super) fn new(body: B, upload: SharedRequestBody, http2: bool) -> Self {
        let rest = if http2 && !upload.ended() {
            Rest::Drain { bytes: 0, deadline: Box::pin(sleep(DRAIN_TIMEOUT)) }
        } else {
            Rest::Leave
        };
        Self { body, upload, rest }
    }

    /// The body of the request.
    pub(super) fn upload(&self) -> &SharedRequestBody {
        &self.upload
    }

    /// The body of the answer.
    pub(super) fn get_ref(&self) -> &B {
        &self.body
    }

    /// Whether the answer itself is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Ready when the answer may end.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Rest::Drain { bytes, deadline } = &mut self.rest else {
            return Poll::Ready(());
        };
        let drained = self.upload.poll_discard(cx, bytes).is_ready();
        if drained || *bytes > MAX_DRAINED_HTTP2 || deadline.as_mut().poll(cx).is_ready() {
            self.rest = Rest::Leave;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for DrainThenEnd<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if frame.is_none() {
            ready!(this.poll_rest(cx));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::Leave) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
