//! A try to deliver a stored event, as its span shows it.

use std::time::{Duration, SystemTime};

use super::context::TraceContext;

/// A try to deliver a stored event. Its span belongs to the trace of the request that brought the event.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// The trace, with the span that the upstream was told.
    pub trace: TraceContext,
    /// The identifier of the event.
    pub event_id: String,
    /// Its route.
    pub route: &'a str,
    /// Its upstream.
    pub upstream: &'a str,
    /// The method of its request.
    pub method: &'a str,
    /// The path of its request, without the query.
    pub path: &'a str,
    /// The number of the try, counted from 1.
    pub number: u32,
    /// When it began.
    pub at: SystemTime,
    /// How long it took until the answer began, or until it failed.
    pub took: Duration,
    /// The status of the answer.
    pub status: Option<u16>,
    /// What the try has shown, as a word.
    pub class: &'static str,
    /// What went wrong.
    pub detail: Option<&'a str>,
}
