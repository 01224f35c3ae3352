//! Without the feature `otlp` there is nowhere for spans to go: these types have no values, so that nothing of
//! them is left where requests pass.

use std::time::{Duration, Instant};

use super::{ConnectionFacts, Line};
use crate::telemetry::trace::Trace;

/// Where spans go.
#[derive(Clone, Debug)]
pub enum Spans {}

/// The same, with what all spans of one connection have in common.
#[derive(Debug)]
pub enum ConnectionSpans {}

/// What is to become a request's spans.
#[derive(Debug)]
pub enum Span {}

impl Spans {
    /// For the spans of one connection.
    pub fn connection(&self, _: &ConnectionFacts) -> ConnectionSpans {
        match *self {}
    }
}

impl ConnectionSpans {
    /// Of the traces that begin here, one in so many is exported.
    pub fn one_in(&self) -> u64 {
        match *self {}
    }

    /// Those of a request, if its trace is one that is exported.
    pub fn begin(&self, _: Trace) -> Option<Span> {
        match *self {}
    }
}

impl Span {
    pub(super) fn asked(&mut self, _: Instant) {
        match *self {}
    }

    pub(super) fn answered(&mut self, _: Duration) {
        match *self {}
    }

    pub(super) fn rejected(&mut self) {
        match *self {}
    }

    pub(super) fn end(self, _: &Line, _: Instant, _: Duration) {
        match self {}
    }
}
