//! Buttons. Each is a form, so that it works without the script.

use maud::{Markup, html};

use super::actions::Action;

/// A button for an action on `target`. `what` names the target for screen readers. An action that needs confirmation leads to a
/// page that asks; with the script, a dialog asks.
pub(super) fn button(nonce: &str, action: Action, target: &str, what: &str) -> Markup {
    let label = action.label();
    let named = if what.is_empty() { label.to_owned() } else { format!("{label} {what}") };
    match action.question() {
        Some(question) => html! {
            form class="act" method="post" action="/confirm" data-question=(question)
                data-post={ "/actions/" (action) } data-label=(label) {
                input type="hidden" name="nonce" value=(nonce);
                input type="hidden" name="action" value=(action);
                input type="hidden" name="target" value=(target);
                button type="submit" class="danger" aria-label=(named) { (label) "…" }
            }
        },
        None => post(
            nonce,
            action,
            target,
            html! {
                button type="submit" aria-label=(named) { (label) }
            },
        ),
    }
}

/// A form that carries out an action.
pub(super) fn post(nonce: &str, action: Action, target: &str, inner: Markup) -> Markup {
    html! {
        form class="act" method="post" action={ "/actions/" (action) } {
            input type="hidden" name="nonce" value=(nonce);
            input type="hidden" name="target" value=(target);
            (inner)
        }
    }
}

/// A text to copy. The script adds a button to it.
pub(super) fn copyable(summary: &str, text: &str) -> Markup {
    html! {
        details class="copy" {
            summary { (summary) }
            pre tabindex="0" aria-label=(summary) { code { (text) } }
        }
    }
}
