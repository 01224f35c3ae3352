//! When clients and senders were seen last.

use maud::{Markup, html};

use super::parts::{is_found, more, nothing, table};
use crate::console::data::ConsoleData;
use crate::console::times::{since, since_unix};

/// Clients on the page.
const SHOWN: usize = 12;

pub(super) fn content(data: &ConsoleData) -> Markup {
    let is_meant = |client: &&crate::console::data::Client| {
        is_found(&data.query, &[&client.subject, &client.fingerprint])
    };
    let clients: Vec<_> = data.clients.iter().filter(is_meant).collect();
    let senders: Vec<_> = data.routes.iter().filter(|route| route.valid > 0).take(50).collect();
    if clients.is_empty() && senders.is_empty() {
        return nothing("None since the start.");
    }
    html! {
        (table("Clients and senders last seen", &["Client or route of a sender", "Seen", "Certificate expires"], &html! {
            @for route in senders {
                tr {
                    th scope="row" { (route.route) " (signed)" }
                    td { @if let Some(at) = route.last_valid { (since(at, data.now)) } }
                    td { "–" }
                }
            }
            @for client in clients.iter().take(SHOWN) {
                tr {
                    th scope="row" { (client.subject) }
                    td { (since_unix(client.last, data.now)) }
                    td { (since_unix(client.not_after, data.now)) }
                }
            }
        }))
        (more(clients.len().saturating_sub(SHOWN)))
    }
}
