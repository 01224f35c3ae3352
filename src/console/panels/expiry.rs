//! Certificates, CAs and CRLs that expire.

use maud::{Markup, html};

use super::parts::{cards, is_found, more, nothing, short};
use crate::console::data::ConsoleData;
use crate::console::times::since_unix;

/// Items on the page.
const SHOWN: usize = 12;

pub(super) fn content(data: &ConsoleData) -> Markup {
    let meant = |name: &str, kind: &str| is_found(&data.query, &[name, kind]);
    let found: Vec<_> = data.expiring.iter().filter(|item| meant(&item.name, item.kind)).collect();
    if found.is_empty() {
        return nothing("Nothing is known that expires.");
    }
    html! {
        (cards("What expires", &["What", "Name", "Expires"], &html! {
            @for item in found.iter().take(SHOWN) {
                tr {
                    td { (item.kind) }
                    th scope="row" { (short(&item.name)) }
                    td { (since_unix(item.at, data.now)) }
                }
            }
        }))
        (more(found.len().saturating_sub(SHOWN)))
    }
}
