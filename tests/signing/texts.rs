//! What people read, as a whole.

use insta::assert_snapshot;

use super::verify::{setup, stripe};
use super::{SECRET, Setup, route};
use crate::support::redact::redacted;

/// Without what is random or depends on the time.
fn printed(setup: &Setup, text: &str) -> String {
    let text = redacted(text, setup.pki.dir());
    let mut parts = text.split("clawgate-test-");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |text, part| text + "clawgate-test-ID" + &part[16..]);
    let mut parts = text.split("t=1");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "t=TIME" + &part[9..])
}

#[test]
fn the_command_for_a_public_url() {
    let setup = Setup::new("echo:", |pki| {
        let listen =
            "public_url = \"https://hooks.example.org\"\nsigned_address = [\"127.0.0.1:8445\"]\n";
        listen.to_owned() + &route(pki, "stripe", "signature", "")
    });
    let output = setup.command("sign").word("/hooks/stripe").output();
    assert_snapshot!(printed(&setup, &output.stdout), @r#"
    curl -sS -i --cacert DIR/ca.pem \
      -H 'content-type: application/json' \
      -H 'stripe-signature: t=TIME,v1=SHA-256' \
      --data-binary '{"id":"clawgate-test-ID","text":"A test by clawgate"}' \
      https://hooks.example.org/hooks/stripe
    "#);
    let local = setup.command("sign").word("/hooks/stripe").word("--local").output();
    assert_snapshot!(printed(&setup, &local.stdout), @r#"
    curl -sS -i --cacert DIR/ca.pem \
      -H 'content-type: application/json' \
      -H 'stripe-signature: t=TIME,v1=SHA-256' \
      --data-binary '{"id":"clawgate-test-ID","text":"A test by clawgate"}' \
      https://localhost:PORT/hooks/stripe
    "#);
}

#[test]
fn the_command_for_a_listener_whose_root_is_not_known() {
    let setup = setup();
    let other = crate::support::pki::Ca::root("Other").pem();
    let command = setup.command_with("sign", other).word("/hooks/github");
    let output = command.arg("--listen", "[::]:8443").output();
    assert_snapshot!(printed(&setup, &format!("{}{}", output.stdout, output.stderr)), @r#"
    curl -sS -i -k \
      --cert CLIENT.pem --key CLIENT.key \
      -H 'content-type: application/json' \
      -H 'x-github-delivery: clawgate-test-ID' \
      -H 'x-hub-signature-256: sha256=SHA-256' \
      --data-binary '{"id":"clawgate-test-ID","text":"A test by clawgate"}' \
      https://localhost:PORT/hooks/github
    clawgate: no root of clawgate's certificate is known here, so -k switches its verification off: name the root with --server-ca
    clawgate: this route also demands a client certificate: put its files in the place of CLIENT.pem and CLIENT.key, or name them with --client-cert and --client-key
    "#);
}

#[test]
fn a_request_that_is_admitted() {
    let setup = setup();
    let file = setup.pki.file("request.http", stripe(SECRET, "{\"id\": \"evt_1\"}", "\n"));
    let command = setup.command("verify").word("/hooks/stripe").word(file);
    let output = command.arg("--at", "2026-01-01T00:01:00Z").output();
    assert_snapshot!(printed(&setup, &output.stdout), @r"
    DIR/request.http at DATE

    checks
      pass     route            /hooks/stripe verifies signatures of Stripe (stripe)
      pass     body             15 bytes
      pass     signature_form   a signature is there, in the form that the scheme has
      pass     signing_time     signed 60 seconds ago; the tolerance is 5m
      pass     signing_key      stripe fits
      pass     event            evt_1; a repeated request is recognised by its id
      pass     covered          body, time, id of the event

    admitted by /hooks/stripe: the signature is valid
    ");
}

#[test]
fn a_request_that_is_refused() {
    let setup = setup();
    let file = setup.pki.file("request.http", stripe("another secret", "{\"id\": \"evt_1\"}", "\n"));
    let command = setup.command("verify").word("/hooks/stripe").word(file);
    let output = command.arg("--at", "2026-01-01T00:01:00Z").output();
    assert_snapshot!(printed(&setup, &output.stdout), @r"
    DIR/request.http at DATE

    checks
      pass     route            /hooks/stripe verifies signatures of Stripe (stripe)
      pass     body             15 bytes
      pass     signature_form   a signature is there, in the form that the scheme has
      -        signing_time     not known before the signature fits
      FAIL     signing_key      no key fits the signature
                                hint: compare the secret with the sender's; the file must have the body exactly as it came
      -        event            not known before the signature fits
      pass     covered          body, time, id of the event

    refused: signature_invalid
      hint: compare the secret with the sender's; the file must have the body exactly as it came
    ");
}
