//! Several clawgates with one inbox in NATS JetStream.

use std::sync::atomic::{AtomicBool, Ordering};

use clawgate::inbox::JetStreamSettings;
use serde_json::Value;

use super::{PATH, about, command, delivered, ok, request, send};
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::eventually;
use crate::support::nats::NatsServer;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand, Output};

/// A route whose events are stored in this stream, and one without an inbox.
fn settings(nats: &JetStreamSettings) -> String {
    format!(
        "[inbox]\nstore = [\"{}\"]\nnats.name = {:?}\nnats.replicas = 1\nretry_first = \"50ms\"\n\
         retry_max = \"500ms\"\n\n\
         [[route]]\npath = \"{PATH}\"\ndelivery = \"inbox\"\n\n[[route]]\npath = \"/direct\"\n",
        nats.servers[0], nats.name
    )
}

fn start(pki: &Pki, upstream: &str, nats: &JetStreamSettings) -> Clawgate {
    command(pki, upstream, &settings(nats)).start()
}

/// Two clawgates. The first one delivers.
fn two(pki: &Pki, upstream: &str, nats: &JetStreamSettings) -> (Clawgate, Clawgate) {
    let first = start(pki, upstream, nats);
    first.event("delivery_started", 1);
    (first, start(pki, upstream, nats))
}

fn answer(pki: &Pki, clawgate: &Clawgate, path: &str, key: &str) -> Answer {
    Client::new(pki, clawgate).send(&request(path, key, "{}"))
}

/// `clawgate inbox` with these words, with the settings of the clawgates.
fn run(pki: &Pki, words: &[&str]) -> Output {
    let command = words.iter().fold(ClawgateCommand::bare("inbox"), |command, word| command.word(*word));
    command.arg("--config", pki.dir().join("clawgate.toml")).output()
}

/// The event with this id, once it has this state.
fn listed(pki: &Pki, id: &str, state: &str) -> Value {
    eventually(&format!("{id} {state}"), || {
        let output = run(pki, &["list", "--id", id, "--state", state, "--json"]);
        serde_json::from_str(output.stdout.lines().next()?).ok()
    })
}

#[test]
fn an_event_for_the_clawgate_that_does_not_deliver_arrives_once() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let (mut first, mut second) = two(&pki, &backend.url(), &NatsServer::shared().stream());

    let id = send(&pki, &second, "k");

    delivered(&first, &id);
    assert!(first.stop().success() && second.stop().success());
    assert!(about(&second, "delivered", &id).is_empty());
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn the_same_event_to_another_clawgate_is_a_duplicate_with_the_first_id() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let (first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream());
    let id = send(&pki, &first, "k");

    let again = answer(&pki, &second, PATH, "k");

    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(again.json(), serde_json::json!({ "id": id, "status": "duplicate" }));
}

#[test]
fn the_other_clawgate_delivers_when_the_first_one_has_been_killed() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let (mut first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream());
    first.signal("KILL");
    first.wait();

    let id = send(&pki, &second, "k");

    delivered(&second, &id);
}

#[test]
fn commands_show_replay_and_drop_events_in_nats() {
    let pki = Pki::new();
    let refuses = AtomicBool::new(true);
    let backend = Backend::each(move |exchange, _| match refuses.swap(false, Ordering::SeqCst) {
        true => exchange.answer("422 Unprocessable Content", "text/plain", "no such action"),
        false => ok(exchange),
    });
    let (first, second) = two(&pki, &backend.url(), &NatsServer::shared().stream());
    let id = send(&pki, &second, "k");
    assert_eq!(listed(&pki, &id, "dead")["key"], "k");
    let story = run(&pki, &["show", &id]).stdout;
    assert!(story.contains("  try 1: 422 after "), "{story}");

    let replayed = run(&pki, &["replay", "--id", &id]);

    assert_eq!(replayed.stdout, "1 event waits for delivery again\n", "{replayed:?}");
    delivered(&first, &id);
    let dropped = run(&pki, &["drop", "--id", &id]);
    assert_eq!(dropped.code, Some(0), "{dropped:?}");
    assert_eq!(run(&pki, &["list", "--json"]).stdout, "");
    assert_eq!(answer(&pki, &first, PATH, "k").json()["id"], *id);
}

#[test]
fn without_nats_events_get_503_and_direct_routes_go_on() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut server = NatsServer::start("");
    let clawgate = start(&pki, &backend.url(), &server.stream());
    delivered(&clawgate, &send(&pki, &clawgate, "before"));

    server.kill();

    let refusal = answer(&pki, &clawgate, PATH, "meanwhile");
    assert_eq!((refusal.status, refusal.header("retry-after").is_some()), (503, true), "{refusal:?}");
    assert_eq!(answer(&pki, &clawgate, "/direct", "direct").status, 200);
}

#[test]
fn events_are_stored_and_delivered_again_when_nats_is_back() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut server = NatsServer::start("");
    let clawgate = start(&pki, &backend.url(), &server.stream());
    let before = send(&pki, &clawgate, "before");
    delivered(&clawgate, &before);
    server.kill();
    eventually("a refusal", || (answer(&pki, &clawgate, PATH, "k").status == 503).then_some(()));

    server.start_again();

    let stored = eventually("an answer other than 503", || {
        Some(answer(&pki, &clawgate, PATH, "k")).filter(|answer| answer.status != 503)
    });
    assert!([200, 202].contains(&stored.status), "{stored:?}");
    delivered(&clawgate, stored.json()["id"].as_str().unwrap());
    let again = answer(&pki, &clawgate, PATH, "before");
    assert_eq!((again.status, &again.json()["id"]), (200, &before.into()), "{again:?}");
}
