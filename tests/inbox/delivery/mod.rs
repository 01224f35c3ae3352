//! Delivery from the inbox, with a running clawgate and an upstream that answers as it is told.

mod answers;
mod metrics;
mod order;
mod pauses;
mod processes;
#[cfg(feature = "jetstream")]
mod several;
#[cfg(feature = "jetstream")]
mod several_peers;
mod tokens;
mod waiting_senders;

use std::path::Path;

use serde_json::Value;

use crate::support::backend::{Exchange, Received};
use crate::support::client::{Answer, Client};
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

const PATH: &str = "/hooks/a";

/// The usual settings: short waits, and one route. `inbox` has more lines for `[inbox]`, `route` for `[[route]]`.
fn settings(pki: &Pki, inbox: &str, route: &str) -> String {
    let database = pki.dir().join("inbox/inbox.db");
    format!(
        "[inbox]\npath = {database:?}\nretry_first = \"50ms\"\nretry_max = \"500ms\"\n{inbox}\n\n\
         [[route]]\npath = \"{PATH}\"\ndelivery = \"inbox\"\n{route}\n"
    )
}

/// A clawgate with these settings and a token for the upstream.
fn command(pki: &Pki, upstream: &str, settings: &str) -> ClawgateCommand {
    private_folder(&pki.dir().join("inbox"));
    ClawgateCommand::new(pki)
        .arg("--config", pki.file("clawgate.toml", settings))
        .arg("--hook-token-file", pki.file("token", "token-of-openclaw"))
        .upstream(upstream)
}

/// A running clawgate with one route, and these lines more for it.
fn started(pki: &Pki, upstream: &str, route: &str) -> Clawgate {
    command(pki, upstream, &settings(pki, "", route)).admin().start()
}

fn private_folder(path: &Path) {
    use std::os::unix::fs::DirBuilderExt;

    let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(path);
    made.unwrap();
}

/// An event with this key and body.
fn request(path: &str, key: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends an event to the route; it must be accepted. Returns its identifier.
fn send(pki: &Pki, clawgate: &Clawgate, key: &str) -> String {
    accepted(Client::new(pki, clawgate).send(&request(PATH, key, "{}")))
}

/// The identifier of an event that was accepted.
fn accepted(answer: Answer) -> String {
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.header("x-clawgate-event-id").unwrap().to_owned();
    assert_eq!(answer.json()["id"], id);
    id
}

/// Answers with 200.
fn ok(exchange: &mut Exchange) {
    exchange.answer("200 OK", "application/json", r#"{"ok":true}"#);
}

/// The keys by which the upstream knows the events of these requests, in their order.
fn keys(received: &[Received]) -> Vec<&str> {
    received.iter().map(|request| request.value("idempotency-key").unwrap()).collect()
}

/// The lines of the log about one event.
fn about(clawgate: &Clawgate, name: &str, id: &str) -> Vec<Value> {
    clawgate.events(name).into_iter().filter(|line| line["event_id"] == id).collect()
}

/// The line that says that an event was delivered, once it is there.
fn delivered(clawgate: &Clawgate, id: &str) -> Value {
    eventually(&format!("the delivery of {id}"), || about(clawgate, "delivered", id).pop())
}

/// The line that says that an event was given up, once it is there.
fn dead(clawgate: &Clawgate, id: &str) -> Value {
    eventually(&format!("the end of {id}"), || about(clawgate, "dead_lettered", id).pop())
}
