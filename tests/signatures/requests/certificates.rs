//! Routes that demand a certificate and a signature, or one of both.

use super::{SECRET, command, configured, github, post, send, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};

#[test]
fn both_are_demanded_where_a_route_has_verify_and_says_no_more() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let client = || Client::new(&pki, &clawgate);

    assert_eq!(client().post("/hooks/github", "{}").reason(), "signature_missing");
    let wrong = post("/hooks/github", &signature("another", b"{}"), "{}");
    assert_eq!(client().send(&wrong).reason(), "signature_invalid");
    let right = post("/hooks/github", &signature(SECRET, b"{}"), "{}");
    assert_eq!(client().send(&right).status, 200);
    assert_eq!(send(&pki, &clawgate, "/hooks/github", "{}").status, 404, "without a certificate");
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn the_rules_of_a_route_decide_before_the_signature_is_looked_at() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "allow = [\"cn=notes\"]");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let other = pki.client(Leaf::client("other"));

    let right = post("/hooks/github", &signature(SECRET, b"{}"), "{}");
    let answer = Client::with_identity(&pki, &clawgate, &other).send(&right);

    assert_eq!((answer.status, &*answer.reason()), (403, "identity_not_allowed"));
}

#[test]
fn either_takes_a_certificate_on_one_listener_and_a_signature_on_the_other() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"either\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/github", "certificate").status, 200);
    assert_eq!(send(&pki, &clawgate, "/hooks/github", "signature").status, 200);
    let unsigned = Client::without_certificate(&pki, &clawgate).post("/hooks/github", "nothing");
    assert_eq!(unsigned.reason(), "signature_missing");
    let bodies: Vec<_> = backend.received().into_iter().map(|received| received.body).collect();
    assert_eq!(bodies, [b"certificate".to_vec(), b"signature".to_vec()]);
}

#[test]
fn a_certificate_offered_to_the_signed_listener_authenticates_nothing() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"either\"");
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let answer = Client::new(&pki, &clawgate).at(clawgate.signed()).post("/hooks/github", "{}");

    assert_eq!((answer.status, &*answer.reason()), (401, "signature_missing"));
}
