//! Bodies with a content coding cannot be shaped.

use super::support::{LISTEN, command, post, route, signature, signed, start};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

#[test]
fn a_compressed_body_is_refused_by_a_shaped_route_with_what_to_send_instead() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]\nwhen_larger = \"1KiB\"");
    let send = |coding: &str| {
        let head = format!("Content-Encoding: {coding}\r\n");
        Client::new(&pki, &clawgate).send(&post(&head, r#"{"a":1}"#))
    };

    for coding in ["gzip", "GZIP", "br", "identity, gzip"] {
        let answer = send(coding);
        assert_eq!((answer.status, &*answer.reason()), (415, "not_shapeable"), "{coding}");
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        assert!(answer.json()["detail"].as_str().unwrap().contains("compressed"));
    }
    assert_eq!(backend.received().len(), 0);
    assert_eq!(send("identity").status, 200);
    assert_eq!(backend.first().value("content-encoding"), Some("identity"));
}

#[test]
fn a_stranger_does_not_learn_that_a_signed_route_is_shaped() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{LISTEN}{}", route(&signed(""), "drop = [\"/b\"]"));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let send = |signature: &str| {
        let head = format!("Content-Encoding: gzip\r\n{signature}");
        let answer = Client::without_certificate(&pki, &clawgate).send(&post(&head, "{}"));
        (answer.status, answer.reason())
    };

    assert_eq!(send(&signature("[]")), (401, "signature_invalid".to_owned()));
    assert_eq!(send(&signature("{}")), (415, "not_shapeable".to_owned()));
}
