//! What several panels need.

use maud::{Markup, html};

/// Characters of a name in a table.
const MAX_NAME: usize = 120;

/// One panel.
pub(in crate::console) struct Panel {
    /// The `id` of its element.
    pub(in crate::console) id: &'static str,
    pub(in crate::console) title: &'static str,
    /// What stands beside its name in the list of panels: how many there are, or a word.
    pub(in crate::console) mark: Option<String>,
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

/// A link to the page of the event with this `id`. Only its end is shown: the beginning is a time, and alike in all that are near.
pub(super) fn short_id(id: &str) -> Markup {
    let end = id.rsplit('-').next().unwrap_or(id);
    html! { a href={ "/events/" (id) } title=(id) { code { (end) } } }
}

/// How often an event was tried.
pub(super) fn tries(number: u32) -> String {
    format!("{number} {}", if number == 1 { "try" } else { "tries" })
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
    table_of("scroll", label, heads, rows)
}

/// The same for rows that can be read without the heads, as on a phone. A cell whose text is not plain without its head has that in
/// `data-head`.
pub(super) fn cards(label: &str, heads: &[&str], rows: &Markup) -> Markup {
    table_of("scroll cards", label, heads, rows)
}

fn table_of(class: &str, label: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div class=(class) tabindex="0" role="region" aria-label={ (label) ", table" } {
            table {
                caption class="unseen" { (label) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}
