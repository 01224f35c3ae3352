//! The body of an answer on its way to the client, and the access record that ends with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::drain_request_body::DrainThenEnd;
use super::requests::InFlightGuard;
use crate::telemetry::RequestReason;
use crate::telemetry::access::AccessRecord;
use crate::upstream::{ForbiddenBody, MisconfigurationLog, ResponseBody, ResponseBodyError};

/// An answer's body: clawgate's own or the upstream's.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: DrainThenEnd<Source>,
    record: AccessRecord,
    inspection: Option<Inspection>,
    ended: bool,
    lasting: InFlightGuard,
}

/// Who made the answer.
#[derive(Debug)]
pub(crate) enum Source {
    Own(Full<Bytes>),
    Upstream(Box<ResponseBody>),
}

/// Takes the body out of an answer of clawgate's own to HEAD: hyper would send it over HTTP/2 (RFC 9110 section 9.3.2).
pub(crate) fn for_head(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, Full::default())
}

/// A look at the first piece of a 403.
#[derive(Debug)]
pub(crate) struct Inspection {
    pub(crate) forbidden: ForbiddenBody,
    pub(crate) complaints: Arc<MisconfigurationLog>,
    pub(crate) status: StatusCode,
}

impl AnswerBody {
    /// The request goes on (`lasting`), and its `record` is open, until this body is out.
    pub(crate) fn new(
        body: DrainThenEnd<Source>,
        record: AccessRecord,
        inspection: Option<Inspection>,
        lasting: InFlightGuard,
    ) -> Self {
        // clawgate's own is as good as out: whether the client stays to read it is its business.
        let ended = body.is_complete() || matches!(body.get_ref(), Source::Own(_));
        Self { body, record, inspection, ended, lasting }
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
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            // A slow answer of the upstream's, or one that is taken slowly.
            Poll::Ready(Some(Ok(_))) if this.lasting.is_over() => {
                return Poll::Ready(Some(Err(ResponseBodyError::TooLong)));
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.look_at(frame);
                // After trailers nobody asks for more.
                this.ended |= this.body.is_complete() || frame.is_trailers();
            }
            Poll::Ready(Some(Err(error))) => {
                this.ended = true;
                let reason = match error {
                    ResponseBodyError::TooLong => RequestReason::RequestTimeout,
                    ResponseBodyError::Stalled(_) => RequestReason::UpstreamTimeout,
                    ResponseBodyError::Upstream(_) => RequestReason::UpstreamClosed,
                    ResponseBodyError::Framing => RequestReason::UpstreamProtocolError,
                };
                this.record.cut_short(reason, &error.to_string());
            }
            Poll::Ready(None) => this.ended = true,
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Upstream(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.record.set_bytes_in(self.body.upload().bytes());
        if !self.ended {
            let (reason, detail) = self.lasting.why_given_up();
            self.record.cut_short(reason, detail);
        }
    }
}
