//! What log, metrics and the upstream learn about what authenticated a request.

use super::{SECRET, command, configured, github, post, send, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::Clawgate;

#[test]
fn the_access_log_has_scheme_and_secret_of_a_signed_request() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    send(&pki, &clawgate, "/hooks/github", "{}");

    let line = clawgate.request();
    assert_eq!(line["authenticated_by"], "signature");
    assert_eq!(line["signature_scheme"], "github");
    assert_eq!(line["signature_key"], "github");
    assert_eq!((line["bytes_in"].as_u64(), line["cn"].as_str()), (Some(2), None));
}

#[test]
fn the_access_log_says_that_a_certificate_authenticated_a_request_or_both_did() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/both", "") + "[[route]]\npath = \"/hooks/wake\"\n";
    let clawgate = configured(&pki, &backend.url(), &toml);

    Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    Client::new(&pki, &clawgate).send(&post("/hooks/both", &signature(SECRET, b"{}"), "{}"));

    let certificate = clawgate.event("request", 1);
    assert_eq!(certificate["authenticated_by"], "certificate");
    assert_eq!(certificate.get("signature_scheme"), None);
    let both = clawgate.event("request", 2);
    assert_eq!((&both["authenticated_by"], &both["signature_key"]), (&"both".into(), &"github".into()));
    assert_eq!(both["cn"], "notes");
}

#[test]
fn a_refused_request_is_authenticated_by_nothing() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    Client::without_certificate(&pki, &clawgate).post("/hooks/github", "{}");

    let line = clawgate.request();
    assert_eq!((&line["reason"], line.get("authenticated_by")), (&"signature_missing".into(), None));
}

#[test]
fn the_upstream_learns_the_principal_and_a_client_cannot_claim_one() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml =
        github(&pki, "/hooks/github", "authenticate = \"either\"") + &github(&pki, "/hooks/both", "");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let claim = |path: &str| {
        let request = post(path, &signature(SECRET, b"{}"), "{}");
        request.replacen("\r\n", "\r\nX-Clawgate-Principal: forged\r\n", 1)
    };

    Client::without_certificate(&pki, &clawgate).send(&claim("/hooks/github"));
    Client::new(&pki, &clawgate).send(&claim("/hooks/github"));
    Client::new(&pki, &clawgate).send(&claim("/hooks/both"));

    let principals: Vec<Vec<String>> = backend
        .received()
        .iter()
        .map(|received| received.values("x-clawgate-principal").into_iter().map(str::to_owned).collect())
        .collect();
    let certificate = format!("certificate=\"{}\"", pki.client.fingerprint());
    let signed = "signature=\"github\";key=\"github\"".to_owned();
    assert_eq!(
        principals,
        [vec![signed.clone()], vec![certificate.clone()], vec![format!("{certificate}, {signed}")]]
    );
    let of_certificate = backend.received()[0].values("x-clawgate-client-cn").len();
    assert_eq!(of_certificate, 0, "a signed request has no certificate");
}

#[test]
fn results_and_principals_are_counted_by_route() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"either\"");
    let clawgate = command(&pki, &backend.url(), &toml).admin().start();

    send(&pki, &clawgate, "/hooks/github", "{}");
    send(&pki, &clawgate, "/hooks/github", "{}");
    Client::new(&pki, &clawgate).post("/hooks/github", "{}");
    Client::without_certificate(&pki, &clawgate).post("/hooks/github", "{}");
    Client::without_certificate(&pki, &clawgate).send(&post("/hooks/github", "sha256=00", "{}"));

    let metrics = metrics(&clawgate);
    for line in [
        "clawgate_signatures_total{route=\"/hooks/github\",result=\"valid\"} 1",
        "clawgate_signatures_total{route=\"/hooks/github\",result=\"duplicate\"} 1",
        "clawgate_signatures_total{route=\"/hooks/github\",result=\"missing\"} 1",
        "clawgate_signatures_total{route=\"/hooks/github\",result=\"invalid\"} 1",
        "clawgate_authenticated_requests_total{route=\"/hooks/github\",by=\"signature\"} 2",
        "clawgate_authenticated_requests_total{route=\"/hooks/github\",by=\"certificate\"} 1",
    ] {
        assert!(metrics.lines().any(|other| other == line), "no {line} in {metrics}");
    }
}

#[test]
fn the_log_says_why_a_signature_was_refused() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    let wrong = post("/hooks/github", &signature("another secret", b"{}"), "{}");
    Client::without_certificate(&pki, &clawgate).send(&wrong);

    let line = clawgate.event("signature_refused", 1);
    assert_eq!(line["route"], "/hooks/github");
    assert_eq!((&line["scheme"], &line["reason"]), (&"github".into(), &"signature_invalid".into()));
    assert!(line["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{line}");
}

fn metrics(clawgate: &Clawgate) -> String {
    String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap()
}
