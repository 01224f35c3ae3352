//! What the dispatcher shows of itself: to the status page, and to those who ask whether it is worth to wait.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

/// An upstream, as the dispatcher sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpstreamState {
    /// Its address, as the settings have it.
    pub upstream: Arc<str>,
    /// Set while no event is delivered to it, because it is down.
    pub paused: Option<Pause>,
    /// Its routes of which no event is delivered, though the upstream is up.
    pub routes: Vec<PausedRoute>,
}

/// A route of which no event is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PausedRoute {
    /// Its path, as the settings have it.
    pub route: Arc<str>,
    /// Why, as a word: `misconfigured` or `rate_limited`.
    pub class: &'static str,
    /// More about the pause.
    #[serde(flatten)]
    pub pause: Pause,
    /// What the operator can do.
    pub hint: String,
}

/// What an operator wants to be tried at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paused {
    /// Everything.
    All,
    /// The upstream of this name, and its routes.
    Upstream(String),
    /// The route of this path.
    Route(String),
}

/// A pause of deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// What the last try has shown, as a sentence without its subject.
    pub detail: String,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub since: SystemTime,
    /// When the next event is tried.
    #[serde(serialize_with = "rfc3339")]
    pub until: SystemTime,
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*time))
}
