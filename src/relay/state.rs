//! What is known of a target while it is in use, for those who look at it. No secret, and of its URL only the server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::credentials::CredentialState;
use super::retry::WaitHints;
use crate::identity::time::rfc3339_millis;

/// A target, as those who send to it have seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetState {
    /// Its name.
    pub name: Arc<str>,
    /// Its server, without path and query: some APIs have a key there.
    pub server: String,
    /// Whether its events are stored first: `queue` or `wait`.
    pub delivery: &'static str,
    /// How clawgate authenticates itself there, in words.
    pub auth: String,
    /// Its credential.
    pub credential: CredentialState,
    /// The last request that it has accepted.
    pub last_success: Option<TargetTry>,
    /// The last request that it has not accepted, or not answered.
    pub last_failure: Option<TargetTry>,
    /// What is left of `rate`; `None` without one.
    pub rate: Option<RateState>,
    /// What the target said last of its own limit.
    pub quota: Option<TargetQuota>,
    /// Until when the target itself allows no request.
    #[serde(serialize_with = "rfc3339")]
    pub paused_until: Option<SystemTime>,
}

impl TargetState {
    /// Whether the last request was not accepted.
    pub fn has_failed_last(&self) -> bool {
        let at = |seen: &Option<TargetTry>| seen.as_ref().map(|seen| seen.at);
        at(&self.last_failure) > at(&self.last_success)
    }
}

/// A request to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetTry {
    /// When it ended.
    #[serde(serialize_with = "rfc3339_at")]
    pub at: SystemTime,
    /// The status of the answer.
    pub status: Option<u16>,
    /// What is wrong, as a sentence without its subject.
    pub detail: Option<String>,
}

/// What is left of a target's `rate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateState {
    /// The setting.
    pub rate: String,
    /// How many requests may be sent at once.
    pub left: u32,
    /// When the next one may be sent, if none may be sent now.
    #[serde(serialize_with = "rfc3339")]
    pub next: Option<SystemTime>,
}

/// What a target says of its own limit (`RateLimit-Remaining`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TargetQuota {
    /// How many more requests it accepts.
    pub remaining: u64,
    /// When it said so.
    #[serde(serialize_with = "rfc3339_at")]
    pub at: SystemTime,
    /// When more are allowed.
    #[serde(serialize_with = "rfc3339")]
    pub reset: Option<SystemTime>,
}

fn rfc3339<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339_millis).serialize(serializer)
}

fn rfc3339_at<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&rfc3339_millis(*time))
}

/// What has been seen of a target. All threads that send to it add to it.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Last>);

/// The last of each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Last {
    pub(super) success: Option<TargetTry>,
    pub(super) failure: Option<TargetTry>,
    pub(super) quota: Option<TargetQuota>,
}

impl Seen {
    /// Notes what came of a request.
    pub(super) fn note(&self, is_accepted: bool, seen: TargetTry) {
        let mut last = self.last();
        let place = if is_accepted { &mut last.success } else { &mut last.failure };
        *place = Some(seen);
    }

    /// Notes what an answer that came at `at` says of the target's limit.
    pub(super) fn note_hints(&self, hints: WaitHints, at: SystemTime) {
        let Some(remaining) = hints.remaining else { return };
        let reset = hints.reset.and_then(|wait: Duration| at.checked_add(wait));
        self.last().quota = Some(TargetQuota { remaining, at, reset });
    }

    /// The last of each kind.
    pub(super) fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
