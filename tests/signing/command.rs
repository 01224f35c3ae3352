//! The printed command works as it is printed, or `clawgate sign` says why there is none.

use super::{SECRET, Setup, execute, route};
use crate::support::backend::Backend;

#[test]
fn a_route_that_demands_both_is_called_with_the_certificate() {
    let backend = Backend::ok();
    let setup = Setup::new(backend.url(), |pki| {
        route(pki, "github", "both", "") + &route(pki, "slack", "signature", "")
    });
    let clawgate = setup.start();
    let (certificate, key) = setup.pki.files("client", &setup.pki.client);

    let with = setup.sign(&clawgate, "/hooks/github");
    let with = with.arg("--client-cert", certificate).arg("--client-key", key).output();
    let without = setup.sign(&clawgate, "/hooks/github").output();

    assert_eq!(with.stderr, "");
    assert_eq!(execute(&with).status, "200");
    assert!(without.stdout.contains("--cert CLIENT.pem --key CLIENT.key"), "{without:?}");
    assert!(without.stderr.contains("demands a client certificate"), "{without:?}");
    assert!(without.stdout.contains(&format!(":{}/", clawgate.addresses()[0].port())), "{without:?}");
}

#[test]
fn a_file_is_sent_byte_for_byte_and_only_with_the_signature_for_it() {
    let backend = Backend::ok();
    let setup = Setup::new(backend.url(), |pki| route(pki, "github", "signature", ""));
    let clawgate = setup.start();
    let body = setup.pki.file("it's a body.json", "{\"text\": \"it's $HOME\\n\"}\r\n");

    let signed = setup.sign(&clawgate, "/hooks/github?a=b&c='d'").arg("--body", &body).output();

    let sent = execute(&signed);
    assert_eq!(sent.status, "200", "{sent:?} {signed:?}");
    assert_eq!(backend.first().body, std::fs::read(&body).unwrap());
    assert_eq!(backend.first().value("content-type"), Some("application/json"));
    std::fs::write(&body, "{}").unwrap();
    let changed = execute(&signed);
    assert_eq!(changed.status, "401", "{changed:?}");
    assert!(changed.body.contains("signature_invalid"), "{changed:?}");
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_scheme_with_the_time_in_the_body_puts_it_there() {
    let backend = Backend::ok();
    let setup = Setup::new(backend.url(), |pki| route(pki, "linear", "signature", ""));
    let clawgate = setup.start();
    let body = setup.pki.file("body.json", r#"{"action": "create", "webhookTimestamp": 1}"#);

    let signed = setup.sign(&clawgate, "/hooks/linear").arg("--body", body).output();

    assert_eq!(execute(&signed).status, "200", "{signed:?}");
    let received: serde_json::Value = serde_json::from_slice(&backend.first().body).unwrap();
    assert_eq!(received["action"], "create");
    assert!(received["webhookTimestamp"].as_u64().unwrap() > 1_000_000_000_000, "{received}");
}

#[test]
fn what_cannot_be_signed_is_said_with_exit_code_1() {
    let setup = Setup::new("echo:", |pki| {
        let certificate = "[[route]]\npath = \"/open\"\n".to_owned();
        let public = pki.file("discord.pub", "ab".repeat(32));
        let discord = format!(
            "[[route]]\npath = \"/hooks/discord\"\nauthenticate = \"signature\"\n[route.verify]\nscheme = \
             \"discord\"\npublic_key_file = [{public:?}]\n"
        );
        certificate + &discord + &route(pki, "mailgun", "signature", "")
    });
    let text = setup.pki.file("text", "no JSON");
    let other_key = setup
        .pki
        .file("other.key", rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem());
    let sign = |route: &str| {
        let command = setup.command("sign").word(route);
        command.arg("--listen", "127.0.0.1:8443").arg("--listen-signed", "127.0.0.1:8445")
    };
    for (command, expected) in [
        (sign("/open"), "the route /open verifies no signatures"),
        (
            sign("/other"),
            "no route is open for /other; those that verify signatures are /hooks/discord, /hooks/mailgun",
        ),
        (sign("other"), "`other` is no path of a request"),
        (sign("/hooks/mailgun/"), "no route is open for /hooks/mailgun/: write /hooks/mailgun"),
        (sign("/hooks/discord"), "only the sender has the private one"),
        (
            sign("/hooks/discord").arg("--private-key", other_key),
            "is the private key that of a public key",
        ),
        (sign("/hooks/mailgun").arg("--body", text), "must be in the body, which is no JSON object"),
        (sign("/hooks/mailgun").arg("--body", "/nowhere"), "/nowhere cannot be read"),
        (
            setup.command("sign").word("/hooks/mailgun").arg("--listen-signed", "127.0.0.1:0"),
            "port 0 of listen-signed",
        ),
    ] {
        let output = command.output();
        assert!(output.stderr.contains(expected), "{expected:?} is not in {output:?}");
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        assert!(!output.stderr.contains(SECRET), "{output:?}");
    }
}
