//! The token of the upstream.

use super::{delivered, ok, send, started};
use crate::support::backend::Backend;
use crate::support::pki::Pki;

#[test]
fn a_token_that_is_replaced_between_two_tries_is_used_at_the_next_one() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| match request.value("authorization") {
        Some("Bearer token-that-is-new") => ok(exchange),
        _ => exchange.answer("401 Unauthorized", "text/plain", "Unauthorized"),
    });
    let clawgate = started(&pki, &backend.url(), "");
    let id = send(&pki, &clawgate, "k1");
    let paused = clawgate.event("route_paused", 1);
    assert!(paused["hint"].as_str().unwrap().contains("hooks.token"), "{paused}");

    pki.file("token", "token-that-is-new");
    clawgate.signal("HUP");

    delivered(&clawgate, &id);
    let received = backend.received();
    let (first, last) = (received.first().unwrap(), received.last().unwrap());
    assert_eq!(first.value("authorization"), Some("Bearer token-of-openclaw"));
    assert_eq!(last.value("authorization"), Some("Bearer token-that-is-new"));
    assert_eq!(first.value("idempotency-key"), last.value("idempotency-key"));
}
