//! `audit = true`: clients that the rules would refuse are admitted and logged.

use super::{admits, configured, refuses, says};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::{Leaf, Pki};
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};

use http::Request;

fn audited(pki: &Pki) -> ClawgateCommand {
    let toml = "[clients]\nallow = [\"cn=calls\"]\ndeny = [\"cn=late-*\"]\naudit = true\n";
    ClawgateCommand::new(pki).upstream("echo:").arg("--config", pki.file("gate.toml", toml))
}

fn post(connection: &mut crate::support::client::Connection, path: &str) -> u16 {
    let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}");
    connection.write(request.as_bytes());
    connection.answer().status
}

#[test]
fn a_client_that_would_be_refused_is_admitted_and_logged_once_for_its_connection() {
    let pki = Pki::new();
    let mut clawgate = audited(&pki).start();
    admits(&pki, &clawgate, &pki.client(Leaf::client("calls")));
    clawgate.event("request", 1);
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    for _ in 0..3 {
        assert_eq!(post(&mut connection, "/hooks/wake"), 200);
    }
    clawgate.event("request", 4);
    admits(&pki, &clawgate, &pki.client(Leaf::client("late-one")));

    let line = clawgate.event("would_refuse", 1);
    assert_eq!(line["level"], "warn");
    assert_eq!(line["rules"], "clients");
    assert!(line["rule"].is_null(), "{line}");
    assert_eq!((&line["cn"], &line["san"]), (&"notes".into(), &"dns:notes.example".into()));
    assert_eq!(line["fingerprint_sha256"], pki.client.fingerprint());
    says(&line, "detail", &["no rule of clients.allow matches it; nearest is [cn=calls]"]);
    let request = clawgate.event("request", 2);
    assert_eq!(request["id"], format!("{}-1", line["id"].as_str().unwrap()));
    let denied = clawgate.event("would_refuse", 2);
    assert_eq!(denied["rule"], "cn=late-*");
    says(&denied, "detail", &["the rule [cn=late-*] of clients.deny matches it"]);
    assert_eq!(clawgate.all("would_refuse").len(), 2);
    assert!(clawgate.all("handshake_failed").is_empty());
}

#[test]
fn start_and_check_warn_that_rules_are_in_audit_mode() {
    let pki = Pki::new();
    let clawgate = audited(&pki).start();
    let warning = clawgate.events("settings_warning").remove(0);
    assert_eq!(warning["level"], "warn");
    says(&warning, "origin", &["clients.audit"]);
    says(&warning, "detail", &["AUDIT ONLY", "would_refuse"]);

    let (certificate, key) = pki.files("server", &pki.server);
    let checked = ClawgateCommand::bare("check")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.dir().join("ca.pem"))
        .arg("--config", pki.dir().join("gate.toml"))
        .output();
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for part in [
        "AUDIT ONLY: clients that these rules would refuse are admitted",
        "clients.audit\n  warning  load             AUDIT ONLY: ",
    ] {
        assert!(checked.stdout.contains(part), "{part:?}: {}", checked.stdout);
    }
}

#[test]
fn requests_that_a_route_would_refuse_are_forwarded_and_each_is_logged() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let toml = format!(
        "upstream.url = \"{}\"\n[[route]]\npath = \"/hooks/\"\nallow = [\"cn=calls\"]\naudit = true\n\
         [[route]]\npath = \"/hooks/agent\"\nallow = [\"cn=calls\"]\n",
        backend.url()
    );
    let mut clawgate =
        ClawgateCommand::new(&pki).arg("--config", pki.file("gate.toml", toml)).admin().start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    assert_eq!(post(&mut connection, "/hooks/wake"), 200);
    assert_eq!(post(&mut connection, "/hooks/wake"), 200);
    assert_eq!(post(&mut connection, "/hooks/agent"), 403);
    let request = Request::post("https://localhost/hooks/wake").body(Pieces::of([b"{}"])).unwrap();
    assert_eq!(Http2::connect(Client::new(&pki, &clawgate)).send(request).status, 200);

    for number in 1..=3 {
        let line = clawgate.event("would_refuse", number);
        assert_eq!(line["rules"], "route /hooks/", "{line}");
        assert_eq!(line["cn"], "notes");
        says(&line, "detail", &["no rule of route.allow matches it"]);
        let request = eventually("the line of the request with that id", || {
            clawgate.events("request").into_iter().find(|request| request["id"] == line["id"])
        });
        assert_eq!(request["status"], 200);
    }
    assert_eq!(backend.received().len(), 3);
    let metrics = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    assert!(metrics.contains("clawgate_would_refuse_total{rules=\"route\"} 3"), "{metrics}");
    assert_eq!(clawgate.all("would_refuse").len(), 3);
}

#[test]
fn a_flood_of_what_would_be_refused_is_summed_up() {
    let pki = Pki::new();
    let toml = "[[route]]\npath = \"/hooks/\"\nallow = [\"cn=calls\"]\naudit = true\n";
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--config", pki.file("gate.toml", toml))
        .arg("--log-repeat-window", "500ms")
        .start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    for _ in 0..40 {
        assert_eq!(post(&mut connection, "/hooks/wake"), 200);
    }

    let (full, folded) = eventually("all of them", || {
        let lines = clawgate.events("would_refuse");
        let (summaries, full): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line["repeated"].is_object());
        let folded: u64 = summaries.iter().map(|line| line["repeated"]["count"].as_u64().unwrap()).sum();
        (full.len() as u64 + folded == 40).then_some((full.len(), folded))
    });
    assert!(full < 40 && folded > 0, "{full} in full, {folded} summed up");
    let summary = clawgate.events("would_refuse").pop().unwrap();
    assert_eq!(summary["rules"], "route /hooks/", "{summary}");
    assert_eq!(summary["fingerprint_sha256"], pki.client.fingerprint());
}

fn reload(clawgate: &Clawgate, pki: &Pki, toml: &str, number: usize) -> serde_json::Value {
    pki.file("gate.toml", toml);
    clawgate.signal("HUP");
    clawgate.event("reloaded", number)
}

#[test]
fn when_audit_mode_ends_the_rules_apply_to_open_connections_too() {
    let pki = Pki::new();
    let mut clawgate = configured(&pki, "");
    let mut open = Client::new(&pki, &clawgate).connect().unwrap();
    assert_eq!(post(&mut open, "/hooks/wake"), 200);

    let line = reload(&clawgate, &pki, "[clients]\nallow = [\"cn=calls\"]\naudit = true\n", 1);
    assert_eq!(line["changed"], serde_json::json!(["clients.allow", "clients.audit"]));
    assert_eq!(post(&mut open, "/hooks/wake"), 200);
    let line = clawgate.event("would_refuse", 1);
    assert_eq!(line["rules"], "clients");

    reload(&clawgate, &pki, "[clients]\nallow = [\"cn=calls\"]\n", 2);
    assert!(open.is_closed());
    says(&clawgate.event("connection_withdrawn", 1), "detail", &["no rule of clients.allow"]);
    refuses(&pki, &clawgate, &pki.client);
    assert_eq!(clawgate.all("would_refuse").len(), 1);
}

#[test]
fn a_resumed_client_is_audited_again_and_denied_once_audit_mode_ends() {
    let pki = Pki::new();
    let rules = "[clients]\nallow = [\"any\"]\ndeny = [\"cn=notes\"]\n";
    let clawgate = configured(&pki, &format!("{rules}audit = true\n"));
    let client = Client::new(&pki, &clawgate);
    assert_eq!(client.clone().post("/hooks/wake", "{}").status, 200);

    assert_eq!(client.clone().post("/hooks/wake", "{}").status, 200);

    assert_eq!(clawgate.event("request", 2)["resumed"], true, "{:?}", clawgate.event("request", 2));
    assert_eq!(clawgate.event("would_refuse", 2)["rule"], "cn=notes");
    reload(&clawgate, &pki, rules, 1);
    assert_eq!(client.refusal().alert, "access_denied");
}
