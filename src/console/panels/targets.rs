//! The targets of the relay: whether events reach them, what is left of their limits, and their credentials.

use maud::{Markup, html};

use super::parts::{is_found, more, nothing};
use crate::console::data::ConsoleData;
use crate::console::times::since;
use crate::relay::credentials::CredentialState;
use crate::relay::state::{TargetState, TargetTry};
use crate::relay::target::route_of;

/// Targets on the page.
const SHOWN: usize = 20;

/// How many fail.
pub(super) fn mark(data: &ConsoleData) -> Option<String> {
    let failing = data.targets.iter().filter(|target| target.has_failed_last()).count();
    (failing > 0).then(|| format!("{failing} failing"))
}

pub(super) fn content(data: &ConsoleData) -> Markup {
    let is_meant = |target: &&TargetState| is_found(&data.query, &[&target.name, &target.server]);
    let found: Vec<_> = data.targets.iter().filter(is_meant).collect();
    if found.is_empty() {
        return nothing(match data.targets.is_empty() {
            true => "The relay has no target.",
            false => "None fits the search.",
        });
    }
    html! {
        ul class="groups" {
            @for target in found.iter().take(SHOWN) { li { (of_target(data, target)) } }
        }
        (more(found.len().saturating_sub(SHOWN)))
    }
}

fn of_target(data: &ConsoleData, target: &TargetState) -> Markup {
    let failed = target.last_failure.as_ref().filter(|_| target.has_failed_last());
    html! {
        h3 {
            (target.name) " "
            @if failed.is_some() { span class="mark fault" { "failing" } }
            @if target.paused_until.is_some() { span class="mark warning" { "limit reached" } }
        }
        p class="facts" { (target.server) ", " (target.auth) }
        dl {
            dt { "Last success" } dd { (of_try(data, target.last_success.as_ref())) }
            dt { "Last failure" } dd { (of_try(data, target.last_failure.as_ref())) }
            @if let Some(rate) = &target.rate {
                dt { "Left of " code { "rate" } }
                dd {
                    (rate.left) " at once, of " (rate.rate)
                    @if let Some(next) = rate.next { "; the next one " (since(next, data.now)) }
                }
            }
            dt { "Its own limit" }
            dd {
                @if let Some(until) = target.paused_until {
                    strong { "reached" } "; the next request " (since(until, data.now))
                } @else if let Some(quota) = &target.quota {
                    (quota.remaining) " left, as it said " (since(quota.at, data.now))
                    @if let Some(reset) = quota.reset { "; more " (since(reset, data.now)) }
                } @else { "it has said nothing about one" }
            }
            dt { "Credential" } dd { (credential(data, &target.credential)) }
            dt { "Events" } dd { (queue(data, target)) }
        }
    }
}

fn of_try(data: &ConsoleData, seen: Option<&TargetTry>) -> Markup {
    let Some(seen) = seen else { return html! { "none since the start" } };
    html! {
        (since(seen.at, data.now))
        @match (&seen.detail, seen.status) {
            (Some(detail), _) => { ": " (detail) }
            (None, Some(status)) => { ": status " (status) }
            (None, None) => {}
        }
    }
}

fn credential(data: &ConsoleData, credential: &CredentialState) -> Markup {
    html! {
        @match credential {
            CredentialState::None => { "none needed" }
            CredentialState::File { read } => { "its file was read " (since(*read, data.now)) }
            CredentialState::NotAsked => { "no token is there; the next request asks for one" }
            CredentialState::Missing { detail } => { strong { "no token" } ": " (detail) }
            CredentialState::Token { renewed, ends, failure } => {
                "a token"
                @match (renewed, ends) {
                    (Some(renewed), Some(ends)) => {
                        " that ends " (since(*ends, data.now)) ", to be renewed " (since(*renewed, data.now))
                    }
                    _ => { " without an end" }
                }
                @if let Some(failure) = failure { "; " strong { "not renewed" } ": " (failure) }
            }
        }
    }
}

fn queue(data: &ConsoleData, target: &TargetState) -> Markup {
    if target.delivery != "queue" {
        return html! { "sent at once; the caller waits for the answer" };
    }
    let route = route_of(&target.name);
    let inbox = data.inbox.as_ref();
    let stored = inbox.and_then(|inbox| inbox.routes.iter().find(|totals| *totals.route == *route));
    let is_paused = inbox.is_some_and(|inbox| inbox.paused.contains(&route));
    html! {
        @match stored {
            Some(totals) => {
                (totals.waiting) " waiting"
                @if let Some(at) = totals.oldest_waiting { ", the oldest since " (since(at, data.now)) }
                ", " (totals.delivered) " delivered, " (totals.dead) " dead"
            }
            None => { "none stored" }
        }
        @if is_paused { "; " a href="#inbox" { "paused" } }
    }
}
