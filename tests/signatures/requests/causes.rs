//! The log names the usual mistakes behind a signature that is not valid. The sender does not learn them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{SECRET, command, configured, github, hmac_hex, post, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

const SIGNATURE: &str = "authenticate = \"signature\"";

/// The `signature_refused` line about this request to the GitHub route.
fn refused(signature: &str, body: &str) -> Value {
    let (pki, backend) = (Pki::new(), Backend::ok());
    pki.file("other", "the secret of another route, long enough");
    let other = pki.dir().join("other");
    let toml = github(&pki, "/hooks/github", SIGNATURE);
    let toml = format!(
        "{toml}[[route]]\npath = \"/hooks/other\"\n{SIGNATURE}\n[route.verify]\nscheme = \"github\"\nsecret_file = [{other:?}]\n"
    );
    let clawgate = configured(&pki, &backend.url(), &toml);
    let answer =
        Client::without_certificate(&pki, &clawgate).send(&post("/hooks/github", signature, body));
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["detail"], "the signature of the request is not valid");
    clawgate.event("signature_refused", 1)
}

#[test]
fn a_secret_of_another_route_is_named_by_its_file_and_route() {
    let line = refused(&signature("the secret of another route, long enough", b"{}"), "{}");

    assert_eq!(line["cause"], "secret_of_other_route");
    assert_eq!(line["detail"], "the signature fits the key other of the route /hooks/other");
}

#[test]
fn a_body_that_lost_its_line_end_is_recognised() {
    let line = refused(&signature(SECRET, b"{}\n"), "{}");

    assert_eq!(line["cause"], "body_changed");
}

#[test]
fn a_body_that_was_written_anew_is_recognised() {
    let line = refused(&signature(SECRET, br#"{"a":1,"b":[2]}"#), r#"{"a": 1, "b": [2]}"#);

    assert_eq!(line["cause"], "body_changed");
}

#[test]
fn a_signature_in_base64_is_recognised() {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = data_encoding::BASE64.encode(aws_lc_rs::hmac::sign(&key, b"{}").as_ref());

    let line = refused(&format!("sha256={signature}"), "{}");

    assert_eq!(line["cause"], "other_settings");
    assert!(line["hint"].as_str().unwrap().contains("encoding"), "{line}");
}

#[test]
fn a_signature_that_fits_nothing_says_so() {
    let line = refused(&signature("nobody knows this secret of 32 b", b"{}"), "{}");

    assert_eq!(
        (&line["cause"], &line["detail"]),
        (&"mismatch".into(), &"no key fits the signature".into())
    );
}

#[test]
fn a_request_that_is_too_old_is_refused_before_its_body_is_read_and_by_how_much_is_logged() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let secret = pki.file("slack", SECRET);
    let toml = format!(
        "[[route]]\npath = \"/hooks/slack\"\n{SIGNATURE}\n[route.verify]\nscheme = \"slack\"\nsecret_file = [{secret:?}]\n"
    );
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let send = |time: u64| {
        let signature = hmac_hex(SECRET, format!("v0:{time}:{{}}").as_bytes());
        let head = format!(
            "POST /hooks/slack HTTP/1.1\r\nHost: localhost\r\nX-Slack-Request-Timestamp: {time}\r\n\
             X-Slack-Signature: v0={signature}\r\nContent-Length: 2\r\n\r\n"
        );
        let mut connection = Client::without_certificate(&pki, &clawgate).connect().unwrap();
        connection.write(head.as_bytes());
        if time == now {
            connection.write(b"{}");
        }
        connection.head()
    };

    assert!(send(now).starts_with("HTTP/1.1 200 "));
    assert!(send(now - 3600).starts_with("HTTP/1.1 401 "));
    assert!(send(now + 3600).starts_with("HTTP/1.1 401 "));

    let causes = [1, 2].map(|number| clawgate.event("signature_refused", number)["cause"].clone());
    assert_eq!(causes, ["stale", "future"]);
    assert_eq!(backend.received().len(), 1);
}
