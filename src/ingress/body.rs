//! The body of an answer on its way to the sender, and the access record that ends with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::{Sleep, sleep};

use super::connection::UnderWay;
use crate::observe::RequestReason;
use crate::observe::access::AccessRecord;
use crate::upstream::{Complaints, ForbiddenBody, ResponseBody, ResponseBodyError, Upload};

/// An answer's body: the gate's own or the upstream's.
#[derive(Debug)]
pub(super) struct AnswerBody {
    source: Source,
    record: AccessRecord,
    upload: Upload,
    inspection: Option<Inspection>,
    ended: bool,
    rest: Rest,
    under_way: Option<UnderWay>,
}

/// What is done about a request body that was not read to its end when the answer is complete.
#[derive(Debug)]
enum Rest {
    /// Nothing: over HTTP/1 the connection ends, with a pause (`linger`).
    Leave,
    /// Over HTTP/2 the stream would be reset, which RFC 9113 section 8.1 allows, but by which many a
    /// sender (curl before 8) loses the answer. So the end of the answer waits for the rest, a little.
    Discard { bytes: u64, deadline: Pin<Box<Sleep>> },
}

/// Bytes of an unwanted body that are read to be polite, and the time that may take.
const PATIENCE: (u64, Duration) = (1024 * 1024, Duration::from_secs(1));

#[derive(Debug)]
enum Source {
    Own(Full<Bytes>),
    Upstream(Box<ResponseBody>),
}

/// A look at the first piece of a 403.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) forbidden: ForbiddenBody,
    pub(super) complaints: Arc<Complaints>,
    pub(super) status: StatusCode,
}

impl AnswerBody {
    pub(super) fn own(body: Full<Bytes>, record: AccessRecord, upload: Upload) -> Self {
        Self::new(Source::Own(body), record, upload)
    }

    pub(super) fn upstream(
        body: ResponseBody,
        record: AccessRecord,
        upload: Upload,
        inspection: Option<Inspection>,
    ) -> Self {
        let ended = body.is_end_stream();
        let source = Source::Upstream(Box::new(body));
        let mut answer = Self::new(source, record, upload);
        (answer.inspection, answer.ended) = (inspection, ended);
        answer
    }

    fn new(source: Source, record: AccessRecord, upload: Upload) -> Self {
        let (inspection, ended, rest, under_way) = (None, true, Rest::Leave, None);
        Self { source, record, upload, inspection, ended, rest, under_way }
    }

    /// The request is under way until this body is out.
    pub(super) fn holding(mut self, under_way: UnderWay) -> Self {
        self.under_way = Some(under_way);
        self
    }

    /// For an answer over HTTP/2.
    pub(super) fn reading_the_rest(mut self) -> Self {
        if !self.upload.ended() {
            self.rest = Rest::Discard { bytes: 0, deadline: Box::pin(sleep(PATIENCE.1)) };
        }
        self
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

    fn source_has_ended(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_end_stream(),
            Source::Upstream(body) => body.is_end_stream(),
        }
    }

    fn look_at(&mut self, frame: &Frame<Bytes>) {
        let Some(data) = frame.data_ref() else { return };
        self.record.add_bytes_out(data.len());
        if let Some(Inspection { forbidden, complaints, status }) = self.inspection.take()
            && let Some(suspicion) = forbidden.of_body(data)
        {
            complaints.log(suspicion, status, self.record.id());
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let this = self.get_mut();
        let frame = match &mut this.source {
            Source::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Source::Upstream(body) => Pin::new(body.as_mut()).poll_frame(cx),
        };
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                this.look_at(frame);
                this.ended |= this.source_has_ended();
            }
            Poll::Ready(Some(Err(error))) => {
                this.ended = true;
                let reason = match error {
                    ResponseBodyError::Stalled(_) => RequestReason::UpstreamTimeout,
                    ResponseBodyError::Upstream(_) => RequestReason::UpstreamClosed,
                };
                this.record.cut_short(reason, &error.to_string());
            }
            Poll::Ready(None) => {
                this.ended = true;
                ready!(this.poll_rest(cx));
            }
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::Leave) && self.source_has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(body) => body.size_hint(),
            Source::Upstream(body) => body.size_hint(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.record.set_bytes_in(self.upload.bytes());
        if !self.ended {
            self.record
                .cut_short(RequestReason::SenderGone, "the sender left in the middle of the answer");
        }
    }
}
