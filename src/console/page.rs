//! The page, without what is in its panels.

use std::time::SystemTime;

use maud::{DOCTYPE, Markup, html};

use super::actions::Action;
use super::data::ConsoleData;
use super::forms::post;
use super::headline::{Headline, Urgency, headline};
use super::panels;
use super::times::{since, since_text};

/// The whole page of the console.
pub fn page(data: &ConsoleData) -> String {
    let line = headline(data);
    let title = match line.urgency {
        Urgency::Well => "clawgate: all well".to_owned(),
        _ => format!("clawgate: {}", line.text),
    };
    let all = panels::all(data);
    let content = html! {
        (top_line(&line, data.now))
        nav id="nav" aria-label="Panels" {
            ul {
                @for panel in &all {
                    li {
                        a href={ "#" (panel.id) } { (panel.title) }
                        @if let Some(mark) = &panel.mark { " " span class="count" { (mark) } }
                    }
                }
            }
        }
        main {
            (outcome(data))
            (controls(data))
            div class="panels" {
                @for panel in &all {
                    section id=(panel.id) aria-labelledby={ (panel.id) "-h" } tabindex="-1" {
                        h2 id={ (panel.id) "-h" } { (panel.title) }
                        (panel.content)
                    }
                }
            }
        }
        (dialog(&data.nonce))
    };
    frame(&title, content).into_string()
}

/// A whole document.
pub(super) fn frame(title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Without a `Referer`, the `Origin` of the forms would be `null`.
                meta name="referrer" content="same-origin";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/console.css";
                script type="module" src="/console.js" {}
            }
            body { (content) }
        }
    }
}

fn top_line(line: &Headline, now: SystemTime) -> Markup {
    let class = match line.urgency {
        Urgency::Well => "top well",
        Urgency::Warning => "top warning",
        Urgency::Fault => "top fault",
    };
    html! {
        a class="skip" href="#refusals" { "Skip to the panels" }
        header class=(class) {
            h1 { "clawgate" }
            div id="top" role="status" {
                p class="state" { (line.text) }
                @if !line.todo.is_empty() {
                    p class="todo" { (line.todo) " " a href={ "#" (line.panel) } { "See the panel" } }
                }
            }
            p id="since" class="facts" { @if let Some(at) = line.since { "Since " (since(at, now)) } }
        }
    }
}

fn outcome(data: &ConsoleData) -> Markup {
    html! {
        @if let Some(outcome) = &data.outcome {
            p class={ "outcome " (if outcome.is_done { "well" } else { "fault" }) } role="status" tabindex="-1" autofocus { (outcome.text) }
        }
    }
}

fn controls(data: &ConsoleData) -> Markup {
    html! {
        section id="reload" class="controls" aria-label="Search and reload" {
            form method="get" action="/" role="search" {
                label for="q" { "Search clients, refusals and events" }
                input id="q" type="search" name="q" value=(data.query) autocomplete="off";
                button type="submit" { "Search" }
                @if !data.query.is_empty() { a href="/" { "Show all" } }
            }
            (post(&data.nonce, Action::Reload, "", html! { button type="submit" { "Reload settings and files" } }))
            button type="button" id="pause" hidden aria-pressed="false" { "Pause refresh" }
            p class="facts" {
                "Version " (env!("CARGO_PKG_VERSION")) ", generation " (data.generation) ", "
                (data.connections) " open connections, started "
                (since_text(data.now.checked_sub(data.uptime).unwrap_or(data.now), data.now))
                @if data.draining { ", " strong { "clawgate is ending" } }
            }
            @if let Some(failed) = &data.reload_failed {
                p { "The last reload failed at " (failed.at) " (" (failed.origin) "):" }
                pre tabindex="0" aria-label="Why the last reload failed" { (failed.detail) }
            }
        }
    }
}

/// The script asks in it before an action that loses something.
fn dialog(nonce: &str) -> Markup {
    html! {
        dialog id="ask" aria-labelledby="ask-h" {
            form method="post" {
                h2 id="ask-h" { "Are you sure?" }
                p id="ask-what" {}
                p id="ask-question" {}
                input type="hidden" name="nonce" value=(nonce);
                input type="hidden" name="target" value="";
                button type="button" id="ask-no" { "Cancel" }
                button type="submit" class="danger" id="ask-yes" { "Yes" }
            }
        }
    }
}
