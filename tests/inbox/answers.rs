//! What senders get: one test for each row of the table in docs/inbox.md.

use std::fs;

use super::support::{TOKEN, command, inbox, post, post_to, send, start, stored};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};
use crate::support::{Latch, eventually, unused_port};

const KEY: &str = "Idempotency-Key: meeting-1\r\n";

#[test]
fn a_direct_route_gives_the_upstreams_own_answer() {
    let pki = Pki::new();
    let backend =
        Backend::each(|exchange, _| exchange.answer("503 Service Unavailable", "text/plain", "no"));
    let toml = inbox(&pki, "")
        + &stored("/hooks/agent", "")
        + "[[route]]\npath = \"/hooks/wake\"\ndelivery = \"direct\"\n";
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let answer = send(&pki, &clawgate, &post_to("/hooks/wake", "", "{}"));

    assert_eq!((answer.status, &*answer.body), (503, &b"no"[..]));
    assert_eq!(answer.header("x-clawgate-event-id"), None);
}

#[test]
fn an_event_is_accepted_with_its_id_while_the_upstream_is_down_and_delivered_later() {
    let pki = Pki::new();
    let place = unused_port();
    let clawgate = start(&pki, &format!("http://{}", place.address()), "");

    let answer = send(&pki, &clawgate, &post("", r#"{"message":"hi"}"#));

    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["status"], "accepted");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("x-clawgate-event-id"), Some(&*id));
    assert_eq!(clawgate.request()["event_id"], id);
    let backend = Backend::at(place, |mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "application/json", "{}");
        }
    });
    let received = backend.first();
    assert_eq!(received.body, br#"{"message":"hi"}"#);
    assert_eq!(received.value("x-clawgate-event-id"), Some(&*id));
    assert_eq!(received.value("authorization"), Some(&*format!("Bearer {TOKEN}")));
    assert_eq!(received.value("x-clawgate-client-cn"), Some("fathom"));
    assert_eq!(received.value("idempotency-key"), Some(&*format!("cg-/hooks/agent-{id}")));
}

#[test]
fn the_senders_own_credentials_are_not_stored() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "");

    let headers = "Authorization: Bearer secret-of-the-sender\r\nCookie: session=secret-of-the-sender\r\nX-Own: 1\r\n";
    assert_eq!(send(&pki, &clawgate, &post(headers, "{}")).status, 202);

    let received = backend.first();
    assert_eq!(received.value("x-own"), Some("1"));
    assert_eq!(received.value("cookie"), None);
    let folder = pki.dir().join("inbox");
    for file in fs::read_dir(folder).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(20).any(|part| part == b"secret-of-the-sender"));
    }
}

#[test]
fn the_settings_say_with_which_status_an_event_is_accepted() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "[route.inbox]\nstatus = 204");

    let answer = send(&pki, &clawgate, &post("", "{}"));

    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(answer.header("x-clawgate-event-id").is_some());
    backend.first();
}

#[test]
fn an_event_that_comes_again_is_a_duplicate_with_the_first_id_and_is_delivered_once() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "");

    let first = send(&pki, &clawgate, &post(KEY, "{}"));
    let again = send(&pki, &clawgate, &post(KEY, "{}"));

    assert_eq!((first.status, again.status), (202, 200));
    assert_eq!(again.json()["status"], "duplicate");
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(send(&pki, &clawgate, &post("", r#"{"last":1}"#)).status, 202);
    eventually("the last event", || backend.received().into_iter().find(|event| event.body.len() > 2));
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn two_events_with_one_id_are_both_delivered_under_different_keys() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "");

    assert_eq!(send(&pki, &clawgate, &post(KEY, r#"{"n":1}"#)).status, 202);
    assert_eq!(send(&pki, &clawgate, &post(KEY, r#"{"n":2}"#)).status, 202);

    let warning = clawgate.event("event_key_reused", 1);
    assert_eq!(warning["key"], "meeting-1");
    let received = eventually("both events", || Some(backend.received()).filter(|all| all.len() == 2));
    let keys: Vec<_> = received.iter().map(|event| event.value("idempotency-key")).collect();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn two_clients_with_one_id_do_not_disturb_each_other() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "");
    let send_as = |name: &str| {
        let identity = pki.client(Leaf::client(name));
        Client::with_identity(&pki, &clawgate, &identity).send(&post(KEY, "{}")).status
    };

    assert_eq!([send_as("fathom"), send_as("recall")], [202, 202]);

    let received = eventually("both events", || Some(backend.received()).filter(|all| all.len() == 2));
    let keys: Vec<_> = received.iter().map(|event| event.value("idempotency-key")).collect();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn a_client_with_a_renewed_certificate_is_the_same_client() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "");

    // Each request is sent with a new certificate for the same name.
    assert_eq!(send(&pki, &clawgate, &post(KEY, "{}")).status, 202);
    assert_eq!(send(&pki, &clawgate, &post(KEY, "{}")).json()["status"], "duplicate");
}

#[test]
fn an_event_over_the_size_limit_is_refused_and_not_stored() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "[route.limits]\nbody = \"10B\"");

    let answer = send(&pki, &clawgate, &post("", "{\"longer\":1}"));

    assert_eq!((answer.status, &*answer.reason()), (413, "body_too_large"));
    assert_eq!(send(&pki, &clawgate, &post("", "{}")).status, 202);
    assert_eq!(backend.first().body, b"{}");
}

#[test]
fn a_full_inbox_asks_to_come_again_and_stores_nothing() {
    let pki = Pki::new();
    let place = unused_port();
    let toml = inbox(&pki, "max_events = 2") + &stored("/hooks/agent", "");
    let clawgate = command(&pki, &format!("http://{}", place.address()), &toml).start();
    let statuses = [(); 3].map(|()| send(&pki, &clawgate, &post("", "{}")).status);

    assert_eq!(statuses, [202, 202, 503]);

    let answer = send(&pki, &clawgate, &post("", "{}"));
    assert_eq!(&*answer.reason(), "inbox_full");
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert!(clawgate.event("delivery_failed", 1)["hint"].as_str().unwrap().contains("max_events"));
    let backend = Backend::at(place, |mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "application/json", "{}");
        }
    });
    eventually("room for an event", || {
        (send(&pki, &clawgate, &post("", r#"{"last":1}"#)).status == 202).then_some(())
    });
    eventually("the last event", || backend.received().into_iter().find(|event| event.body.len() > 2));
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn an_event_that_is_delivered_in_time_gets_the_upstreams_own_answer() {
    let pki = Pki::new();
    let backend =
        Backend::each(|exchange, _| exchange.answer("200 OK", "application/json", r#"{"runId":"r1"}"#));
    let toml = inbox(&pki, "") + "[[route]]\npath = \"/hooks/agent\"\ndelivery = \"try\"\n";
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let answer = send(&pki, &clawgate, &post("", "{}"));

    assert_eq!((answer.status, &answer.json()["runId"]), (200, &"r1".into()));
    assert!(answer.header("x-clawgate-event-id").is_some());
}

#[test]
fn an_event_that_is_refused_in_time_gets_the_upstreams_refusal() {
    let pki = Pki::new();
    let backend =
        Backend::each(|exchange, _| exchange.answer("400 Bad Request", "text/plain", "no message"));
    let toml = inbox(&pki, "") + "[[route]]\npath = \"/hooks/agent\"\ndelivery = \"try\"\n";
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let answer = send(&pki, &clawgate, &post("", "{}"));

    assert_eq!((answer.status, &*answer.body), (400, &b"no message"[..]));
}

#[test]
fn an_event_that_is_not_delivered_in_time_is_accepted_and_delivered_later() {
    let (pki, latch) = (Pki::new(), Latch::default());
    let backend = Backend::held(&latch);
    let toml = inbox(&pki, "")
        + "[[route]]\npath = \"/hooks/agent\"\ndelivery = \"try\"\n[route.inbox]\nwait = \"50ms\"\n";
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let answer = send(&pki, &clawgate, &post("", "{}"));

    assert_eq!((answer.status, &answer.json()["status"]), (202, &"accepted".into()));
    latch.open();
    clawgate.event("delivered", 1);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn an_inbox_that_cannot_be_opened_refuses_events_and_direct_routes_work() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    fs::write(pki.dir().join("inbox"), "a file, where a folder should be").unwrap();
    let toml = inbox(&pki, "") + &stored("/hooks/agent", "") + "[[route]]\npath = \"/hooks/wake\"\n";
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let answer = send(&pki, &clawgate, &post("", "{}"));

    assert_eq!((answer.status, &*answer.reason()), (503, "inbox_unavailable"));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert!(clawgate.event("inbox_unavailable", 1)["file"].as_str().unwrap().ends_with("inbox.db"));
    assert_eq!(send(&pki, &clawgate, &post_to("/hooks/wake", "", "{}")).status, 200);
}

#[test]
fn what_was_accepted_before_a_restart_is_delivered_after_it() {
    let pki = Pki::new();
    let place = unused_port();
    let toml = inbox(&pki, "") + &stored("/hooks/agent", "");
    let mut clawgate = command(&pki, &format!("http://{}", place.address()), &toml).start();
    let id = send(&pki, &clawgate, &post(KEY, "{}")).json()["id"].clone();
    assert_eq!(clawgate.stop().code(), Some(0));

    let backend = Backend::at(place, |mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "application/json", "{}");
        }
    });
    let clawgate = command(&pki, &backend.url(), &toml).start();

    assert_eq!(backend.first().value("x-clawgate-event-id"), id.as_str());
    assert_eq!(send(&pki, &clawgate, &post(KEY, "{}")).json()["id"], id);
}

#[test]
fn while_a_new_clawgate_takes_over_no_event_is_lost_or_delivered_twice() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = inbox(&pki, "") + &stored("/hooks/agent", "");
    let mut old = command(&pki, &backend.url(), &toml).start();
    let send_one = |clawgate, number: usize| {
        let key = format!("Idempotency-Key: {number}\r\n");
        send(&pki, clawgate, &post(&key, &format!("{{\"n\":{number}}}"))).status
    };
    let mut statuses: Vec<_> = (0..10).map(|number| send_one(&old, number)).collect();
    let new = command(&pki, &backend.url(), &toml).start();
    statuses.extend((10..20).map(|number| send_one(&new, number)));
    statuses.extend((20..30).map(|number| send_one(&old, number)));

    old.signal("TERM");
    statuses.extend((30..40).map(|number| send_one(&new, number)));
    assert_eq!(old.wait().code(), Some(0));

    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    let received = eventually("all events", || Some(backend.received()).filter(|all| all.len() >= 40));
    let mut bodies: Vec<_> = received.into_iter().map(|event| event.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), backend.received().len()), (40, 40));
}
