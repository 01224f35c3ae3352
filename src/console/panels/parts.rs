//! What several panels need.

use maud::{Markup, html};

/// Characters of a name in a table.
const MAX_NAME: usize = 120;

/// One panel.
pub(in crate::console) struct Panel {
    /// The `id` of its element.
    pub(in crate::console) id: &'static str,
    pub(in crate::console) title: &'static str,
    pub(in crate::console) content: Markup,
}

/// Whether one of `texts` contains what is searched for, in any case.
pub(super) fn is_found(query: &str, texts: &[&str]) -> bool {
    let query = query.to_lowercase();
    query.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&query))
}

/// A name in a table: cut, since a certificate chooses how long it is. The page of an event and the log have all of it.
pub(super) fn short(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Says that a list is longer.
pub(super) fn more(left: usize) -> Markup {
    html! { @if left > 0 { p class="more" { (left) " more: search for them." } } }
}

/// Says that there is nothing.
pub(super) fn nothing(text: &str) -> Markup {
    html! { p class="nothing" { (text) } }
}

/// A table that can be scrolled sideways with the keyboard. `heads` are its columns.
pub(super) fn table(label: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(label) {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}
