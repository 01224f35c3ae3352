//! Refused clients, grouped by client and reason.

use maud::{Markup, html};

use super::parts::{is_found, more, nothing};
use crate::console::actions::Action;
use crate::console::data::{ConsoleData, DenylistAccess, Refusal, Shown};
use crate::console::forms::{button, copyable};
use crate::console::times::since;

/// The bytes of the groups on the page. A name may be long, and a `<` takes four bytes.
const ENOUGH: usize = 28 * 1024;
/// Groups that are shown at once; the others are behind a button, so that the panels below stay near.
const AT_ONCE: usize = 4;
/// Alternative names that are shown.
const NAMES: usize = 4;

pub(super) fn content(data: &ConsoleData) -> Markup {
    let groups = grouped(data);
    if groups.is_empty() {
        return nothing(match data.query.as_str() {
            "" => "No client was refused lately.",
            _ => "No refused client fits the search.",
        });
    }
    let mut shown = Vec::new();
    let mut size = 0;
    for group in &groups {
        let markup = of_group(data, group);
        size += markup.0.len();
        if size > ENOUGH && !shown.is_empty() {
            break;
        }
        shown.push(markup);
    }
    // Who searches wants to see what was found.
    let first = if data.query.is_empty() { AT_ONCE } else { shown.len() };
    html! {
        ul class="groups" { @for group in shown.iter().take(first) { li { (group) } } }
        @if shown.len() > first {
            details {
                summary { "Show " (shown.len() - first) " more" }
                ul class="groups" { @for group in shown.iter().skip(first) { li { (group) } } }
            }
        }
        (more(groups.len() - shown.len()))
    }
}

/// Refusals of one client for one reason: the latest one, and how many there are.
pub(in crate::console) struct Group<'a> {
    pub(in crate::console) latest: &'a Refusal,
    pub(in crate::console) count: usize,
}

/// Those that fit the search, in the order of their latest one.
pub(in crate::console) fn grouped(data: &ConsoleData) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for refusal in &data.refusals {
        let mut texts = vec![&*refusal.reason, &refusal.detail, &refusal.peer, refusal.client()];
        if let Some(certificate) = &refusal.certificate {
            texts.extend([&*certificate.issuer, &certificate.fingerprint]);
            texts.extend(certificate.san.iter().map(String::as_str));
        }
        if !is_found(&data.query, &texts) {
            continue;
        }
        let is_same = |group: &&mut Group<'_>| {
            group.latest.client() == refusal.client() && group.latest.reason == refusal.reason
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.count += 1,
            None => groups.push(Group { latest: refusal, count: 1 }),
        }
    }
    groups
}

fn of_group(data: &ConsoleData, Group { latest, count }: &Group<'_>) -> Markup {
    html! {
        h3 { (latest.client()) }
        p class="facts" {
            code { (latest.reason) } " "
            @if let Some(at) = latest.at { (since(at, data.now)) " " }
            "from " (latest.peer)
            @if *count > 1 { ", logged " (count) " times" }
            @if latest.admitted_before { ", " strong { "was admitted before" } }
        }
        p { (latest.detail) }
        @if !latest.hint.is_empty() { p class="hint" { (latest.hint) } }
        @if let Some(certificate) = &latest.certificate {
            (of_certificate(data, certificate))
        }
    }
}

fn of_certificate(data: &ConsoleData, certificate: &Shown) -> Markup {
    let fingerprint = &certificate.fingerprint;
    html! {
        details {
            summary { "Certificate and actions" }
            dl {
                dt { "Subject" } dd { (certificate.subject) }
                dt { "Issuer" } dd { (certificate.issuer) }
                dt { "Valid until" } dd { (certificate.not_after) }
                dt { "Names" } dd {
                    @for san in certificate.san.iter().take(NAMES) { (san) " " }
                    @if certificate.san.len() > NAMES { "and " (certificate.san.len() - NAMES) " more" }
                }
                dt { "SHA-256" } dd { code { (fingerprint) } }
            }
            (copyable("Rule that allows it", &format!("fingerprint={fingerprint}")))
            @if let Some(url) = &data.client_url {
                (copyable("Request with curl", &curl(url)))
            }
            @match data.denylist {
                DenylistAccess::Append => { (button(&data.nonce, Action::Deny, fingerprint, &certificate.subject)) }
                DenylistAccess::ShowLine => {
                    (copyable("Line for the denylist", &format!("fingerprint={fingerprint}")))
                }
                DenylistAccess::None => {}
            }
        }
    }
}

/// A request to `url`; the names of the files are the operator's.
fn curl(url: &str) -> String {
    format!("curl -v --cert client.pem --key client.key {url}")
}
