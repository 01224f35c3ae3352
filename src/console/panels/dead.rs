//! Dead letters, with what can be done about them.

use maud::{Markup, html};

use super::parts::{is_found, more, nothing, table};
use crate::console::actions::Action;
use crate::console::data::ConsoleData;
use crate::console::forms::button;
use crate::console::times::since;
use crate::inbox::EventSummary;

/// Events on the page.
const SHOWN: usize = 10;

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
        (table("Dead letters", &["Event", "Route", "Received", "Reason", "Tries", "Actions"], &html! {
            @for event in found.iter().take(SHOWN) { (row(data, event)) }
        }))
        (more(all.saturating_sub(SHOWN)))
    }
}

fn row(data: &ConsoleData, event: &EventSummary) -> Markup {
    let id = event.id.to_string();
    html! {
        tr {
            th scope="row" { a href={ "/events/" (id) } { code { (id) } } }
            td { (event.route) }
            td { (since(event.received, data.now)) }
            td { @if let Some(reason) = event.reason { code { (reason.as_str()) } } }
            td { (event.tries) }
            td class="actions" {
                (button(&data.nonce, Action::Replay, &id, &id))
                (button(&data.nonce, Action::Drop, &id, &id))
                (button(&data.nonce, Action::Forget, &id, &id))
            }
        }
    }
}

/// Whether an event fits the search.
pub(super) fn is_meant(query: &str, event: &EventSummary) -> bool {
    let id = event.id.to_string();
    let reason = event.reason.map(|reason| reason.as_str()).unwrap_or_default();
    let key = event.key.as_deref().unwrap_or_default();
    is_found(query, &[&id, &event.route, &event.principal, key, reason])
}
