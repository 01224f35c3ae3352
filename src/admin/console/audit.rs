//! The log line of each action.

use std::fmt;

use serde::Serialize;
use tracing::Level;

use crate::platform::plain_listener::Caller;
use crate::telemetry::emit_bounded;

/// Who asks for something.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct Who {
    pub(in crate::admin) caller: Caller,
    /// Whether the caller had to show the admin token, and did.
    pub(in crate::admin) token: bool,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.token { "token, " } else { "" };
        write!(f, "{by}{}", self.caller)
    }
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Result {
    Done,
    Failed,
    /// The request may come from another site.
    Refused,
}

/// The event `admin_action`.
#[derive(Serialize)]
struct Line<'a> {
    action: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    target: &'a str,
    who: String,
    result: Result,
    detail: &'a str,
}

/// Logs an action.
pub(super) fn log(action: &str, target: &str, who: Who, result: Result, detail: &str) {
    let level = if result == Result::Done { Level::INFO } else { Level::WARN };
    emit_bounded(level, "admin_action", &Line { action, target, who: who.to_string(), result, detail });
}
