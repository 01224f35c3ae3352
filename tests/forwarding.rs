//! A request as the upstream receives it, and its answer as the client receives it.

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

#[test]
fn method_path_query_and_body_arrive_as_they_were_sent() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake?a=%20b&c", "{\"text\": \"h\u{e9}\"}\n");

    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, br#"{"ok":true}"#);
    let received = backend.first();
    assert_eq!(received.request_line(), "POST /hooks/wake?a=%20b&c HTTP/1.1");
    assert_eq!(received.body, "{\"text\": \"h\u{e9}\"}\n".as_bytes());
    assert_eq!(received.value("host"), Some("localhost"));
    let line = clawgate.request();
    assert_eq!(line["status"], 200);
    assert_eq!(line["path"], "/hooks/wake");
    assert_eq!(line["cn"], "notes");
    assert_eq!(line["bytes_in"], 16);
    assert_eq!(line["bytes_out"], 11);
}

#[test]
fn the_upstream_learns_who_was_verified() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    let received = backend.first();
    assert_eq!(received.value("x-clawgate-client-cn"), Some("notes"));
    assert_eq!(received.value("x-clawgate-client-subject"), Some("O=Example,CN=notes"));
    assert_eq!(received.value("x-clawgate-client-issuer"), Some("CN=Test Intermediate"));
    assert_eq!(received.value("x-clawgate-client-san"), Some("dns:notes.example"));
    assert_eq!(received.value("x-clawgate-client-fingerprint"), Some(&*pki.client.fingerprint()));
    let id = clawgate.request()["id"].as_str().unwrap().to_owned();
    assert_eq!(received.value("x-request-id"), Some(&*id));
}
