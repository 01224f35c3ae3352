//! The inbox: how much waits for each route, and what is paused.

use maud::{Markup, html};

use super::parts::{cards, nothing};
use crate::console::actions::Action;
use crate::console::data::{ConsoleData, InboxData};
use crate::console::forms::button;
use crate::console::times::since;

/// Routes on the page.
const ROUTES: usize = 50;

/// Whether something is paused, or how many events wait.
pub(super) fn mark(data: &ConsoleData) -> Option<String> {
    let inbox = data.inbox.as_ref()?;
    if inbox.error.is_some() {
        return Some("fault".to_owned());
    }
    if !inbox.paused.is_empty() {
        return Some("paused".to_owned());
    }
    let waiting: u64 = inbox.routes.iter().map(|route| route.waiting).sum();
    (waiting > 0).then(|| waiting.to_string())
}

pub(super) fn content(data: &ConsoleData) -> Markup {
    let Some(inbox) = &data.inbox else {
        return nothing("No route has an inbox (delivery = \"inbox\").");
    };
    html! {
        @if let Some(error) = &inbox.error { p class="fault" { "It cannot be used: " (error) } }
        @if !inbox.delivering && inbox.error.is_none() {
            @match &inbox.deliverer {
                Some(deliverer) => p { "This process stores events. " strong { (deliverer) } " delivers them." },
                None => p { "This process stores events. Another one that uses the same inbox delivers them, but none has said so." },
            }
        }
        @if let Some(file) = &inbox.set_aside {
            p class="fault" { "A damaged database was set aside as " code { (file) } }
        }
        (paused(data, inbox))
        @if inbox.routes.is_empty() {
            (nothing("It is empty."))
        } @else {
            (cards("Events in the inbox", &["Route", "Waiting", "Oldest", "Delivered", "Dead", "State"], &rows(data, inbox)))
        }
    }
}

fn paused(data: &ConsoleData, inbox: &InboxData) -> Markup {
    html! {
        @for upstream in &inbox.upstreams {
            @if let Some(pause) = &upstream.paused {
                div class="paused" {
                    p { strong { (upstream.upstream) } " is paused: " (pause.detail) "." }
                    p class="facts" { "Since " (since(pause.since, data.now)) ", next try " (since(pause.until, data.now)) }
                    (button(&data.nonce, Action::ResumeUpstream, &upstream.upstream, &upstream.upstream))
                }
            }
            @for route in &upstream.routes {
                div class="paused" {
                    p { strong { (route.route) } " is paused (" code { (route.class) } "): " (route.pause.detail) "." }
                    p class="hint" { (route.hint) }
                    p class="facts" { "Since " (since(route.pause.since, data.now)) ", next try " (since(route.pause.until, data.now)) }
                    (button(&data.nonce, Action::ResumeRoute, &route.route, &route.route))
                }
            }
        }
    }
}

fn rows(data: &ConsoleData, inbox: &InboxData) -> Markup {
    html! {
        @for route in inbox.routes.iter().take(ROUTES) {
            tr {
                th scope="row" { (route.route) }
                td data-head="Waiting" { (route.waiting) }
                td data-head="Oldest" { @match route.oldest_waiting {
                    Some(at) => { (since(at, data.now)) }
                    None => { "–" }
                } }
                td data-head="Delivered" { (route.delivered) }
                td data-head="Dead" { (route.dead) }
                td { (state(inbox, &route.route)) }
            }
        }
    }
}

fn state(inbox: &InboxData, route: &str) -> Markup {
    let is_paused = inbox.paused.iter().any(|paused| **paused == *route);
    html! { @if is_paused { span class="mark fault" { "paused" } } }
}
