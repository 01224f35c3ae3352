//! What follows from the answer of a target, or from its absence.
//!
//! | the target | follows |
//! | --- | --- |
//! | 2xx, or a status of `done_on` | [`Verdict::Done`] |
//! | 408, 421, 425, 429, 5xx; 403 because of a limit; refused, reset, no answer | [`Verdict::Retry`] |
//! | 401 | [`Verdict::RenewThenPause`] |
//! | 1xx, 3xx, 402, 403, 404, 405, 407, 410; its certificate or address is refused | [`Verdict::Pause`] |
//! | any other 4xx | [`Verdict::Dead`] |
//!
//! The URL, the method and the credential of a target are the same for all events. So an answer about one of those
//! pauses the target: the events are good, and the next one would get the same answer.

mod headers;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use thiserror::Error;

pub use self::headers::{MAX_WAIT, MIN_WAIT, WaitHints};

/// What follows from a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target has the event.
    Done,
    /// Try again.
    Retry {
        /// Not before this time has passed, as the target wishes; `None`: it said nothing.
        after: Option<Duration>,
    },
    /// The target does not accept the credential. Renew it once and try again; if it cannot be renewed, or was renewed already, pause.
    RenewThenPause,
    /// No event can be delivered until somebody has changed something. The events are kept.
    Pause(PauseReason),
    /// The target refuses this event.
    Dead,
}

/// Why a target gets no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseReason {
    /// 401, with a credential that is as new as can be.
    CredentialRefused,
    /// There is no credential: the token endpoint refuses ours.
    NoCredential,
    /// 402, 403, 407.
    Forbidden,
    /// 404, 405, 410.
    WrongUrl,
    /// 3xx: redirects are not followed, because they could lead anywhere.
    Redirect,
    /// 1xx as the last answer.
    NotHttp,
    /// Its certificate is not valid.
    Certificate,
    /// None of its addresses is allowed.
    Address,
}

impl PauseReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CredentialRefused,
        Self::NoCredential,
        Self::Forbidden,
        Self::WrongUrl,
        Self::Redirect,
        Self::NotHttp,
        Self::Certificate,
        Self::Address,
    ];

    /// Its word in the log and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CredentialRefused => "credential_refused",
            Self::NoCredential => "no_credential",
            Self::Forbidden => "forbidden",
            Self::WrongUrl => "wrong_url",
            Self::Redirect => "redirect",
            Self::NotHttp => "not_http",
            Self::Certificate => "certificate",
            Self::Address => "address",
        }
    }

    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::CredentialRefused => {
                "put a valid credential into the file that the target's `auth` names"
            }
            Self::NoCredential => {
                "check token_url, client_id, client_secret_file and scope of the target's `auth`"
            }
            Self::Forbidden => "give the credential's owner the right to call the target's `url`",
            Self::WrongUrl => "correct the target's `url`",
            Self::Redirect => {
                "write the URL that the redirect leads to into the target's `url`, if it is yours"
            }
            Self::NotHttp => "correct the target's `url`: what is there is no HTTP API",
            Self::Certificate => "correct the target's `url`, or name the CA of its certificate",
            Self::Address => {
                "correct the name in the target's `url`, or allow the network in `allow_private`"
            }
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection: no look-up, refused, timeout.
    NotConnected,
    /// The connection ended, or took too long. The target may have the event.
    Lost,
    /// The certificate of the target is not valid.
    Certificate,
    /// None of the target's addresses is allowed.
    Address,
}

/// How the answers of one target are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryRules {
    done_on: Vec<StatusCode>,
}

/// A status that `done_on` may not have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{0} does not mean that the target has the event")]
pub struct NotDone(pub u16);

impl NotDone {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "done_on is for a 4xx status with which the target says that it has the event already, such as 409; it cannot have 401, 403, 408, 425 or 429"
    }
}

impl RetryRules {
    /// With these statuses, of 4xx, the target says that it has the event already.
    pub fn new(done_on: &[u16]) -> Result<Self, NotDone> {
        let status = |number: &u16| {
            let possible = (400..500).contains(number) && ![401, 403, 408, 425, 429].contains(number);
            StatusCode::from_u16(*number).ok().filter(|_| possible).ok_or(NotDone(*number))
        };
        Ok(Self { done_on: done_on.iter().map(status).collect::<Result<_, _>>()? })
    }

    /// What follows from an answer that came at `now`.
    pub fn verdict(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Verdict {
        if status.is_success() || self.done_on.contains(&status) {
            return Verdict::Done;
        }
        let hints = WaitHints::of(headers, now);
        match status.as_u16() {
            401 => Verdict::RenewThenPause,
            // Some APIs say so that a limit is reached, GitHub's among them.
            403 if hints.is_exhausted || hints.retry_after.is_some() => {
                Verdict::Retry { after: hints.retry_after.max(hints.pause()) }
            }
            402 | 403 | 407 => Verdict::Pause(PauseReason::Forbidden),
            404 | 405 | 410 => Verdict::Pause(PauseReason::WrongUrl),
            // The reset of a limit that is not reached says nothing about other faults.
            429 => Verdict::Retry { after: hints.retry_after.or(hints.reset) },
            408 | 421 | 425 | 500.. => Verdict::Retry { after: hints.retry_after.max(hints.pause()) },
            300..=399 => Verdict::Pause(PauseReason::Redirect),
            ..=199 => Verdict::Pause(PauseReason::NotHttp),
            _ => Verdict::Dead,
        }
    }
}

impl NoAnswer {
    /// What follows from it.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::NotConnected | Self::Lost => Verdict::Retry { after: None },
            Self::Certificate => Verdict::Pause(PauseReason::Certificate),
            Self::Address => Verdict::Pause(PauseReason::Address),
        }
    }
}
