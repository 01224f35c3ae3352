//! The mistakes that are recognised, in words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::json::Style;

/// Why a signature does not fit. `Display` is a sentence for the log, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It fits with these other settings of the route's `verify`.
    OtherSettings(Vec<Setting>),
    /// It fits if the secret of this file has a line end at its end.
    LineEndInSecret {
        /// The name of the file.
        file: Arc<str>,
    },
    /// It fits if the blanks before or after the secret of this file are taken away.
    BlanksAroundSecret {
        /// The name of the file.
        file: Arc<str>,
    },
    /// It fits the key of another route.
    OtherRoute {
        /// The other route, as the caller has named it.
        route: String,
        /// The name of the key's file.
        file: Arc<str>,
    },
    /// It fits another body.
    OtherBody(BodyChange),
    /// It fits if `listen.public_url` is this.
    OtherUrl(String),
    /// Signed too long ago.
    Stale {
        /// How long ago.
        by: Duration,
    },
    /// Signed in the future.
    Future {
        /// How far ahead.
        by: Duration,
    },
    /// Nothing fits, and the body came compressed. It is not decompressed.
    Compressed,
}

/// A setting of `[route.verify]` with a value that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// The value that fits.
    pub value: String,
}

/// How the body that was signed differs from the one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyChange {
    /// It has a line end more.
    LineEndMissing,
    /// It has no line end at its end.
    LineEndAdded,
    /// Its lines end with LF, not with CR LF.
    LineEndsConverted,
    /// The same JSON, written in another way.
    Reformatted {
        /// Where it has blanks and line ends.
        style: Style,
        /// Whether characters other than ASCII are escaped.
        ascii: bool,
    },
}

impl Cause {
    /// The stable code, for the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherSettings(_) => "other_settings",
            Self::LineEndInSecret { .. } => "line_end_in_secret",
            Self::BlanksAroundSecret { .. } => "blanks_around_secret",
            Self::OtherRoute { .. } => "secret_of_other_route",
            Self::OtherBody(_) => "body_changed",
            Self::OtherUrl(_) => "other_url",
            Self::Stale { .. } => "stale",
            Self::Future { .. } => "future",
            Self::Compressed => "compressed",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::OtherSettings(settings) => {
                let lines: Vec<_> = settings.iter().map(Setting::to_string).collect();
                format!("if this is the sender's way to sign, set {} in [route.verify]", lines.join(" and "))
            }
            Self::LineEndInSecret { .. } => {
                "enter the secret at the sender again, without a line end; clawgate removes the one at the end of a file"
                    .to_owned()
            }
            Self::BlanksAroundSecret { .. } => "remove the blanks from the file".to_owned(),
            Self::OtherRoute { route, .. } => format!(
                "let the sender call {route}, or write its secret for this route into the file of this route"
            ),
            Self::OtherBody(_) => {
                "something before clawgate changes bodies, or the sender signs another text than it sends; let each proxy pass the body unchanged"
                    .to_owned()
            }
            Self::OtherUrl(url) => format!(
                "set `public_url = \"{url}\"` in [listen] if senders call this, or correct the address at the sender"
            ),
            Self::Stale { .. } => {
                "compare the clocks of sender and receiver; if they are right, an old request was sent again, or it was on its way for long"
                    .to_owned()
            }
            Self::Future { .. } => "compare the clocks of sender and receiver".to_owned(),
            Self::Compressed => {
                "clawgate verifies the bytes as they came; if the sender signs the text before compression, switch its compression off"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherSettings(settings) => {
                let lines: Vec<_> = settings.iter().map(Setting::to_string).collect();
                write!(f, "the signature fits with {}", lines.join(" and "))
            }
            Self::LineEndInSecret { file } => {
                write!(f, "the signature fits if a line end is a part of the secret of {file}")
            }
            Self::BlanksAroundSecret { file } => {
                write!(f, "the signature fits without the blanks around the secret of {file}")
            }
            Self::OtherRoute { route, file } => {
                write!(f, "the signature fits the key {file} of the route {route}")
            }
            Self::OtherBody(change) => write!(f, "the signature fits the body {change}"),
            Self::OtherUrl(url) => write!(f, "the signature fits if the public URL is {url}"),
            Self::Stale { by } => write!(f, "the request was signed {} ago", Seconds(*by)),
            Self::Future { by } => write!(f, "the request was signed {} in the future", Seconds(*by)),
            Self::Compressed => {
                f.write_str("no known mistake explains the signature, and the body came compressed")
            }
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} = \"{}\"`", self.key, self.value)
    }
}

impl fmt::Display for BodyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineEndMissing => f.write_str("with one more line end at its end"),
            Self::LineEndAdded => f.write_str("without the line end at its end"),
            Self::LineEndsConverted => f.write_str("with LF instead of CR LF"),
            Self::Reformatted { style, ascii } => {
                let style = match style {
                    Style::Compact => "written as JSON without blanks",
                    Style::Spaced => "written as JSON with a blank after each comma and colon",
                    Style::Indented => "written as indented JSON",
                };
                let escapes = if *ascii { " and with non-ASCII characters escaped" } else { "" };
                write!(f, "{style}{escapes}")
            }
        }
    }
}

/// A duration in whole seconds.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs())
    }
}
