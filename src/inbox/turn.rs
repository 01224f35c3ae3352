//! In which order events of a route are tried.

/// A waiting event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its place in the order of arrival.
    pub(super) seq: i64,
    /// Since when it may be tried, in milliseconds since 1970.
    pub(super) since: i64,
}

/// New events in the order of arrival, and between them those that are tried again: each takes its place by the time since when
/// it may be tried. So neither kind holds up the other.
pub(super) fn in_turn(new: Vec<Candidate>, again: Vec<Candidate>) -> impl Iterator<Item = Candidate> {
    let (mut new, mut again) = (new.into_iter().peekable(), again.into_iter().peekable());
    std::iter::from_fn(move || match (new.peek(), again.peek()) {
        (Some(first), Some(second)) if second.since < first.since => again.next(),
        (None, Some(_)) => again.next(),
        _ => new.next(),
    })
}

/// Whether an event may be tried, in milliseconds. A time that is farther away than any wait comes from a clock that was wrong.
pub(super) fn is_due(at: i64, now: i64, farthest: i64) -> bool {
    at <= now || at > now.saturating_add(farthest)
}
