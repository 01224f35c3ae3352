//! The requests by which senders test an address before they send events there.

use super::{SECRET, configured, github, post, signature};
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::pki::Pki;
use crate::support::process::Clawgate;

/// A route with this challenge, for signed requests.
fn with_challenge(pki: &Pki, upstream: &str, challenge: &str) -> Clawgate {
    let toml = github(pki, "/hooks/github", "authenticate = \"signature\"");
    configured(pki, upstream, &format!("{toml}challenge = \"{challenge}\"\n"))
}

fn get(pki: &Pki, clawgate: &Clawgate, target: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    Client::without_certificate(pki, clawgate).send(&request)
}

#[test]
fn a_get_that_tests_the_address_is_answered_although_the_route_has_post_alone() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = with_challenge(&pki, &backend.url(), "dropbox");

    let answer = get(&pki, &clawgate, "/hooks/github?challenge=a%20b1");

    assert_eq!((answer.status, &*answer.body), (200, &b"a b1"[..]));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(get(&pki, &clawgate, "/hooks/github?challenge=a&b=c").status, 405);
    assert_eq!(get(&pki, &clawgate, "/hooks/github").status, 405);
    assert_eq!(get(&pki, &clawgate, "/hooks/other?challenge=a").status, 404);
    assert!(backend.received().is_empty());
}

#[test]
fn meta_must_know_the_token() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let token = pki.file("token", "a verify token of some length");
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let toml = format!("{toml}challenge = \"meta\"\nchallenge_token_file = {token:?}\n");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let test = |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        get(&pki, &clawgate, &format!("/hooks/github?{query}"))
    };

    let right = test("a+verify+token+of+some+length");
    assert_eq!((right.status, &*right.body), (200, &b"1158201444"[..]));
    let wrong = test("another");
    assert_eq!((wrong.status, &*wrong.reason()), (401, "signature_invalid"));
    assert_eq!(clawgate.event("signature_refused", 1)["cause"], "challenge");
}

#[test]
fn a_signed_test_is_answered_only_if_the_signature_is_valid() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = with_challenge(&pki, &backend.url(), "slack");
    let body = r#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#;

    let client = || Client::without_certificate(&pki, &clawgate);
    let wrong = client().send(&post("/hooks/github", &signature("another", body.as_bytes()), body));
    assert_eq!(wrong.status, 401);
    let right = client().send(&post("/hooks/github", &signature(SECRET, body.as_bytes()), body));

    assert_eq!(right.status, 200);
    assert_eq!(right.body, b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
    assert!(backend.received().is_empty());
    let line = clawgate.event("request", 2);
    assert_eq!(
        (&line["status"], &line["detail"]),
        (&200.into(), &"the sender tested the address".into())
    );
}

#[test]
fn a_secret_that_comes_with_the_test_is_logged_once() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = with_challenge(&pki, &backend.url(), "notion");
    let body = r#"{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}"#;

    for _ in 0..2 {
        let answer = Client::without_certificate(&pki, &clawgate).post("/hooks/github", body);
        assert_eq!(answer.status, 200);
    }

    let line = clawgate.event("challenge_secret", 1);
    assert_eq!(line["secret"], "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl");
    clawgate.event("request", 2);
    assert_eq!(clawgate.events("challenge_secret").len(), 1);
    assert!(backend.received().is_empty());
}

#[test]
fn without_a_challenge_in_the_settings_nothing_is_answered() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    assert_eq!(get(&pki, &clawgate, "/hooks/github?challenge=a").status, 405);
    let graph = Client::without_certificate(&pki, &clawgate).post("/hooks/github?validationToken=a", "");
    assert_eq!(graph.reason(), "signature_missing");
}
