//! The subjects of the stream, and what its messages say.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::signature::shared_replays::SharedRequest;

/// How much of the hash is in a subject: two of a million requests have the same with a chance of about 2^-89.
const MARK: usize = 16;

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RequestState {
    /// It is on its way to the upstream.
    InProgress,
    /// The upstream has accepted it.
    Delivered,
    /// The upstream has not accepted it: its sender tries again.
    Released,
}

/// The message about a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) state: RequestState,
    /// For how many milliseconds it holds, from when the server stored it.
    pub(super) holds: u64,
    /// The claim that has written it.
    pub(super) claim: String,
}

impl Record {
    /// The record of a request about which nothing is known.
    pub(super) fn none() -> Self {
        Self { state: RequestState::Released, holds: 0, claim: String::new() }
    }

    /// Whether it still holds at `now`, if the server stored it at `stored`.
    pub(super) fn holds_at(&self, now: SystemTime, stored: SystemTime) -> bool {
        // A server whose clock is ahead has stored it just now.
        let age = now.duration_since(stored).unwrap_or_default();
        self.state != RequestState::Released && age <= Duration::from_millis(self.holds)
    }
}

/// The subject of a request. It does not tell the signature.
pub(super) fn subject(name: &str, request: &SharedRequest) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(request.route.as_bytes());
    // No route has this byte.
    hash.update(&[0]);
    hash.update(request.event.as_bytes());
    format!("{name}.replay.{}", HEXLOWER.encode(&hash.finish().as_ref()[..MARK]))
}

/// The subject of the message that is written to find out whether messages can be written.
pub(super) fn test_subject(name: &str) -> String {
    format!("{name}.replay.test")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn record(state: RequestState) -> Record {
        Record { state, holds: 1000, claim: String::new() }
    }

    #[test]
    fn a_record_holds_for_its_time() {
        let stored = SystemTime::now();
        for state in [RequestState::InProgress, RequestState::Delivered] {
            let record = record(state);
            assert!(record.holds_at(stored + SECOND, stored));
            assert!(!record.holds_at(stored + SECOND + Duration::from_millis(1), stored));
        }
    }

    #[test]
    fn a_record_of_a_server_whose_clock_is_ahead_holds() {
        let now = SystemTime::now();
        assert!(record(RequestState::Delivered).holds_at(now, now + SECOND));
    }

    #[test]
    fn a_released_request_may_be_claimed_at_once() {
        let now = SystemTime::now();
        assert!(!record(RequestState::Released).holds_at(now, now));
    }
}
