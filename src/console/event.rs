//! The page of one event: from its arrival to its delivery.

use std::time::SystemTime;

use http::HeaderMap;
use maud::{Markup, html};

use super::actions::Action;
use super::forms::button;
use super::page::frame;
use super::principal::authentication;
use super::times::since;
use crate::identity::name::printable;
use crate::identity::time::{rfc3339_millis, span};
use crate::inbox::{Attempt, EventDetail, EventState, EventSummary, StoredRequest};

/// The longest part of a body that is shown, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// Tries that are shown: the first ones and the last ones.
const MAX_TRIES: usize = 50;

/// The page of `event`. `show_body`: whether its headers and body may be shown.
pub fn event_page(event: &EventDetail, show_body: bool, nonce: &str, now: SystemTime) -> String {
    let summary = &event.summary;
    let id = summary.id.to_string();
    let class = match summary.state {
        EventState::Waiting => "top warning",
        EventState::Delivered => "top well",
        EventState::Dead => "top fault",
    };
    let content = html! {
        header class=(class) { h1 { a href="/" { "clawgate" } } p class="state" { "Event " code { (id) } } }
        main class="narrow" {
            p class="actions" {
                @if summary.state != EventState::Waiting {
                    (button(nonce, Action::Replay, &id, ""))
                }
                (button(nonce, Action::Drop, &id, ""))
                (button(nonce, Action::Forget, &id, ""))
            }
            dl {
                dt { "State" } dd { (state(event)) }
                dt { "Route" } dd { (summary.route) }
                dt { "Authenticated by" } dd { (authentication(&summary.principal)) }
                @if let Some(key) = &summary.key { dt { "Id of the sender" } dd { (key) } }
                dt { "Idempotency-Key" } dd { (event.idempotency_key) }
                dt { "Body" } dd { (summary.size) " bytes" }
            }
            h2 { "Timeline" }
            (timeline(event, now))
            h2 { "Request" }
            (request(event.request.as_ref(), show_body))
        }
    };
    frame(&format!("clawgate: event {id}"), content).into_string()
}

fn state(event: &EventDetail) -> Markup {
    let summary = &event.summary;
    html! {
        (summary.state.as_str())
        @if let Some(reason) = summary.reason { " (" code { (reason.as_str()) } ")" }
        ", " (summary.tries) (if summary.tries == 1 { " try" } else { " tries" })
    }
}

fn timeline(event: &EventDetail, now: SystemTime) -> Markup {
    let EventSummary { received, state, ended, next_at, .. } = event.summary;
    let mark = |at| moment(at, received);
    html! {
        p class="facts" { "Received " (since(received, now)) ". Times are UTC, and counted from the arrival." }
        ol class="timeline" {
            li { (mark(received)) span { "received for " code { (event.summary.route) } } }
            li { (mark(received)) span { "verified by " (authentication(&event.summary.principal)) } }
            li { (mark(received)) span { "stored, before the sender got its answer" } }
            (tries(&event.attempts, &mark))
            @match (state, next_at, ended) {
                (EventState::Waiting, Some(next), _) => {
                    li class="warning" { (mark(next)) span { "next try, " (since(next, now)) } }
                }
                (EventState::Waiting, None, _) => {
                    li class="warning" { (mark(now)) span { "waits for a try" } }
                }
                (EventState::Delivered, _, Some(at)) => { li class="well" { (mark(at)) span { "delivered" } } }
                (EventState::Dead, _, Some(at)) => {
                    li class="fault" {
                        (mark(at))
                        span {
                            "given up"
                            @if let Some(reason) = event.summary.reason { ": " code { (reason.as_str()) } }
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// A time of day, and how long after the arrival it was.
fn moment(at: SystemTime, received: SystemTime) -> Markup {
    let exact = rfc3339_millis(at);
    let time_of_day = exact.get(11..23).unwrap_or(&exact);
    html! {
        time datetime=(exact) title=(exact) { (time_of_day) " " span class="after" { "+" (length(at, received)) } }
    }
}

/// The time from `start` to `end`; none if the clock was set back.
fn length(end: SystemTime, start: SystemTime) -> String {
    let passed = end.duration_since(start).unwrap_or_default();
    match passed.as_millis() {
        0 => "0".to_owned(),
        millis @ ..1000 => format!("{millis} ms"),
        millis @ ..100_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => span(i64::try_from(passed.as_secs()).unwrap_or(i64::MAX)),
    }
}

fn tries(attempts: &[Attempt], mark: &impl Fn(SystemTime) -> Markup) -> Markup {
    let left_out = attempts.len().saturating_sub(MAX_TRIES);
    let shown = attempts.iter().enumerate();
    let first = shown.clone().take(MAX_TRIES / 2);
    let last = shown.skip(MAX_TRIES / 2 + left_out);
    html! {
        @for (number, attempt) in first { (attempt_line(number, attempt, mark)) }
        @if left_out > 0 { li { (left_out) " more tries" } }
        @for (number, attempt) in last { (attempt_line(number, attempt, mark)) }
    }
}

fn attempt_line(number: usize, attempt: &Attempt, mark: &impl Fn(SystemTime) -> Markup) -> Markup {
    html! {
        li {
            (mark(attempt.at))
            span {
                "try " (number + 1) ": "
                @match (&attempt.error, attempt.status) {
                    (Some(error), _) => { (error) }
                    (None, Some(status)) => { "status " (status) }
                    (None, None) => { "no answer" }
                }
                ", after " (attempt.took.as_millis()) " ms"
                @if let Some(answer) = &attempt.answer { pre tabindex="0" aria-label="Answer" { (answer) } }
            }
        }
    }
}

fn request(request: Option<&StoredRequest>, show_body: bool) -> Markup {
    let Some(request) = request else {
        return html! { p { "It is not stored any more (inbox.keep_bodies)." } };
    };
    html! {
        p { code { (request.method) " " (request.target.path()) } }
        @if show_body {
            pre tabindex="0" aria-label="Headers" { (headers(&request.headers)) }
            pre tabindex="0" aria-label="Body" { (body(&request.body)) }
        } @else {
            p { "Headers and body are shown with " code { "admin.show_bodies" } " and an admin token only." }
        }
    }
}

fn headers(headers: &HeaderMap) -> String {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\n", printable(&String::from_utf8_lossy(value.as_bytes())))
    };
    headers.iter().map(line).collect()
}

fn body(body: &[u8]) -> String {
    let shown = &body[..body.len().min(MAX_BODY)];
    let text: String = String::from_utf8_lossy(shown).chars().map(visible).collect();
    let left = body.len() - shown.len();
    let more = if left > 0 { format!("\n…(+{left} bytes)") } else { String::new() };
    text + &more
}

/// A character that neither ends an element's text nor changes the order in which it is shown.
fn visible(character: char) -> char {
    match character {
        '\n' | '\t' => character,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other if other.is_control() => '\u{fffd}',
        other => other,
    }
}
