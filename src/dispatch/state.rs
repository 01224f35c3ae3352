//! What the dispatcher shows of itself: to the status page, to those who ask whether it is worth to wait, and to other instances.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::telemetry::metrics::AttemptClass;

/// A word of the code.
// serde would read a reference out of the message.
type Word = &'static str;

/// An upstream, as the dispatcher sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamState {
    /// Its address, as the settings have it.
    pub upstream: Arc<str>,
    /// Set while no event is delivered to it, because it is down.
    pub paused: Option<Pause>,
    /// Its routes of which no event is delivered, though the upstream is up.
    pub routes: Vec<PausedRoute>,
}

/// A route of which no event is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedRoute {
    /// Its path, as the settings have it.
    pub route: Arc<str>,
    /// Why, as a word: `misconfigured` or `rate_limited`.
    #[serde(deserialize_with = "class")]
    pub class: Word,
    /// More about the pause.
    #[serde(flatten)]
    pub pause: Pause,
    /// What the operator can do.
    pub hint: String,
}

/// What an operator wants to be tried at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paused {
    /// Everything.
    All,
    /// The upstream of this name, and its routes.
    Upstream(String),
    /// The route of this path.
    Route(String),
}

/// A pause of deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What the last try has shown, as a sentence without its subject.
    pub detail: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: SystemTime,
    /// When the next event is tried.
    #[serde(with = "rfc3339")]
    pub until: SystemTime,
}

fn class<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut words = AttemptClass::ALL.into_iter().map(AttemptClass::as_str);
    words.find(|word| *word == text).ok_or_else(|| de::Error::custom("it is no class of tries"))
}

mod rfc3339 {
    use super::{Deserialize as _, Deserializer, Serializer, SystemTime, de};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        humantime::parse_rfc3339(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
