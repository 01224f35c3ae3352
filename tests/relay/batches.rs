//! Several events in one request.

use super::{Target, bodies, command, events, settings, start, track};
use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::{eventually, unused_port};

fn target(pki: &Pki, api: &Backend, batch: &str) -> Target {
    Target::at(pki, api.address()).set("id", "\"body:/n\"").set("batch", batch)
}

fn send(clawgate: &crate::support::process::Clawgate, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert_eq!(track(clawgate, &format!("{{\"n\":{number}}}")).status, 202);
    }
}

#[test]
fn each_form_has_its_body_and_type() {
    for (form, body, kind) in [
        ("array", "[{\"n\":0},{\"n\":1}]", "application/json"),
        ("ndjson", "{\"n\":0}\n{\"n\":1}\n", "application/x-ndjson"),
        ("/events", "{\"events\":[{\"n\":0},{\"n\":1}]}", "application/json"),
    ] {
        let (pki, api) = (Pki::new(), Backend::ok());
        let batch = format!("{{ count = 2, period = \"1m\", form = \"{form}\" }}");
        let clawgate = start(&pki, target(&pki, &api, &batch));
        send(&clawgate, 0..2);

        let received = api.first();
        assert_eq!(
            (String::from_utf8(received.body.clone()).unwrap(), received.value("content-type")),
            (body.to_owned(), Some(kind))
        );
        assert!(received.value("idempotency-key").unwrap().starts_with("batch-"));
        let delivered = events(&clawgate, "delivered", 2);
        assert_eq!(delivered[0]["id"], delivered[1]["id"]);
        assert_ne!(delivered[0]["event_id"], delivered[1]["event_id"]);
    }
}

#[test]
fn a_batch_is_sent_after_its_period() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, target(&pki, &api, "{ count = 100, period = \"300ms\" }"));
    send(&clawgate, 0..3);

    let delivered = clawgate.event("delivered", 3);
    assert!(delivered["waited_ms"].as_f64().unwrap() >= 200.0, "{delivered}");
    assert_eq!(bodies(&api), ["[{\"n\":0},{\"n\":1},{\"n\":2}]"]);
}

#[test]
fn only_the_event_that_is_the_cause_of_a_refusal_dies() {
    let pki = Pki::new();
    let api = Backend::each(|exchange, request| {
        match String::from_utf8(request.body).unwrap().contains("{\"n\":2}") {
            true => exchange.answer("400 Bad Request", "application/json", "{\"error\":\"n\"}"),
            false => exchange.answer("200 OK", "application/json", "{}"),
        }
    });
    let clawgate = start(&pki, target(&pki, &api, "{ count = 4, period = \"1m\" }"));
    send(&clawgate, 0..4);

    events(&clawgate, "delivered", 3);
    let dead = clawgate.event("dead_lettered", 1);
    assert_eq!((&dead["reason"], &dead["status"]), (&"rejected".into(), &400.into()));
    let accepted: String = bodies(&api).into_iter().filter(|body| !body.contains("{\"n\":2}")).collect();
    for number in [0, 1, 3] {
        assert_eq!(accepted.matches(&format!("{{\"n\":{number}}}")).count(), 1, "{accepted}");
    }
}

#[test]
fn a_batch_has_the_same_events_and_id_after_a_restart() {
    let pki = Pki::new();
    let lost = Backend::script(|mut exchange| drop(exchange.request()));
    let settings = |address| {
        let target = Target::at(&pki, address);
        let target = target.set("id", "\"body:/n\"").set("batch", "{ count = 3, period = \"1m\" }");
        settings(&pki, &[target])
    };
    let mut clawgate = command(&pki, &settings(lost.address())).start();
    send(&clawgate, 0..3);
    eventually("a try", || (!lost.received().is_empty()).then_some(()));
    events(&clawgate, "delivery_attempt_failed", 3);
    // Not enough for a batch of their own, and no part of the first one.
    send(&clawgate, 3..5);
    clawgate.signal("KILL");
    clawgate.wait();

    let api = Backend::ok();
    let clawgate = command(&pki, &settings(api.address())).start();
    events(&clawgate, "delivered", 3);

    let (before, after) = (&lost.received()[0], api.first());
    assert_eq!(before.body, after.body);
    assert_eq!(before.value("idempotency-key"), after.value("idempotency-key"));
    let _ = unused_port();
}

#[test]
fn an_event_that_is_no_json_is_refused_where_it_would_be_sent_with_others() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let target = Target::at(&pki, api.address()).set("batch", "{ count = 2, period = \"1m\" }");
    let clawgate = start(&pki, target);

    assert_eq!(track(&clawgate, "},{").status, 400);
}
