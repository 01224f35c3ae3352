//! Dead letters, with what can be done about them.

use maud::{Markup, html};

use super::parts::{cards, is_found, more, nothing, short_id, tries};
use crate::console::actions::Action;
use crate::console::data::{ConsoleData, InboxData};
use crate::console::forms::button;
use crate::console::times::since;
use crate::inbox::EventSummary;

/// Events on the page.
const SHOWN: usize = 10;
/// Routes with buttons for all their dead letters.
const ROUTES: usize = 20;

/// How many there are.
pub(super) fn mark(data: &ConsoleData) -> Option<String> {
    let count = data.inbox.as_ref()?.dead_count();
    (count > 0).then(|| count.to_string())
}

pub(super) fn content(data: &ConsoleData) -> Markup {
    let Some(inbox) = &data.inbox else { return nothing("No route has an inbox.") };
    let found: Vec<_> = inbox.dead.iter().filter(|event| is_meant(&data.query, event)).collect();
    if found.is_empty() {
        return nothing(match data.query.as_str() {
            "" => "None.",
            _ => "None fits the search.",
        });
    }
    let all = usize::try_from(inbox.dead_count()).unwrap_or(usize::MAX);
    let all = if data.query.is_empty() { all.max(found.len()) } else { found.len() };
    html! {
        (cards("Dead letters", &["Event and route", "Received", "Reason", "Actions"], &html! {
            @for event in found.iter().take(SHOWN) { (row(data, event)) }
        }))
        (more(all.saturating_sub(SHOWN)))
        @if data.query.is_empty() { (of_routes(data, inbox)) }
    }
}

fn row(data: &ConsoleData, event: &EventSummary) -> Markup {
    let id = event.id.to_string();
    html! {
        tr {
            th scope="row" { (short_id(&id)) " " span class="facts" { (event.route) } }
            td { (since(event.received, data.now)) }
            td {
                @if let Some(reason) = event.reason { code { (reason.as_str()) } " " }
                span class="facts" { (tries(event.tries)) }
            }
            td class="actions" {
                (button(&data.nonce, Action::Replay, &id, &id))
                (button(&data.nonce, Action::Drop, &id, &id))
                (button(&data.nonce, Action::Forget, &id, &id))
            }
        }
    }
}

/// Buttons for all dead letters of a route.
fn of_routes(data: &ConsoleData, inbox: &InboxData) -> Markup {
    let routes = inbox.routes.iter().filter(|totals| totals.dead > 0).take(ROUTES);
    html! {
        @for totals in routes {
            @let what = dead_events(totals.dead, &totals.route);
            p class="all" {
                span { (what) ":" } " "
                @for action in [Action::ReplayAll, Action::DropAll, Action::ForgetAll] {
                    (button(&data.nonce, action, &totals.route, &what))
                }
            }
        }
    }
}

/// So many dead letters of a route, in words.
pub(in crate::console) fn dead_events(count: u64, route: &str) -> String {
    format!("{count} dead {} of {route}", if count == 1 { "event" } else { "events" })
}

/// Whether an event fits the search.
pub(super) fn is_meant(query: &str, event: &EventSummary) -> bool {
    let id = event.id.to_string();
    let reason = event.reason.map(|reason| reason.as_str()).unwrap_or_default();
    let key = event.key.as_deref().unwrap_or_default();
    is_found(query, &[&id, &event.route, &event.principal, key, reason])
}
