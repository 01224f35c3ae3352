//! The body of an answer on its way to the client. The access record of the request ends with it.

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

/// The body of an answer, by clawgate itself or by the upstream.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: DrainThenEnd<Source>,
    record: AccessRecord,
    inspection: Option<Inspection>,
    ended: bool,
    in_flight: InFlightGuard,
}

/// Where the answer comes from.
#[derive(Debug)]
pub(super) enum Source {
    Own(Full<Bytes>),
    Upstream(Box<ResponseBody>),
}

/// Removes the body of clawgate's own answer to HEAD (RFC 9110 section 9.3.2): over HTTP/2 hyper would send it.
pub(super) fn for_head(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, Full::default())
}

/// Finds out from the first bytes of a 403 whether the upstream is misconfigured.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) forbidden: ForbiddenBody,
    pub(super) log: Arc<MisconfigurationLog>,
    pub(super) status: StatusCode,
}

impl AnswerBody {
    /// `record` and `in_flight` end when this body has been sent.
    pub(super) fn new(
        body: DrainThenEnd<Source>,
        record: AccessRecord,
        inspection: Option<Inspection>,
        in_flight: InFlightGuard,
    ) -> Self {
        // clawgate's own answer counts as sent, also when the client does not stay to read it.
        let ended = body.is_complete() || matches!(body.get_ref(), Source::Own(_));
        Self { body, record, inspection, ended, in_flight }
    }

    fn inspect(&mut self, frame: &Frame<Bytes>) {
        let Some(data) = frame.data_ref() else { return };
        self.record.add_bytes_out(data.len());
        if let Some(Inspection { forbidden, log, status }) = self.inspection.take()
            && let Some(misconfiguration) = forbidden.of_body(data)
        {
            log.log(misconfiguration, status, self.record.id());
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
            // The upstream sends its answer slowly, or the client reads it slowly.
            Poll::Ready(Some(Ok(_))) if this.in_flight.is_overdue() => {
                return Poll::Ready(Some(Err(ResponseBodyError::TooLong)));
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.inspect(frame);
                // Nothing is polled after trailers.
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
            let (reason, detail) = self.in_flight.abort_reason();
            self.record.cut_short(reason, detail);
        }
    }
}
