//! Audit mode: a request without a valid signature is logged, and passes.

use super::{SECRET, configured, github, post, send, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

#[test]
fn an_unsigned_request_passes_and_the_log_says_that_it_would_be_refused() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"") + "audit = true\n";
    let clawgate = configured(&pki, &backend.url(), &toml);

    let answer = Client::without_certificate(&pki, &clawgate).post("/hooks/github", "{}");

    assert_eq!(answer.status, 200);
    let refused = clawgate.event("signature_refused", 1);
    assert_eq!((&refused["reason"], &refused["audit"]), (&"signature_missing".into(), &true.into()));
    assert_eq!(clawgate.request()["authenticated_by"], "nothing");
    assert_eq!(backend.first().values("x-clawgate-principal"), [""; 0]);
    assert_eq!(backend.first().body, b"{}");
}

#[test]
fn a_valid_signature_counts_in_audit_mode_too() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"") + "audit = true\n";
    let clawgate = configured(&pki, &backend.url(), &toml);

    send(&pki, &clawgate, "/hooks/github", "{}");

    assert_eq!(clawgate.request()["authenticated_by"], "signature");
    assert!(clawgate.events("signature_refused").is_empty());
}

#[test]
fn a_certificate_is_still_demanded_where_both_are() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "") + "audit = true\n";
    let clawgate = configured(&pki, &backend.url(), &toml);

    let wrong = post("/hooks/github", &signature("another", b"{}"), "{}");
    assert_eq!(Client::new(&pki, &clawgate).send(&wrong).status, 200);
    assert_eq!(clawgate.request()["authenticated_by"], "certificate");
    let without = post("/hooks/github", &signature(SECRET, b"{}"), "{}");
    assert_eq!(Client::without_certificate(&pki, &clawgate).send(&without).status, 404);
}

#[test]
fn requests_with_invalid_signatures_are_not_limited_in_audit_mode() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"") + "audit = true\n";
    let toml = format!("{toml}[limits]\nfailed_signatures = 1\n");
    let clawgate = configured(&pki, &backend.url(), &toml);

    let wrong = post("/hooks/github", &signature("another", b"{}"), "{}");
    let statuses = [(); 3].map(|()| Client::without_certificate(&pki, &clawgate).send(&wrong).status);

    assert_eq!(statuses, [200; 3]);
}
