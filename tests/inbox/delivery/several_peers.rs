//! What the instances with one inbox in NATS JetStream tell each other: answers for senders that wait, pauses, and their end.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clawgate::inbox::JetStreamSettings;
use serde_json::{Value, json};

use super::{PATH, accepted, command, delivered, ok, request};
use crate::console::act;
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::nats::NatsServer;
use crate::support::pki::Pki;
use crate::support::process::Clawgate;
use crate::support::{Latch, eventually, plain};

/// How long senders wait. Much longer than what these tests expect.
const WAIT: &str = "30s";
const SHORT: Duration = Duration::from_secs(15);

/// A route whose senders wait for the answer. What fails is tried again after a long time. `user` has lines about the user of NATS.
fn start(pki: &Pki, upstream: &str, nats: &JetStreamSettings, wait: &str, user: &str) -> Clawgate {
    let settings = format!(
        "[inbox]\nstore = [\"{}\"]\nnats.name = {:?}\nnats.replicas = 1\n{user}\nretry_first = \"60s\"\nretry_max = \"300s\"\n\n\
         [[route]]\npath = \"{PATH}\"\ndelivery = \"try\"\n[route.inbox]\nwait = \"{wait}\"\n",
        nats.servers[0], nats.name
    );
    command(pki, upstream, &settings).admin().start()
}

/// Two clawgates. The first one delivers, and the second one knows that.
fn two(pki: &Pki, upstream: &str, nats: &JetStreamSettings, wait: &str) -> (Clawgate, Clawgate) {
    let first = start(pki, upstream, nats, wait, "");
    first.event("delivery_started", 1);
    let second = start(pki, upstream, nats, wait, "");
    eventually("the first one's name", || {
        (inbox(&second)["deliverer"]["pid"] == first.pid()).then_some(())
    });
    (first, second)
}

/// What `/status` has of the inbox.
fn inbox(clawgate: &Clawgate) -> Value {
    plain::get(clawgate.admin(), "/status").json()["inbox"].clone()
}

fn answer(pki: &Pki, clawgate: &Clawgate, key: &str) -> Answer {
    Client::new(pki, clawgate).send(&request(PATH, key, "{}"))
}

/// Until `clawgate` shows that the route is paused; what it shows of the upstreams.
fn paused(clawgate: &Clawgate) -> Value {
    eventually("the pause", || {
        let shown = inbox(clawgate)["upstreams"].take();
        (shown[0]["routes"][0]["route"] == PATH).then_some(shown)
    })
}

/// An upstream that answers with 401, which pauses the route, as long as the flag is set.
fn refusing() -> (Arc<AtomicBool>, Backend) {
    let refuses = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&refuses);
    let backend = Backend::each(move |exchange, _| match asked.load(Ordering::SeqCst) {
        true => exchange.answer("401 Unauthorized", "text/plain", ""),
        false => ok(exchange),
    });
    (refuses, backend)
}

#[test]
fn a_sender_at_the_instance_that_does_not_deliver_gets_the_upstreams_answer() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.write(b"HTTP/1.1 201 Created\r\nX-Of: upstream\r\nContent-Length: 4\r\n\r\ntext");
    });
    let (first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);

    let answer = answer(&pki, &second, "k");

    assert_eq!((answer.status, &*answer.body), (201, &b"text"[..]), "{answer:?}");
    assert_eq!(answer.header("x-of"), Some("upstream"));
    delivered(&first, answer.header("x-clawgate-event-id").unwrap());
}

#[test]
fn a_sender_at_the_instance_that_does_not_deliver_learns_that_its_message_is_refused() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.answer("422 No", "application/json", r#"{"error":"text"}"#)
    });
    let (_first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);

    let answer = answer(&pki, &second, "k");

    assert_eq!((answer.status, answer.json()["error"].as_str()), (422, Some("text")), "{answer:?}");
}

#[test]
fn an_answer_that_is_too_large_for_a_message_ends_the_wait_with_202() {
    let pki = Pki::new();
    let large = "x".repeat(300 * 1024);
    let backend = Backend::each(move |exchange, _| exchange.answer("200 OK", "text/plain", &large));
    let (_first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);
    let begun = Instant::now();

    accepted(answer(&pki, &second, "k"));

    assert!(begun.elapsed() < SHORT, "{:?}", begun.elapsed());
}

#[test]
fn an_instance_that_does_not_deliver_has_a_metric_that_says_whether_another_one_does() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let (_first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);

    eventually("the metrics", || {
        let text = String::from_utf8(plain::get(second.admin(), "/metrics").body).unwrap();
        let has = |line: &str| text.lines().any(|have| have == line);
        (has("clawgate_inbox_delivering 0") && has("clawgate_inbox_deliverer_known 1")).then_some(())
    });
}

#[test]
fn a_pause_is_shown_at_all_instances() {
    let pki = Pki::new();
    let (_, backend) = refusing();
    let (first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);
    accepted(answer(&pki, &first, "k"));

    let at_second = paused(&second);

    assert_eq!(at_second, inbox(&first)["upstreams"]);
    let text = String::from_utf8(plain::get(second.admin(), "/console.txt").body).unwrap();
    assert!(text.contains(&format!("{PATH} paused (misconfigured): it answered 401")), "{text}");
    assert!(text.contains(&format!("(process {})", first.pid())), "{text}");
}

#[test]
fn a_sender_does_not_wait_for_a_route_that_the_other_instance_has_paused() {
    let pki = Pki::new();
    let (_, backend) = refusing();
    let (first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);
    accepted(answer(&pki, &first, "k1"));
    paused(&second);
    let begun = Instant::now();

    accepted(answer(&pki, &second, "k2"));

    assert!(begun.elapsed() < SHORT, "{:?}", begun.elapsed());
}

#[test]
fn a_pause_ends_the_wait_of_a_sender_at_the_instance_that_does_not_deliver() {
    let pki = Pki::new();
    let (_, backend) = refusing();
    let (_first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);
    let begun = Instant::now();

    accepted(answer(&pki, &second, "k"));

    assert!(begun.elapsed() < SHORT, "{:?}", begun.elapsed());
}

#[test]
fn a_pause_can_be_ended_at_the_instance_that_does_not_deliver() {
    let pki = Pki::new();
    let (refuses, backend) = refusing();
    let (first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);
    let id = accepted(answer(&pki, &first, "k"));
    paused(&second);
    refuses.store(false, Ordering::SeqCst);

    let outcome = act(&second, "resume_route", PATH);

    assert!(outcome.contains("is tried now"), "{outcome}");
    assert_eq!(delivered(&first, &id)["attempt"], 2);
    eventually("the end of the pause", || {
        (inbox(&second)["upstreams"][0]["routes"] == json!([])).then_some(())
    });
}

#[test]
fn messages_that_are_none_of_clawgates_are_logged_and_change_nothing() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let server = NatsServer::shared();
    let nats = server.stream();
    let (first, second) = two(&pki, &backend.url(), &nats, WAIT);

    for message in ["", "text", r#"{"v":1,"type":"state"}"#, r#"{"v":2}"#, &"[".repeat(100_000)] {
        server.publish(&format!("{}.peers", nats.name), message);
    }

    for clawgate in [&first, &second] {
        let line = clawgate.event("peer_message_ignored", 1);
        assert!(line["detail"].as_str().unwrap().contains("EOF"), "{line}");
    }
    assert_eq!(answer(&pki, &second, "k").status, 200);
    assert_eq!(first.events("peer_message_ignored").len(), 1);
}

#[test]
fn a_sender_gets_202_after_its_wait_if_the_instance_that_delivers_is_killed_meanwhile() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let (mut first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), "3s");
    let begun = Instant::now();

    thread::scope(|scope| {
        let sender = scope.spawn(|| answer(&pki, &second, "k"));
        eventually("the try", || (!backend.received().is_empty()).then_some(()));
        first.signal("KILL");
        first.wait();
        accepted(sender.join().unwrap());
    });

    let took = begun.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(8)).contains(&took), "{took:?}");
    latch.open();
}

#[test]
fn an_instance_that_has_ended_is_no_longer_shown_as_the_one_that_delivers() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let (mut first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream(), WAIT);

    first.stop();

    eventually("another one", || (inbox(&second)["deliverer"]["pid"] == second.pid()).then_some(()));
    assert_eq!(inbox(&second)["delivering"], true);
}

#[test]
fn without_the_permission_for_these_messages_events_are_stored_and_delivered_and_the_log_names_it() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let server = NatsServer::start(
        "authorization { users: [{ user: claw, password: s3cret, permissions: { subscribe: [\"_INBOX.>\"] } }] }",
    );
    let (password, nats) = (pki.dir().join("password"), server.stream());
    fs::write(&password, "s3cret").unwrap();
    let user = format!("nats.username = \"claw\"\nnats.password_file = {password:?}");

    let clawgate = start(&pki, &backend.url(), &nats, WAIT, &user);

    let line = clawgate.event("nats_error", 1);
    let subject = format!("{}.peers", nats.name);
    eventually("its right to deliver", || (inbox(&clawgate)["delivering"] == true).then_some(()));
    assert!(line["detail"].as_str().unwrap().to_lowercase().contains(&subject), "{line}");
    assert_eq!(answer(&pki, &clawgate, "k").status, 200);
}
