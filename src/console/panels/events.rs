//! The latest events, with a link to the page of each.

use maud::{Markup, html};

use super::dead::is_meant;
use super::parts::{cards, nothing, short, short_id, tries};
use crate::console::data::ConsoleData;
use crate::console::principal::authentication;
use crate::console::times::since;
use crate::inbox::EventState;

/// Events on the page.
const SHOWN: usize = 10;

pub(super) fn content(data: &ConsoleData) -> Markup {
    let Some(inbox) = &data.inbox else { return nothing("No route has an inbox.") };
    let found: Vec<_> = inbox.latest.iter().filter(|event| is_meant(&data.query, event)).collect();
    if found.is_empty() {
        return nothing("None among the latest 200.");
    }
    cards(
        "Latest events",
        &["Event and route", "From", "Received", "State"],
        &html! {
            @for event in found.iter().take(SHOWN) {
                @let id = event.id.to_string();
                tr {
                    th scope="row" { (short_id(&id)) " " span class="facts" { (event.route) } }
                    td class="name" { (short(&authentication(&event.principal))) }
                    td { (since(event.received, data.now)) }
                    td { (state(event.state)) " " span class="facts" { (tries(event.tries)) } }
                }
            }
        },
    )
}

fn state(state: EventState) -> Markup {
    let class = match state {
        EventState::Waiting => "mark warning",
        EventState::Delivered => "mark well",
        EventState::Dead => "mark fault",
    };
    html! { span class=(class) { (state.as_str()) } }
}
