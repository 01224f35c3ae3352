//! The commands beside a running clawgate, and its own `/status`.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::json_lines;
use crate::inbox::support::{command, inbox, post, send, start, stored};
use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::process::{ClawgateCommand, Output};
use crate::support::{eventually, plain, unused_port};

/// `clawgate inbox` with these words, for the database of the clawgate of this test.
fn run(pki: &Pki, words: &[&str]) -> Output {
    let command = words.iter().fold(ClawgateCommand::bare("inbox"), |command, word| command.word(*word));
    command.arg("--inbox", pki.dir().join("inbox/inbox.db")).output()
}

fn has(pki: &Pki, id: &str, state: &str) -> Option<()> {
    let listed = run(pki, &["list", "--id", id, "--state", state, "--json"]);
    (json_lines(&listed.stdout).len() == 1).then_some(())
}

#[test]
fn a_replayed_event_is_delivered_by_the_running_clawgate_with_a_new_idempotency_key() {
    let pki = Pki::new();
    let refuses = AtomicBool::new(true);
    let backend = Backend::each(move |exchange, _| match refuses.swap(false, Ordering::SeqCst) {
        true => exchange.answer("422 Unprocessable Content", "text/plain", "no such action"),
        false => exchange.answer("200 OK", "text/plain", "done"),
    });
    let clawgate = start(&pki, &backend.url(), "");
    let answer = send(&pki, &clawgate, &post("Idempotency-Key: meeting-1\r\n", "{}"));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    eventually("the end of the event", || has(&pki, &id, "dead"));

    let replayed = run(&pki, &["replay", "--id", &id]);

    assert_eq!(replayed.stdout, "1 event waits for delivery again\n", "{replayed:?}");
    eventually("the delivery", || has(&pki, &id, "delivered"));
    let received = backend.received();
    let keys: Vec<_> =
        received.iter().map(|request| request.value("idempotency-key").unwrap()).collect();
    assert_eq!(keys[1..], [format!("{}-r1", keys[0])]);
    assert!(received.iter().all(|request| request.value("x-clawgate-event-id") == Some(&*id)));
    let story = run(&pki, &["show", &id]).stdout;
    for part in ["  try 1: 422 after ", "  try 2: 200 after ", "  delivered, "] {
        assert!(story.contains(part), "{part} is not in {story}");
    }
}

#[test]
fn the_status_and_the_metrics_show_what_waits_and_that_the_upstream_is_down() {
    let pki = Pki::new();
    let upstream = format!("http://{}", unused_port());
    let toml = inbox(&pki, "") + &stored("/hooks/agent", "");
    let clawgate = command(&pki, &upstream, &toml).admin().start();
    assert_eq!(send(&pki, &clawgate, &post("", "{}")).status, 202);

    let status = || plain::get(clawgate.admin(), "/status").json()["inbox"].clone();
    let shown = eventually("the event in /status", || {
        let status = status();
        let is_paused = status["upstreams"][0]["paused"].is_object();
        (status["routes"][0]["waiting"] == 1 && is_paused).then_some(status)
    });

    assert_eq!(shown["routes"][0]["route"], "/hooks/agent");
    assert!(shown["routes"][0]["oldest_waiting"].is_string(), "{shown}");
    assert_eq!((&shown["delivering"], &shown["error"]), (&true.into(), &Value::Null));
    assert_eq!(shown["set_aside"], Value::Null);
    assert_eq!(shown["upstreams"][0]["upstream"], upstream);
    assert!(shown["used_bytes"].as_u64() > Some(0) && shown["free_bytes"].as_u64() > Some(0), "{shown}");
    let metrics = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    for line in [
        r#"clawgate_inbox_events{route="/hooks/agent",state="waiting"} 1"#.to_owned(),
        format!(r#"clawgate_inbox_paused{{upstream="{upstream}"}} 1"#),
        "clawgate_inbox_delivering 1".to_owned(),
    ] {
        assert!(metrics.lines().any(|have| have == line), "{line} is not in {metrics}");
    }
}

#[test]
fn without_an_inbox_the_status_has_none() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();

    assert_eq!(plain::get(clawgate.admin(), "/status").json()["inbox"], Value::Null);
}
