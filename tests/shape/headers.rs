//! Header fields of a request whose body has changed.

use super::support::{LISTEN, PATH, command, post, route, send, signature, signed, start};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

const DIGESTS: &str = "Digest: sha-256=AA==\r\nContent-Digest: sha-256=:AA==:\r\nRepr-Digest: sha-256=:AA==:\r\nContent-MD5: AA==\r\n";
const ALL: [&str; 4] = ["digest", "content-digest", "repr-digest", "content-md5"];

#[test]
fn a_changed_body_has_its_own_length_and_no_digest_of_the_old_one() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]");

    let headers = format!("{DIGESTS}X-Own: 1\r\nContent-Type: application/json\r\n");
    let answer = Client::new(&pki, &clawgate).send(&post(&headers, r#"{"a":1,"b":2}"#));

    assert_eq!(answer.status, 200);
    let received = backend.first();
    assert_eq!(received.body, br#"{"a":1}"#);
    assert_eq!(received.values("content-length"), ["7"]);
    assert_eq!(ALL.map(|name| received.value(name)), [None; 4]);
    assert_eq!(received.value("x-own"), Some("1"));
    assert_eq!(received.value("content-type"), Some("application/json"));
}

#[test]
fn an_unchanged_body_keeps_its_bytes_and_its_digests() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]");
    let body = "{ \"a\" : 1.50e+3,\n\t\"\\u0063\": \"\\/\" }";

    assert_eq!(Client::new(&pki, &clawgate).send(&post(DIGESTS, body)).status, 200);

    let received = backend.first();
    assert_eq!(received.body, body.as_bytes());
    assert_eq!(ALL.map(|name| received.value(name).is_some()), [true; 4]);
    let line = clawgate.request();
    assert_eq!((line.get("shaped"), line.get("shaped_bytes")), (None, None));
}

#[test]
fn the_verified_signature_is_removed_if_it_does_not_fit_the_body_any_more() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{LISTEN}{}", route(&signed(""), "drop = [\"/b\"]"));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let send = |body: &str| {
        let head = format!("X-GitHub-Delivery: {}\r\n{}", body.len(), signature(body));
        Client::without_certificate(&pki, &clawgate).send(&post(&head, body)).status
    };

    assert_eq!(send(r#"{"a":1,"b":2}"#), 200);
    assert_eq!(send(r#"{"a":1}"#), 200);

    let received = backend.received();
    let signatures: Vec<_> =
        received.iter().map(|one| one.value("x-hub-signature-256").is_some()).collect();
    assert_eq!(signatures, [false, true]);
    assert_eq!(received[0].value("x-github-delivery"), Some("13"));
    assert_eq!(clawgate.events("shaped_signature").len(), 0);
}

#[test]
fn a_signature_that_clawgate_did_not_verify_is_warned_of_once_for_a_shaped_route() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]");
    let slack = |body: &str| {
        Client::new(&pki, &clawgate).send(&post("X-Slack-Signature: v0=00\r\n", body)).status
    };

    // The first one is not changed, so its signature fits.
    assert_eq!([slack("{}"), slack(r#"{"b":1}"#), slack(r#"{"b":2}"#)], [200; 3]);

    let warning = clawgate.event("shaped_signature", 1);
    assert_eq!((&warning["route"], &warning["header"]), (&PATH.into(), &"x-slack-signature".into()));
    assert_eq!(warning["id"], clawgate.event("request", 2)["id"]);
    assert_eq!(backend.received()[1].value("x-slack-signature"), Some("v0=00"));
    let mut clawgate = clawgate;
    assert_eq!(clawgate.all("shaped_signature").len(), 1);
}

#[test]
fn the_log_names_what_was_taken_out_of_a_shaped_body_and_no_value() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!(
        "privacy.hash_key_file = \"@/key\"\n{}",
        route(
            "",
            "drop = [\"/gone\"]\nhash = [\"/who/*/email\"]\nip_prefix = [\"/ip\"]\ntruncate = { \"/text\" = 7 }"
        )
    );
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let body = r#"{"gone":{"secret":1},"who":[{"email":"Ann@example.com"}],"ip":"192.0.2.77","text":"in-free-text"}"#;

    assert_eq!(send(&pki, &clawgate, body).status, 200);

    let received = String::from_utf8(backend.first().body).unwrap();
    let line = clawgate.request();
    let shaped = ["drop /gone", "hash /who/*/email", "ip_prefix /ip", "truncate /text"];
    assert_eq!(line["shaped"], serde_json::json!(shaped));
    assert_eq!((&line["bytes_in"], &line["shaped_bytes"]), (&body.len().into(), &received.len().into()));
    assert!(
        received.contains(r#""ip":"192.0.2.0","text":"in-free""#) && !received.contains("Ann"),
        "{received}"
    );
    let log = clawgate.lines().join("\n");
    for value in ["secret", "Ann@", "192.0.2.77", "in-free"] {
        assert!(!log.contains(value), "{value} in {log}");
    }
}
