//! What becomes of a request body that nobody wants: its answer does not end before the client can have read it, and the
//! connection is kept where that costs little.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep, timeout};

use crate::upstream::SharedRequestBody;

/// Bytes of an unwanted request body that are read to be polite, and the time that may take.
const PATIENCE: (u64, Duration) = (1024 * 1024, Duration::from_secs(1));

/// Longest rest of an unwanted HTTP/1 body that is read to keep the connection, in bytes (as Go's net/http does),
/// and the time that may take.
const REST: (u64, Duration) = (256 * 1024, Duration::from_secs(1));

/// Before an HTTP/1 answer of clawgate's own: reads the rest of the request body, if it is short and comes soon; whether
/// the connection can be used for another request after that. If not, the answer must say so (RFC 9112 section 9.6):
/// else the client loses the next request that it sends on the connection.
pub(crate) async fn rest_is_read(upload: &SharedRequestBody) -> bool {
    if upload.size_hint().lower() > REST.0 {
        return false;
    }
    let mut bytes = 0;
    let discarded = poll_fn(|cx| {
        let discarded = upload.poll_discard(cx, &mut bytes);
        if bytes > REST.0 { Poll::Ready(()) } else { discarded }
    });
    let _ = timeout(REST.1, discarded).await;
    upload.ended()
}

/// The body of an answer, with the body of its request: that is kept until the answer is out.
#[derive(Debug)]
pub(crate) struct DrainThenEnd<B> {
    body: B,
    upload: SharedRequestBody,
    rest: Rest,
}

/// What is done about a request body that was not read to its end when the answer is complete.
#[derive(Debug)]
enum Rest {
    /// Nothing: over HTTP/1 the connection ends, with a pause (`linger`).
    Leave,
    /// Over HTTP/2 the stream would be reset, which RFC 9113 section 8.1 allows, but by which many a
    /// client (curl before 8) loses the answer. So the end of the answer waits for the rest, a little.
    Discard { bytes: u64, deadline: Pin<Box<Sleep>> },
}

impl<B: Body> DrainThenEnd<B> {
    /// `http2`: whether that is what the client speaks.
    pub(crate) fn new(body: B, upload: SharedRequestBody, http2: bool) -> Self {
        let rest = if http2 && !upload.ended() {
            Rest::Discard { bytes: 0, deadline: Box::pin(sleep(PATIENCE.1)) }
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
        let Rest::Discard { bytes, deadline } = &mut self.rest else {
            return Poll::Ready(());
        };
        let discarded = self.upload.poll_discard(cx, bytes).is_ready();
        if discarded || *bytes > PATIENCE.0 || deadline.as_mut().poll(cx).is_ready() {
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
