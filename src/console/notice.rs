//! A page with one sentence: why nothing was done.

use maud::html;

use super::page::frame;

/// Says `text` below a heading.
pub fn notice_page(heading: &str, text: &str) -> String {
    let content = html! {
        header class="top warning" { h1 { a href="/" { "clawgate" } } }
        main class="narrow" {
            h2 { (heading) }
            p { (text) }
            p { a href="/" { "Back to the console" } }
        }
    };
    frame(&format!("clawgate: {heading}"), content).into_string()
}
