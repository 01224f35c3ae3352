//! `clawgate relay try`: the request that a target would get.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::process::{ClawgateCommand, Output};
use crate::support::unused_port;

const EVENT: &str = r#"{"eventId":"e-1","eventName":"meeting","userId":7,"secret":"not sent"}"#;

/// A target at this URL, with these keys.
fn command(pki: &Pki, url: &str, keys: &str) -> ClawgateCommand {
    for name in ["token", "key"] {
        let file = pki.file(name, format!("the-{name}-of-the-relay"));
        fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let folder = pki.dir().display().to_string();
    let toml = format!(
        "[relay]\naddress = \"127.0.0.1:9444\"\ntoken_file = \"@/token\"\n[[relay.target]]\nname = \"analytics\"\n\
         url = \"{url}/v1/events?key=hidden\"\ndelivery = \"wait\"\nallow_plain_http = true\n\
         allow_private = [\"127.0.0.0/8\"]\nid = \"body:/eventId\"\nauth = {{ bearer_file = \"@/key\" }}\n\
         idempotency_header = \"Idempotency-Key\"\n\
         map = {{ name = \"/eventName\", \"/user/id\" = {{ from = \"/userId\", as = \"string\" }} }}\n{keys}"
    );
    let config = pki.file("clawgate.toml", toml.replace('@', &folder));
    let (certificate, key) = pki.files("server", &pki.server);
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let event = pki.file("event.json", EVENT);
    let command = ClawgateCommand::bare("relay").word("try").word("analytics").word(event);
    let command = command.arg("--config", config).arg("--cert", certificate).arg("--key", key);
    command.arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
}

fn text(output: &Output, url: &str, pki: &Pki) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let text = output.stdout.replace(url, "URL").replace(&pki.dir().display().to_string(), "DIR");
    let host = url.trim_start_matches("http://");
    text.replace(version, "VERSION").replace(host, "127.0.0.1:PORT")
}

#[test]
fn the_request_is_shown_without_its_credential_and_nothing_is_sent() {
    let (pki, backend) = (Pki::new(), Backend::ok());

    let output = command(&pki, &backend.url(), "").output();

    assert_eq!(output.code, Some(0), "{output:?}");
    insta::assert_snapshot!(text(&output, &backend.url(), &pki), @r#"
    POST URL/v1/events?…
    host: 127.0.0.1:PORT
    user-agent: clawgate/VERSION
    content-type: application/json
    idempotency-key: e-1
    authorization: (hidden)

    {"name":"meeting","user":{"id":"7"}}

    target      analytics
    credential  bearer token from DIR/key
    id          e-1 (from the settings)
    nothing was sent; --send sends it once
    "#);
    assert_eq!(backend.received().len(), 0);
}

#[test]
fn with_send_the_target_gets_it_once_and_the_answer_is_explained() {
    let (pki, backend) = (Pki::new(), Backend::ok());

    let output = command(&pki, &backend.url(), "").word("--send").word("--json").output();

    assert_eq!(output.code, Some(0), "{output:?}");
    let mut shown: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(shown["body"], r#"{"name":"meeting","user":{"id":"7"}}"#);
    shown["sent"]["took_ms"] = json!(0);
    let sent = json!({"delivered": true, "status": 200, "detail": null, "took_ms": 0,
        "meaning": "the target has the event", "hint": null, "answer": r#"{"ok":true}"#});
    assert_eq!(shown["sent"], sent);
    assert!(!output.stdout.contains("of-the-relay"), "{output:?}");
    let [received] = &backend.received()[..] else { panic!("{:?}", backend.received()) };
    assert_eq!(received.request_line(), "POST /v1/events?key=hidden HTTP/1.1");
    assert_eq!(received.value("authorization"), Some("Bearer the-key-of-the-relay"));
    assert_eq!(received.value("idempotency-key"), Some("e-1"));
    assert_eq!(received.body, br#"{"name":"meeting","user":{"id":"7"}}"#);
}

#[test]
fn an_answer_that_is_no_success_is_a_failure_with_a_hint() {
    for (status, meaning, hint) in [
        (
            "401 Unauthorized",
            "send none until that is corrected (credential_refused)",
            "put a valid credential",
        ),
        ("404 Not Found", "(wrong_url)", "correct the target's `url`"),
        (
            "422 Unprocessable Content",
            "refuses this event; clawgate would give it up",
            "correct the mapping",
        ),
        ("503 Service Unavailable", "clawgate would try again", ""),
    ] {
        let (pki, backend) = (
            Pki::new(),
            Backend::each(move |exchange, _| {
                exchange.answer(status, "text/plain", &format!("why\x1b[1m{}", "x".repeat(300)));
            }),
        );

        let output = command(&pki, &backend.url(), "").word("--send").output();

        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stdout.contains(&format!("status      {}", &status[..3])), "{output:?}");
        assert!(output.stdout.contains(meaning) && output.stdout.contains(hint), "{output:?}");
        assert!(
            !output.stdout.contains('\x1b') && !output.stdout.contains(&"x".repeat(200)),
            "{output:?}"
        );
    }
}

#[test]
fn a_target_that_cannot_be_reached_is_a_failure() {
    let pki = Pki::new();
    let url = format!("http://{}", unused_port().address());

    let output = command(&pki, &url, "").word("--send").output();

    assert_eq!(output.code, Some(1));
    assert!(
        output.stdout.contains("no answer   ") && output.stdout.contains("would try again"),
        "{output:?}"
    );
}

#[test]
fn an_event_that_cannot_be_mapped_is_a_failure_that_names_field_and_pointer() {
    let pki = Pki::new();
    let keys = "required = [\"/missing\"]";

    let output = command(&pki, "http://127.0.0.1:1", keys).output();

    assert_eq!(output.code, Some(1));
    let stderr = output.stderr.replace(&pki.dir().display().to_string(), "DIR");
    insta::assert_snapshot!(stderr, @r"
    clawgate: DIR/event.json cannot be sent: required: `/missing`: the source has no value there
      hint: correct the pointer or the event, or write a `default` in place of `required`
    ");
}

#[test]
fn the_fields_of_the_caller_can_be_given() {
    let pki = Pki::new();
    let command = command(&pki, "http://127.0.0.1:1", "").arg("--header", "Idempotency-Key: e-2");
    fs::write(pki.dir().join("event.json"), r#"{"eventName":"a"}"#).unwrap();

    let output = command.output();

    assert!(output.stdout.contains("id          e-2 (from Idempotency-Key)"), "{output:?}");
}

#[test]
fn a_target_that_is_not_there_is_answered_with_those_that_are() {
    let pki = Pki::new();
    let good = command(&pki, "http://127.0.0.1:1", "").output();
    assert_eq!(good.code, Some(0), "{good:?}");
    let config = pki.dir().join("clawgate.toml");
    let (certificate, key) = pki.files("server", &pki.server);

    let command = ClawgateCommand::bare("relay").word("try").word("other").word("-");
    let command = command.arg("--config", config).arg("--cert", certificate).arg("--key", key);
    let output = command.arg("--client-ca", pki.dir().join("ca.pem")).output();

    assert_eq!(output.code, Some(1));
    assert_eq!(output.stderr, "clawgate: there is no target `other`: the settings have analytics\n");
}

#[test]
fn settings_that_are_not_valid_have_an_exit_code_of_their_own() {
    let pki = Pki::new();
    let output = command(&pki, "ftp://127.0.0.1:1", "").output();
    assert_eq!(output.code, Some(78));
    assert!(output.stderr.contains("relay.target[1].url"), "{output:?}");
}

#[test]
fn each_help_fits_on_a_terminal() {
    for words in [&["--help"][..], &["try", "--help"]] {
        let help =
            words.iter().fold(ClawgateCommand::bare("relay"), |command, word| command.word(*word));
        let help = help.output();
        assert_eq!(help.code, Some(0));
        for line in help.stdout.lines() {
            assert!(line.chars().count() <= 105, "too long for a terminal: {line}");
        }
    }
}

#[cfg(feature = "protobuf")]
#[test]
fn a_protobuf_message_is_shown_as_json_with_its_bytes_and_sent_when_asked() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    pki.file("m.proto", "syntax = \"proto3\"; message M { string name = 1; User user = 2; } message User { string id = 1; }");
    let messages = "protobuf = { schema = \"@/m.proto\", message = \"M\" }\n";

    let shown = text(&command(&pki, &backend.url(), messages).output(), &backend.url(), &pki);

    let (_, body) = shown.split_once("\n\n").unwrap();
    insta::assert_snapshot!(body.split_once("\n\n").unwrap().0, @r#"
        (14 bytes, the message M; as JSON) {"name":"meeting","user":{"id":"7"}}
        (in base64) CgdtZWV0aW5nEgMKATc=
        "#);
    assert!(shown.contains("\ncontent-type: application/x-protobuf\n"), "{shown}");
    assert_eq!(backend.received().len(), 0);
    assert_eq!(command(&pki, &backend.url(), messages).word("--send").output().code, Some(0));
    assert_eq!(backend.first().body, b"\x0a\x07meeting\x12\x03\x0a\x017");
}
