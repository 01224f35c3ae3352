//! The latest events, with a link to the page of each.

use maud::{Markup, html};

use super::dead::is_meant;
use super::parts::{nothing, short, table};
use crate::console::data::ConsoleData;
use crate::console::times::since;

/// Events on the page.
const SHOWN: usize = 10;

pub(super) fn content(data: &ConsoleData) -> Markup {
    let Some(inbox) = &data.inbox else { return nothing("No route has an inbox.") };
    let found: Vec<_> = inbox.latest.iter().filter(|event| is_meant(&data.query, event)).collect();
    if found.is_empty() {
        return nothing("None among the latest 200.");
    }
    table(
        "Latest events",
        &["Event", "Route", "From", "Received", "State", "Tries"],
        &html! {
            @for event in found.iter().take(SHOWN) {
                @let id = event.id.to_string();
                tr {
                    th scope="row" { a href={ "/events/" (id) } { code { (id) } } }
                    td { (event.route) }
                    td { (short(&event.principal)) }
                    td { (since(event.received, data.now)) }
                    td { (event.state.as_str()) }
                    td { (event.tries) }
                }
            }
        },
    )
}
