//! The page that asks before an action that loses something. Only browsers without the script need it.

use maud::html;

use super::actions::Action;
use super::forms::post;
use super::page::frame;

/// Asks whether to carry out `action` on `target`, which is `what` for people; `None` if it needs no confirmation.
pub fn confirm_page(action: Action, target: &str, what: &str, nonce: &str) -> Option<String> {
    let question = action.question()?;
    let content = html! {
        header class="top warning" { h1 { "clawgate" } }
        main class="narrow" {
            h2 { "Are you sure?" }
            p { (question) }
            p { code { (what) } }
            (post(nonce, action, target, html! {
                button type="submit" class="danger" { "Yes: " (action.label()) }
            }))
            p { a href="/" { "Cancel" } }
        }
    };
    Some(frame("clawgate: are you sure?", content).into_string())
}
