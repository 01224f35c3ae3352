//! The body of an answer on its way to the sender, and the access record that ends with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

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
    under_way: Option<UnderWay>,
}

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
        Self {
            source: Source::Own(body),
            record,
            upload,
            inspection: None,
            ended: true,
            under_way: None,
        }
    }

    pub(super) fn upstream(
        body: ResponseBody,
        record: AccessRecord,
        upload: Upload,
        inspection: Option<Inspection>,
    ) -> Self {
        let ended = body.is_end_stream();
        Self {
            source: Source::Upstream(Box::new(body)),
            record,
            upload,
            inspection,
            ended,
            under_way: None,
        }
    }

    /// The request is under way until this body is out.
    pub(super) fn holding(mut self, under_way: UnderWay) -> Self {
        self.under_way = Some(under_way);
        self
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
                this.ended |= this.is_end_stream();
            }
            Poll::Ready(Some(Err(error))) => {
                this.ended = true;
                let reason = match error {
                    ResponseBodyError::Stalled(_) => RequestReason::UpstreamTimeout,
                    ResponseBodyError::Upstream(_) => RequestReason::UpstreamClosed,
                };
                this.record.cut_short(reason, &error.to_string());
            }
            Poll::Ready(None) => this.ended = true,
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_end_stream(),
            Source::Upstream(body) => body.is_end_stream(),
        }
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
