//! Signed requests: the signature is that of the body as it came.

use super::support::{LISTEN, WITHOUT_TRANSCRIPT, command, meeting, post, route, signature, signed};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

const SHAPE: &str = "drop = [\"/transcript\"]";

#[test]
fn the_signature_is_verified_over_the_body_before_it_is_shaped() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{LISTEN}{}", route(&signed(""), SHAPE));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let body = meeting(10_000);
    let send = |signature: &str| {
        let answer = Client::without_certificate(&pki, &clawgate).send(&post(signature, &body));
        (answer.status, answer.reason())
    };

    assert_eq!(send(&signature(WITHOUT_TRANSCRIPT)), (401, "signature_invalid".to_owned()));
    assert_eq!(
        Client::without_certificate(&pki, &clawgate).send(&post(&signature(&body), &body)).status,
        200
    );

    assert_eq!(String::from_utf8_lossy(&backend.first().body), WITHOUT_TRANSCRIPT);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_signed_event_that_cannot_be_shaped_is_not_taken_for_delivered() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{LISTEN}{}", route(&signed(""), SHAPE));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let send = || {
        let request = post(&signature("no JSON"), "no JSON");
        Client::without_certificate(&pki, &clawgate).send(&request).status
    };

    // A duplicate would be answered with 200.
    assert_eq!([send(), send()], [422, 422]);
    assert_eq!(backend.received().len(), 0);
}

#[test]
fn in_audit_mode_a_request_without_a_valid_signature_is_shaped_too() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{LISTEN}{}", route(&format!("{}\naudit = true", signed("")), SHAPE));
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let request = post("X-Hub-Signature-256: sha256=00\r\n", &meeting(1));
    assert_eq!(Client::without_certificate(&pki, &clawgate).send(&request).status, 200);

    assert_eq!(String::from_utf8_lossy(&backend.first().body), WITHOUT_TRANSCRIPT);
    assert_eq!(backend.first().value("x-hub-signature-256"), None);
}
