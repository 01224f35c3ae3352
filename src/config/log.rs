//! What is logged, and how.

use std::time::Duration;

use tracing_subscriber::filter::Targets;

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// Whether the text form shows all fields.
    pub verbose: bool,
    /// Which events are logged.
    pub level: LogLevel,
    /// How often repeated refusals are summed up; `None`: each has its own line.
    pub repeat_window: Option<Duration>,
}

/// Which events are logged: from a level on, and others for some modules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLevel {
    /// As it was given, such as `info` or `info,clawgate::tls=debug`.
    pub text: String,
    /// The same for `tracing`.
    pub filter: Targets,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Text` on a terminal, else `Json`.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}
