//! What follows from the answers of a target.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Target, events, private_name, start, track};
use crate::support::backend::{Backend, Exchange, Received};
use crate::support::eventually;
use crate::support::pki::Pki;

/// An API that does something else with the first request.
fn first(script: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Backend {
    let count = AtomicUsize::new(0);
    Backend::each(move |exchange, _| match count.fetch_add(1, Ordering::SeqCst) {
        0 => script(exchange),
        _ => exchange.answer("200 OK", "application/json", "{}"),
    })
}

fn ids(received: &[Received]) -> HashSet<&str> {
    received.iter().map(|got| got.value("idempotency-key").unwrap()).collect()
}

#[test]
fn after_429_the_event_waits_as_long_as_the_target_asks() {
    let pki = Pki::new();
    let api = first(|exchange| {
        exchange.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
    });
    let clawgate = start(&pki, Target::at(&pki, api.address()));
    track(&clawgate, "{}");

    let failed = clawgate.event("delivery_attempt_failed", 1);
    assert_eq!((&failed["class"], &failed["status"]), (&"rate_limited".into(), &429.into()));
    let paused = clawgate.event("route_paused", 1);
    assert!(paused["hint"].as_str().unwrap().contains("`rate`"), "{paused}");
    let delivered = clawgate.event("delivered", 1);
    assert!(delivered["waited_ms"].as_f64().unwrap() >= 2000.0, "{delivered}");
    assert_eq!(ids(&api.received()).len(), 1);
}

#[test]
fn after_500_and_after_a_lost_connection_the_event_is_sent_again_with_the_same_id() {
    let pki = Pki::new();
    let count = AtomicUsize::new(0);
    let api = Backend::script(move |mut exchange| {
        while exchange.request().is_some() {
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => exchange.answer("500 Internal Server Error", "text/plain", "out\x1b[31m of order"),
                1 => return,
                _ => exchange.answer("200 OK", "application/json", "{}"),
            }
        }
    });
    let clawgate = start(&pki, Target::at(&pki, api.address()));
    track(&clawgate, "{\"a\":1}");
    clawgate.event("delivered", 1);

    let failed = events(&clawgate, "delivery_attempt_failed", 2);
    assert_eq!(
        (&failed[0]["class"], &failed[0]["detail"]),
        (&"failed".into(), &"it answered 500 Internal Server Error".into())
    );
    assert_eq!(failed[0]["answer"], "out\\1B[31m of order");
    assert_eq!(failed[1]["class"], "no_answer");
    let received = api.received();
    assert_eq!((received.len(), ids(&received).len()), (3, 1));
    assert!(received.iter().all(|got| got.body == b"{\"a\":1}"));
}

#[test]
fn a_redirect_is_not_followed_and_pauses_the_target() {
    let pki = Pki::new();
    let elsewhere = Backend::ok();
    let url = elsewhere.url();
    let api = Backend::each(move |exchange, _| {
        exchange.write(
            format!("HTTP/1.1 307 X\r\nLocation: {url}/\r\nContent-Length: 0\r\n\r\n").as_bytes(),
        );
    });
    let clawgate = start(&pki, Target::at(&pki, api.address()));
    track(&clawgate, "{}");

    let paused = clawgate.event("route_paused", 1);
    assert_eq!(
        (&paused["class"], &paused["route"]),
        (&"misconfigured".into(), &"relay:analytics".into())
    );
    assert!(paused["hint"].as_str().unwrap().contains("redirect"), "{paused}");
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn an_event_that_the_target_refuses_dies_and_the_others_go_on() {
    let pki = Pki::new();
    let api = Backend::each(|exchange, request| match &request.body[..] {
        b"{\"bad\":1}" => {
            exchange.answer("422 Unprocessable Content", "application/json", "{\"error\":\"bad\"}")
        }
        _ => exchange.answer("200 OK", "application/json", "{}"),
    });
    let clawgate = start(&pki, Target::at(&pki, api.address()));
    track(&clawgate, "{\"bad\":1}");
    track(&clawgate, "{\"good\":1}");

    clawgate.event("delivered", 1);
    let dead = clawgate.event("dead_lettered", 1);
    assert_eq!(
        (&dead["reason"], &dead["status"], &dead["answer"]),
        (&"rejected".into(), &422.into(), &"{\"error\":\"bad\"}".into())
    );
}

#[test]
fn a_status_of_done_on_means_that_the_target_has_the_event() {
    let pki = Pki::new();
    let api = Backend::each(|exchange, _| exchange.answer("409 Conflict", "application/json", "{}"));
    let clawgate = start(&pki, Target::at(&pki, api.address()).set("done_on", "[409]"));
    track(&clawgate, "{}");

    assert_eq!(clawgate.event("delivered", 1)["status"], 409);
}

#[test]
fn a_name_that_leads_to_a_private_address_is_not_connected_to_unless_that_is_allowed() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let Some(url) = private_name(&api) else { return };
    let target = Target::at(&pki, api.address()).without("allow_private").set("url", url);
    let clawgate = start(&pki, target);
    track(&clawgate, "{}");

    let paused = clawgate.event("route_paused", 1);
    let detail = paused["detail"].as_str().unwrap();
    assert!(detail.contains("which is not public"), "{detail}");
    assert!(paused["hint"].as_str().unwrap().contains("allow_private"), "{paused}");
    assert_eq!(api.connections(), 0);
}

#[test]
fn a_target_that_is_down_gets_its_events_when_it_is_up() {
    let pki = Pki::new();
    let port = crate::support::unused_port();
    let clawgate = start(&pki, Target::at(&pki, port.address()));
    for _ in 0..3 {
        track(&clawgate, "{}");
    }
    let paused = clawgate.event("upstream_paused", 1);
    assert_eq!(paused["upstream"], "analytics");
    assert!(paused["hint"].as_str().unwrap().contains("the target's `url`"), "{paused}");

    let api = Backend::at(port, |mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "application/json", "{}");
        }
    });
    clawgate.event("delivered", 3);
    assert_eq!(clawgate.event("upstream_resumed", 1)["upstream"], "analytics");
    eventually("three requests", || (api.received().len() == 3).then_some(()));
}
