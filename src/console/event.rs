//! The page of one event: from its arrival to its delivery.

use std::time::SystemTime;

use http::HeaderMap;
use maud::{Markup, html};

use super::actions::Action;
use super::forms::button;
use super::page::frame;
use super::times::since;
use crate::identity::name::printable;
use crate::inbox::{Attempt, EventDetail, EventState, StoredRequest};

/// The longest part of a body that is shown, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// Tries that are shown: the first ones and the last ones.
const MAX_TRIES: usize = 50;

/// The page of `event`. `show_body`: whether its headers and body may be shown.
pub fn event_page(event: &EventDetail, show_body: bool, nonce: &str, now: SystemTime) -> String {
    let summary = &event.summary;
    let id = summary.id.to_string();
    let content = html! {
        header class="top" { h1 { a href="/" { "clawgate" } } p class="state" { "Event " code { (id) } } }
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
                dt { "Authenticated as" } dd { (summary.principal) }
                @if let Some(key) = &summary.key { dt { "Id of the sender" } dd { (key) } }
                dt { "Idempotency-Key" } dd { (event.idempotency_key) }
                dt { "Body" } dd { (summary.size) " bytes" }
            }
            h2 { "Timeline" }
            ol class="timeline" {
                li { (since(summary.received, now)) " received and stored" }
                (tries(&event.attempts, now))
                @match summary.state {
                    EventState::Waiting => { @if let Some(next) = summary.next_at {
                        li { (since(next, now)) " next try" }
                    } }
                    EventState::Delivered => { @if let Some(at) = summary.ended {
                        li class="well" { (since(at, now)) " delivered" }
                    } }
                    EventState::Dead => { @if let Some(at) = summary.ended {
                        li class="fault" { (since(at, now)) " given up" }
                    } }
                }
            }
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
        ", " (summary.tries) " tries"
    }
}

fn tries(attempts: &[Attempt], now: SystemTime) -> Markup {
    let left_out = attempts.len().saturating_sub(MAX_TRIES);
    let shown = attempts.iter().enumerate();
    let first = shown.clone().take(MAX_TRIES / 2);
    let last = shown.skip(MAX_TRIES / 2 + left_out);
    html! {
        @for (number, attempt) in first { (attempt_line(number, attempt, now)) }
        @if left_out > 0 { li { (left_out) " more tries" } }
        @for (number, attempt) in last { (attempt_line(number, attempt, now)) }
    }
}

fn attempt_line(number: usize, attempt: &Attempt, now: SystemTime) -> Markup {
    html! {
        li {
            (since(attempt.at, now)) " try " (number + 1) ": "
            @if let Some(status) = attempt.status { "status " (status) }
            @if let Some(error) = &attempt.error { " " (error) }
            " after " (attempt.took.as_millis()) " ms"
            @if let Some(answer) = &attempt.answer { pre tabindex="0" aria-label="Answer" { (answer) } }
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
