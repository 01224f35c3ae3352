//! Without the feature `otlp` no spans are made. These types have no values, so that the compiler removes all code for
//! spans from the path of a request.

use std::time::{Duration, Instant};

use super::context::TraceContext;
use crate::telemetry::access::line::{ConnectionFacts, RequestLine};

/// The queue of spans.
#[derive(Clone, Debug)]
pub enum SpanQueue {}

/// The queue, with the attributes that all spans of one connection share.
#[derive(Debug)]
pub enum ConnectionSpans {}

/// A request that becomes spans when it ends.
#[derive(Debug)]
pub enum RequestSpan {}

impl SpanQueue {
    /// For the spans of one connection.
    pub fn connection(&self, _: &ConnectionFacts) -> ConnectionSpans {
        match *self {}
    }
}

impl ConnectionSpans {
    /// One in so many of the traces that begin at clawgate is exported.
    pub fn one_in(&self) -> u64 {
        match *self {}
    }

    /// The span of a request, if its trace is exported.
    pub fn begin(&self, _: TraceContext) -> Option<RequestSpan> {
        match *self {}
    }
}

impl RequestSpan {
    pub(in crate::telemetry) fn upstream_called(&mut self, _: Instant) {
        match *self {}
    }

    pub(in crate::telemetry) fn upstream_answered(&mut self, _: Duration) {
        match *self {}
    }

    pub(in crate::telemetry) fn rejected(&mut self) {
        match *self {}
    }

    pub(in crate::telemetry) fn end(self, _: &RequestLine, _: Instant, _: Duration) {
        match self {}
    }
}
