//! Repetitions that clawgate has refused, or answered without delivering them.

use maud::{Markup, html};

use super::parts::{nothing, table};
use crate::console::data::ConsoleData;

pub(super) fn content(data: &ConsoleData) -> Markup {
    let routes: Vec<_> = data.duplicates.iter().filter(|(_, count)| *count > 0).take(50).collect();
    if routes.is_empty() {
        return nothing("None since the start.");
    }
    table(
        "Duplicates by route",
        &["Route", "Repetitions since the start"],
        &html! {
            @for (route, count) in routes {
                tr { th scope="row" { (route) } td { (count) } }
            }
        },
    )
}
