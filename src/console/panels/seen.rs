//! When clients and senders were seen last.

use maud::{Markup, html};

use super::parts::{cards, is_found, more, nothing, short};
use crate::console::actions::Action;
use crate::console::data::{Client, ConsoleData, DenylistAccess};
use crate::console::forms::button;
use crate::console::times::{since, since_unix};
use crate::identity::time::unix_seconds;

/// Clients on the page.
const SHOWN: usize = 12;

pub(super) fn content(data: &ConsoleData) -> Markup {
    let is_meant = |client: &&Client| is_found(&data.query, &[&client.subject, &client.fingerprint]);
    let clients: Vec<_> = data.clients.iter().filter(is_meant).collect();
    let senders: Vec<_> = data.routes.iter().filter(|route| route.valid > 0).take(50).collect();
    if clients.is_empty() && senders.is_empty() {
        return nothing("None since the start.");
    }
    let can_deny = data.denylist == DenylistAccess::Append && !clients.is_empty();
    let heads = ["Client or route of a sender", "Seen", "Certificate", "Actions"];
    let heads = if can_deny { &heads[..] } else { &heads[..3] };
    html! {
        (cards("Clients and senders last seen", heads, &html! {
            @for route in senders {
                tr {
                    th scope="row" { (route.route) " " span class="facts" { "by signature" } }
                    td { @if let Some(at) = route.last_valid { (since(at, data.now)) } }
                    td { "–" }
                    @if can_deny { td {} }
                }
            }
            @for client in clients.iter().take(SHOWN) {
                tr {
                    th scope="row" { (short(&client.subject)) " " span class="facts" { "by certificate" } }
                    td { (since_unix(client.last, data.now)) }
                    td {
                        @let has_ended = client.not_after < unix_seconds(data.now);
                        (if has_ended { "expired " } else { "expires " }) (since_unix(client.not_after, data.now))
                    }
                    @if can_deny {
                        td { (button(&data.nonce, Action::Deny, &client.fingerprint, &short(&client.subject))) }
                    }
                }
            }
        }))
        (more(clients.len().saturating_sub(SHOWN)))
    }
}
