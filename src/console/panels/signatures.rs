//! Signatures that are not valid, by route, with the likely cause.

use maud::{Markup, html};

use super::parts::{is_found, nothing, table};
use crate::console::data::{ConsoleData, SignatureRefusal};
use crate::console::history::PerRoute;
use crate::console::times::since;

/// Routes on the page.
const ROUTES: usize = 50;
/// Causes on the page.
const CAUSES: usize = 5;

pub(super) fn content(data: &ConsoleData) -> Markup {
    if data.routes.is_empty() {
        return nothing("No route verifies signatures.");
    }
    html! {
        (table("Signatures by route", &["Route", "Valid", "Last valid", "Not valid"], &html! {
            @for route in data.routes.iter().take(ROUTES) { (row(data, route)) }
        }))
        (causes(data))
    }
}

fn row(data: &ConsoleData, route: &PerRoute) -> Markup {
    html! {
        tr {
            th scope="row" { (route.route) }
            td { (route.valid) }
            td { @match route.last_valid {
                Some(at) => { (since(at, data.now)) }
                None => { "not since the start" }
            } }
            td { (route.failed) }
        }
    }
}

/// The latest refusal of each route and cause.
fn causes(data: &ConsoleData) -> Markup {
    let mut latest: Vec<&SignatureRefusal> = Vec::new();
    for refusal in &data.signature_refusals {
        let is_known =
            latest.iter().any(|known| known.route == refusal.route && known.cause == refusal.cause);
        if !is_known && is_found(&data.query, &[&refusal.route, &refusal.cause, &refusal.detail]) {
            latest.push(refusal);
        }
    }
    html! {
        @for refusal in latest.iter().take(CAUSES) {
            h3 { (refusal.route) }
            p class="facts" {
                code { (refusal.cause) } " "
                @if let Some(at) = refusal.at { (since(at, data.now)) }
            }
            p { (refusal.detail) }
            p class="hint" { (refusal.hint) }
        }
    }
}
