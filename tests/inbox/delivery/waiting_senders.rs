//! Senders that wait for the upstream's answer: `delivery = "try"`.

use std::time::{Duration, Instant};

use super::{command, dead, delivered, request, settings};
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::pki::Pki;
use crate::support::process::Clawgate;
use crate::support::{Latch, unused_port};

/// A clawgate whose senders wait for up to `wait`.
fn started(pki: &Pki, upstream: &str, wait: &str) -> Clawgate {
    let settings = settings(pki, "", &format!("[route.inbox]\nwait = \"{wait}\""));
    let settings = settings.replace("delivery = \"inbox\"", "delivery = \"try\"");
    command(pki, upstream, &settings).start()
}

fn send(pki: &Pki, clawgate: &Clawgate, body: &str) -> Answer {
    Client::new(pki, clawgate).send(&request(super::PATH, "k1", body))
}

#[test]
fn a_sender_gets_the_upstreams_own_answer_if_that_comes_in_time() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.write(b"HTTP/1.1 201 Created\r\nX-Of: upstream\r\nContent-Length: 4\r\n\r\ntext");
    });
    let clawgate = started(&pki, &backend.url(), "15s");

    let answer = send(&pki, &clawgate, "{}");

    assert_eq!((answer.status, &*answer.body), (201, &b"text"[..]));
    assert_eq!(answer.header("x-of"), Some("upstream"));
    delivered(&clawgate, answer.header("x-clawgate-event-id").unwrap());
}

#[test]
fn a_sender_learns_that_the_upstream_refuses_its_message() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.answer("422 No", "application/json", r#"{"error":"text"}"#)
    });
    let clawgate = started(&pki, &backend.url(), "15s");

    let answer = send(&pki, &clawgate, "{}");

    assert_eq!((answer.status, answer.json()["error"].as_str()), (422, Some("text")));
    dead(&clawgate, answer.header("x-clawgate-event-id").unwrap());
}

#[test]
fn a_sender_gets_the_usual_answer_when_the_upstream_takes_too_long() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let clawgate = started(&pki, &backend.url(), "200ms");

    let answer = send(&pki, &clawgate, "{}");

    let id = super::accepted(answer);
    latch.open();
    delivered(&clawgate, &id);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_sender_does_not_wait_for_an_upstream_that_is_down() {
    let pki = Pki::new();
    let clawgate = started(&pki, &format!("http://{}", unused_port()), "15s");
    let begun = Instant::now();
    super::accepted(send(&pki, &clawgate, "{}"));
    super::accepted(Client::new(&pki, &clawgate).send(&request(super::PATH, "k2", "{}")));
    assert!(begun.elapsed() < Duration::from_secs(10));
}
