//! SIGHUP: all files are read again, and used either as a whole or not at all.

mod half_written;
mod load;
mod watching;
mod withdrawn;

use crate::support::backend::Backend;
use crate::support::client::{Client, Connection};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};

fn start(pki: &Pki, backend: &Backend) -> Clawgate {
    ClawgateCommand::new(pki).upstream(backend.url()).start()
}

fn reload(clawgate: &Clawgate, number: usize) -> serde_json::Value {
    clawgate.signal("HUP");
    clawgate.event("reloaded", number)
}

/// Whether a client with this certificate is served on a new connection.
fn is_served(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> bool {
    Client::with_identity(pki, clawgate, identity)
        .connect()
        .is_ok_and(|mut connection| connection.is_answered())
}

fn post(connection: &mut Connection) -> u16 {
    connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    connection.answer().status
}

#[test]
fn another_ca_admits_its_own_clients_and_those_of_the_old_one_no_more() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let other = Ca::root("Other Root");
    let theirs = Leaf::client("theirs").issued_by(&other, &[]);
    assert!(is_served(&pki, &clawgate, &pki.client) && !is_served(&pki, &clawgate, &theirs));

    pki.file("ca.pem", other.pem());
    let line = reload(&clawgate, 1);

    assert_eq!(line["generation"], 2);
    let changed = line["changed"].to_string();
    assert!(
        changed.contains("CN=Other Root added") && changed.contains("CN=Test Root removed"),
        "{line}"
    );
    assert!(!is_served(&pki, &clawgate, &pki.client) && is_served(&pki, &clawgate, &theirs));
}

#[test]
fn a_broken_file_changes_nothing_and_is_named() {
    let pki = Pki::new();
    let mut clawgate = start(&pki, &Backend::ok());
    let whole = pki.root.pem();

    for content in ["", &whole[..whole.len() / 2], "not a certificate"] {
        let failures = clawgate.events("reload_failed").len();
        pki.file("ca.pem", content);
        clawgate.signal("HUP");
        let line = clawgate.event("reload_failed", failures + 1);
        assert!(line["detail"].as_str().unwrap().contains("ca.pem"), "{line}");
        assert_eq!(line["generation"], 1);
        assert!(is_served(&pki, &clawgate, &pki.client));
    }

    pki.file("ca.pem", whole);
    reload(&clawgate, 1);
    assert_eq!(clawgate.all("settings_warning").len(), 1, "that anybody is admitted is said once");
}

#[test]
fn a_new_certificate_is_shown_to_new_clients() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let renewed = Leaf::server().issued_by(&pki.intermediate, &[&pki.intermediate]);

    pki.files("server", &renewed);
    reload(&clawgate, 1);

    let connection = Client::new(&pki, &clawgate).connect().unwrap();
    let shown = connection.stream.conn.peer_certificates().unwrap();
    assert_eq!(shown[0].as_ref(), renewed.chain[0].as_slice());
}

#[test]
fn routes_and_token_are_new_for_the_next_request_of_an_open_connection() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let token = pki.file("token", "first");
    let config = pki.file("gate.toml", "[[route]]\npath = \"/hooks/wake\"\n");
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--hook-token-file", token)
        .arg("--config", config)
        .start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    assert_eq!(post(&mut connection), 200);

    pki.file("token", "second");
    let line = reload(&clawgate, 1);
    assert!(line["changed"].to_string().contains("hook token"), "{line}");
    assert_eq!(post(&mut connection), 200);
    assert_eq!(backend.received()[1].value("authorization"), Some("Bearer second"));

    pki.file("gate.toml", "[[route]]\npath = \"/hooks/agent\"\n");
    reload(&clawgate, 2);
    assert_eq!(post(&mut connection), 404);
}

#[test]
fn what_is_read_at_the_start_only_is_said_to_need_one() {
    let pki = Pki::new();
    let config = pki.file("gate.toml", "[limits]\nidle_timeout = \"10s\"\n");
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--config", config).start();

    pki.file("gate.toml", "[limits]\nidle_timeout = \"20s\"\n");

    assert_eq!(reload(&clawgate, 1)["needs_restart"], serde_json::json!(["limits.idle_timeout"]));
}

#[test]
fn the_admin_listener_reloads_too_and_answers_with_the_outcome() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let whole = pki.root.pem();

    let answer = plain::request(clawgate.admin(), "POST", "/reload");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"generation 2\n"[..]));
    clawgate.event("reloaded", 1);

    pki.file("ca.pem", &whole[..whole.len() / 2]);
    let answer = plain::request(clawgate.admin(), "POST", "/reload");
    assert_eq!(answer.status, 422);
    assert!(String::from_utf8(answer.body).unwrap().contains("ca.pem"));
    assert_eq!(clawgate.event("reload_failed", 1)["origin"], "POST /reload");
    let metrics = String::from_utf8(plain::request(clawgate.admin(), "GET", "/metrics").body).unwrap();
    assert!(metrics.contains("clawgate_generation 2\n"), "{metrics}");
    assert!(metrics.contains("clawgate_last_reload_ok 0\n"), "{metrics}");
    let status = plain::request(clawgate.admin(), "GET", "/status").json();
    assert_eq!(status["generation"], 2);
}

#[test]
fn no_page_in_a_browser_can_make_clawgate_reload() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();

    assert_eq!(plain::request(clawgate.admin(), "GET", "/reload").status, 405);
    let forged = "POST /reload HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\
                  Content-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(plain::exchange(clawgate.admin(), forged.as_bytes()).unwrap().status, 403);

    assert!(clawgate.all("reloaded").is_empty());
}
