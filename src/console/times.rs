//! Times as the console shows them.

use std::time::SystemTime;

use maud::{Markup, html};

use crate::identity::time::{ago, rfc3339_millis, span, time_text, unix_seconds};

/// How long ago it was, with the exact time for the pointer and for programs.
pub(super) fn since(at: SystemTime, now: SystemTime) -> Markup {
    let text = since_text(at, now);
    let exact = rfc3339_millis(at);
    html! { time datetime=(exact) title=(exact) { (text) } }
}

/// How long ago it was; `in …` if it is still to come.
pub(super) fn since_text(at: SystemTime, now: SystemTime) -> String {
    relative(unix_seconds(at), unix_seconds(now))
}

/// The same for seconds since 1970.
pub(super) fn since_unix(at: i64, now: SystemTime) -> Markup {
    let exact = time_text(at);
    html! { time datetime=(exact) title=(exact) { (relative(at, unix_seconds(now))) } }
}

/// The same as text.
pub(super) fn relative(at: i64, now: i64) -> String {
    match now - at {
        0 => "now".to_owned(),
        passed if passed > 0 => ago(passed),
        left => format!("in {}", span(-left)),
    }
}
