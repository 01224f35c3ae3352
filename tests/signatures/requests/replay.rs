//! The same request is delivered once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{SECRET, configured, github, post, send, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::{Latch, eventually};

const SIGNATURE: &str = "authenticate = \"signature\"";

#[test]
fn a_delivered_request_that_comes_again_is_answered_and_not_delivered() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));

    assert_eq!(send(&pki, &clawgate, "/hooks/github", "{}").status, 200);
    let again = send(&pki, &clawgate, "/hooks/github", "{}");

    assert_eq!(again.status, 200);
    assert_eq!(again.json()["status"], "duplicate");
    assert_eq!(again.header("content-type"), Some("application/json"));
    let line = clawgate.event("request", 2);
    assert_eq!(line["authenticated_by"], "signature");
    assert_eq!(line["detail"], "the event was delivered before");
    assert_eq!(send(&pki, &clawgate, "/hooks/github", "{ }").status, 200);
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn a_request_that_the_upstream_refused_passes_again() {
    let pki = Pki::new();
    let count = AtomicUsize::new(0);
    let backend = Backend::each(move |exchange, _| {
        let status = ["503 Service Unavailable", "400 Bad Request", "200 OK"];
        exchange.answer(status[count.fetch_add(1, Ordering::SeqCst)], "text/plain", "");
    });
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));

    let statuses = [(); 4].map(|()| send(&pki, &clawgate, "/hooks/github", "{}").status);

    assert_eq!(statuses, [503, 400, 200, 200]);
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn a_request_whose_twin_is_being_delivered_is_told_to_come_again() {
    let (pki, latch) = (Pki::new(), Latch::default());
    let backend = Backend::held(&latch);
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));
    let request = post("/hooks/github", &signature(SECRET, b"{}"), "{}");
    let mut first = Client::without_certificate(&pki, &clawgate).connect().unwrap();
    first.write(request.as_bytes());
    eventually("the first request at the upstream", || backend.received().pop());

    let second = Client::without_certificate(&pki, &clawgate).send(&request);

    assert_eq!((second.status, &*second.reason()), (409, "event_in_progress"));
    assert_eq!(second.header("retry-after"), Some("1"));
    latch.open();
    assert_eq!(first.answer().status, 200);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_reload_does_not_forget_what_was_delivered() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", SIGNATURE);
    let clawgate = configured(&pki, &backend.url(), &toml);
    assert_eq!(send(&pki, &clawgate, "/hooks/github", "{}").status, 200);

    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    assert_eq!(send(&pki, &clawgate, "/hooks/github", "{}").json()["status"], "duplicate");
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn the_same_event_at_another_route_is_another_event() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/one", SIGNATURE) + &github(&pki, "/hooks/two", SIGNATURE);
    let clawgate = configured(&pki, &backend.url(), &toml);

    send(&pki, &clawgate, "/hooks/one", "{}");
    send(&pki, &clawgate, "/hooks/two", "{}");

    assert_eq!(backend.received().len(), 2);
}

#[test]
fn without_replay_protection_each_request_is_delivered() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", SIGNATURE) + "replay = \"off\"\n";
    let clawgate = configured(&pki, &backend.url(), &toml);

    send(&pki, &clawgate, "/hooks/github", "{}");
    send(&pki, &clawgate, "/hooks/github", "{}");

    assert_eq!(backend.received().len(), 2);
}
