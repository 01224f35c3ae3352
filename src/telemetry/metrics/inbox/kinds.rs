//! What is counted: the values of the labels, and how much is stored.

use std::time::Duration;

/// What came of storing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It is stored.
    Accepted,
    /// It was accepted before.
    Duplicate,
    /// It is stored, but another one with the same key was accepted before.
    KeyReused,
    /// The inbox is full.
    Full,
    /// It is larger than the store takes.
    TooLarge,
    /// The inbox cannot be used.
    Unavailable,
}

/// What a try to deliver an event has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptClass {
    /// The upstream accepted the event.
    Delivered,
    /// The upstream is down or restarts.
    Down,
    /// clawgate's own limit of requests to the upstream is reached.
    Busy,
    /// The upstream limits the rate.
    RateLimited,
    /// The upstream's settings changed during the request.
    ConfigurationChanged,
    /// The event conflicts with the state of the upstream.
    Conflict,
    /// The request was sent, but no answer came.
    NoAnswer,
    /// clawgate or the upstream is misconfigured.
    Misconfigured,
    /// The sender chose a path that the upstream does not know.
    UnknownPath,
    /// The upstream refuses the sender's credentials.
    SenderCredentials,
    /// The upstream refuses this event.
    Rejected,
    /// The upstream failed.
    Failed,
}

/// How much is stored of one route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteEvents {
    /// The path of the route.
    pub route: String,
    /// Events that wait.
    pub waiting: u64,
    /// Events that were delivered, and are remembered.
    pub delivered: u64,
    /// Dead events.
    pub dead: u64,
    /// How long the oldest event that waits has been waiting.
    pub oldest: Option<Duration>,
}

/// How much is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredEvents {
    /// For each route that has events.
    pub routes: Vec<RouteEvents>,
    /// Bytes of the database that are in use.
    pub used_bytes: u64,
    /// Bytes that are free on the file system.
    pub free_bytes: u64,
}

impl AppendOutcome {
    pub(super) const ALL: [Self; 6] = [
        Self::Accepted,
        Self::Duplicate,
        Self::KeyReused,
        Self::Full,
        Self::TooLarge,
        Self::Unavailable,
    ];

    /// Its word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::KeyReused => "key_reused",
            Self::Full => "full",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
        }
    }
}

impl AttemptClass {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Delivered,
        Self::Down,
        Self::Busy,
        Self::RateLimited,
        Self::ConfigurationChanged,
        Self::Conflict,
        Self::NoAnswer,
        Self::Misconfigured,
        Self::UnknownPath,
        Self::SenderCredentials,
        Self::Rejected,
        Self::Failed,
    ];

    /// Its word in the log and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Down => "down",
            Self::Busy => "busy",
            Self::RateLimited => "rate_limited",
            Self::ConfigurationChanged => "configuration_changed",
            Self::Conflict => "conflict",
            Self::NoAnswer => "no_answer",
            Self::Misconfigured => "misconfigured",
            Self::UnknownPath => "unknown_path",
            Self::SenderCredentials => "sender_credentials",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}
