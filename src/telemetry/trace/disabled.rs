//! Replaces spans in builds without the feature `otlp`. These types have no values, so the compiler removes the
//! code for spans from the request path.

use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::context::TraceContext;
use crate::telemetry::access::line::{ConnectionFacts, RequestLine};

/// The queue of spans.
#[derive(Clone, Debug)]
pub enum SpanQueue {}

/// The queue, with the attributes that all spans of one connection share.
#[derive(Debug)]
pub enum ConnectionSpans {}

/// A request whose spans are made when it ends.
#[derive(Debug)]
pub enum RequestSpan {}

impl SpanQueue {
    /// The spans of one connection.
    pub fn connection(&self, _: &ConnectionFacts) -> ConnectionSpans {
        match *self {}
    }

    /// Queues the span of a try to deliver a stored event, if its trace is exported.
    pub fn attempt(&self, _: &Attempt<'_>) {
        match *self {}
    }
}

impl ConnectionSpans {
    /// One in this many traces that begin in clawgate is exported.
    pub fn one_in(&self) -> u64 {
        match *self {}
    }

    /// Begins the span of a request, if its trace is exported.
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

    pub(in crate::telemetry) fn stored(&mut self, _: Instant, _: Duration) {
        match *self {}
    }

    pub(in crate::telemetry) fn rejected(&mut self) {
        match *self {}
    }

    pub(in crate::telemetry) fn end(self, _: &RequestLine, _: Instant, _: Duration) {
        match self {}
    }
}
