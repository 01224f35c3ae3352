//! The listener without client certificates has only the routes that demand a signature.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use super::{command, configured, github, post, send, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::Pki;

#[test]
fn a_signed_request_of_a_client_without_a_certificate_reaches_the_upstream_as_it_was_sent() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    let answer = send(&pki, &clawgate, "/hooks/github?a=b", r#"{"action":"opened"}"#);

    assert_eq!(answer.status, 200);
    let received = backend.first();
    assert_eq!(received.request_line(), "POST /hooks/github?a=b HTTP/1.1");
    assert_eq!(received.body, br#"{"action":"opened"}"#);
}

#[test]
fn no_certificate_is_asked_for_there_and_one_is_required_on_the_other_listener() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"either\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    let requests = Arc::new(CertificateRequests::default());
    let mut client = Client::without_certificate(&pki, &clawgate);
    client.config.client_auth_cert_resolver = Arc::clone(&requests) as _;
    assert_eq!(client.clone().post("/hooks/github", "{}").status, 401);
    assert_eq!(requests.0.load(Ordering::SeqCst), 0);
    let _ = client.at(clawgate.address()).connect();
    assert_eq!(requests.0.load(Ordering::SeqCst), 1);
    let refusal = Client::without_certificate(&pki, &clawgate).at(clawgate.address()).refusal();

    assert_eq!(refusal.alert, "certificate_required");
    assert_eq!(clawgate.failure()["reason"], "client_cert_missing");
}

#[test]
fn a_route_for_certificates_is_answered_like_an_unknown_path() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!(
        "{}[[route]]\npath = \"/hooks/wake\"\n{}{}",
        github(&pki, "/hooks/github", "authenticate = \"signature\""),
        github(&pki, "/hooks/both", "authenticate = \"both\""),
        github(&pki, "/hooks/default", ""),
    );
    let clawgate = configured(&pki, &backend.url(), &toml);

    let unknown = send(&pki, &clawgate, "/hooks/unknown", "{}");
    for path in ["/hooks/wake", "/hooks/both", "/hooks/default", "/hooks/wake/"] {
        let answer = send(&pki, &clawgate, path, "{}");
        assert_eq!((answer.status, &*answer.reason()), (404, "no_route"), "{path}");
        let same = answer.json()["detail"].as_str().unwrap().replace(path, "/hooks/unknown");
        assert_eq!(same, unknown.json()["detail"], "{path}");
    }
    let get = Client::without_certificate(&pki, &clawgate)
        .send("GET /hooks/wake HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((get.status, get.header("allow")), (404, None));
    assert!(backend.received().is_empty());
}

#[test]
fn the_log_says_of_a_path_without_a_route_which_routes_are_open_there() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    Client::without_certificate(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!(
        clawgate.request()["detail"],
        "no route is open for /hooks/wake at an address where no client certificate is asked for: \
         only routes with authenticate = \"signature\" or \"either\" are"
    );
}

#[test]
fn a_route_for_signatures_alone_is_not_open_to_certificates() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);

    let request = post("/hooks/github", &signature(super::SECRET, b"{}"), "{}");
    let answer = Client::new(&pki, &clawgate).send(&request);

    assert_eq!((answer.status, &*answer.reason()), (404, "no_route"));
}

#[test]
fn an_invalid_signature_is_401_and_the_answer_does_not_say_why() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let client = || Client::without_certificate(&pki, &clawgate);

    let missing = client().post("/hooks/github", "{}");
    assert_eq!((missing.status, &*missing.reason()), (401, "signature_missing"));
    assert_eq!(missing.header("www-authenticate"), Some("Signature"));
    assert_eq!(missing.json()["detail"], "the request has no signature that this path accepts");
    for wrong in
        [&*signature("another secret", b"{}"), &signature(super::SECRET, b"{ }"), "sha256=00", "x"]
    {
        let answer = client().send(&post("/hooks/github", wrong, "{}"));
        assert_eq!((answer.status, &*answer.reason()), (401, "signature_invalid"), "{wrong}");
        assert_eq!(answer.json()["detail"], "the signature of the request is not valid", "{wrong}");
    }
    assert!(backend.received().is_empty());
}

#[test]
fn a_signed_request_over_http2_is_verified_too() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let connection = Http2::connect(Client::without_certificate(&pki, &clawgate));
    let request = |secret: &str| {
        Request::post("https://localhost/hooks/github")
            .header("x-hub-signature-256", signature(secret, b"{\"a\":1}"))
            .body(Pieces::of([b"{\"a\"", b":1}"]))
            .unwrap()
    };

    assert_eq!(connection.send(request(super::SECRET)).status, 200);
    assert_eq!(connection.send(request("another")).status, 401);
    assert_eq!(backend.received().len(), 1);
    assert_eq!(backend.first().body, b"{\"a\":1}");
}

#[test]
fn a_session_of_the_signed_listener_resumes_nothing_on_the_other() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"either\"");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let client = Client::without_certificate(&pki, &clawgate);
    let request = post("/hooks/github", &signature(super::SECRET, b"{}"), "{}");
    assert_eq!(client.clone().send(&request).status, 200);

    let refused = client.at(clawgate.address()).refused();

    assert!(refused.to_string().contains("CertificateRequired"), "{refused}");
}

#[test]
fn a_reload_replaces_the_secret_and_keeps_open_connections() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", "authenticate = \"signature\"");
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let mut connection = Client::without_certificate(&pki, &clawgate).connect().unwrap();
    let mut ask = |secret: &str, body: &str| {
        connection.write(post("/hooks/github", &signature(secret, body.as_bytes()), body).as_bytes());
        connection.answer().status
    };
    assert_eq!(ask(super::SECRET, "1"), 200);

    pki.file("github", "another secret, which is long enough");
    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    assert_eq!(ask(super::SECRET, "2"), 401);
    assert_eq!(ask("another secret, which is long enough", "3"), 200);
}

/// Counts how often a server asks for a certificate, and presents none.
#[derive(Debug, Default)]
struct CertificateRequests(AtomicUsize);

impl ResolvesClientCert for CertificateRequests {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}
