//! Other transports to an upstream: a unix socket, and TLS.

use rcgen::SanType;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::relay;

#[test]
fn a_unix_socket_is_an_upstream() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let path = pki.dir().join("claw.sock");
    relay::unix(&path, backend.address());
    let upstream = format!("unix:{}", path.display());
    let clawgate = ClawgateCommand::new(&pki).upstream(&upstream).start();

    for _ in 0..3 {
        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    }

    assert_eq!(backend.first().value("host"), Some("localhost"));
    assert_eq!(backend.connections(), 1);
    assert_eq!(clawgate.request()["upstream"], upstream);
}

#[test]
fn a_unix_socket_that_is_not_there_is_503() {
    let pki = Pki::new();
    let path = pki.dir().join("nobody.sock");
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("unix:{}", path.display())).start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("nobody.sock"));
    let detail = clawgate.request()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("No such file"), "{detail}");
}

#[test]
fn an_https_upstream_is_called_over_tls() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let ca = Ca::root("Upstream Root");
    let address = relay::tls(&Leaf::server().issued_by(&ca, &[]), backend.address());
    let upstream = format!("https://localhost:{}", address.port());
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(&upstream)
        .arg("--upstream-ca", pki.file("upstream-ca.pem", ca.pem()))
        .start();

    for _ in 0..3 {
        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    }

    assert_eq!(backend.received().len(), 3);
    assert_eq!(backend.connections(), 1);
    assert_eq!(clawgate.request()["upstream"], upstream);
}

#[test]
fn an_https_upstream_may_be_named_by_its_address() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let address = relay::tls(&pki.server, backend.address());
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(format!("https://{address}"))
        .arg("--upstream-ca", pki.file("upstream-ca.pem", pki.root.pem()))
        .start();

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn an_https_upstream_of_another_ca_gets_no_request() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let address = relay::tls(&pki.server, backend.address());
    let other = Ca::root("Another Root");
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(format!("https://localhost:{}", address.port()))
        .arg("--upstream-ca", pki.file("upstream-ca.pem", other.pem()))
        .start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("ertificate"));
    let detail = clawgate.request()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("the certificate cannot be used: its issuer is not a trusted CA"),
        "{detail}"
    );
    assert_eq!(backend.received().len(), 0);
}

#[test]
fn an_https_upstream_of_another_name_gets_no_request() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let elsewhere = vec![SanType::DnsName("elsewhere.example".try_into().unwrap())];
    let identity = pki.client(Leaf::server().sans(elsewhere));
    let address = relay::tls(&identity, backend.address());
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(format!("https://localhost:{}", address.port()))
        .arg("--upstream-ca", pki.file("upstream-ca.pem", pki.root.pem()))
        .start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
    let detail = clawgate.request()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("localhost") && detail.contains("elsewhere.example"), "{detail}");
    assert_eq!(backend.received().len(), 0);
}

#[test]
fn plain_http_where_tls_is_expected_is_said_to_be_that() {
    let pki = Pki::new();
    let backend = Backend::script(|mut exchange| exchange.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(format!("https://localhost:{}", backend.address().port()))
        .arg("--upstream-ca", pki.file("upstream-ca.pem", pki.root.pem()))
        .start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
    let detail = clawgate.request()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("the received data is not a TLS record"), "{detail}");
}

#[test]
fn a_ca_file_that_cannot_be_used_is_refused_at_the_start() {
    let pki = Pki::new();
    let missing = pki.dir().join("missing.pem");
    let empty = pki.file("empty.pem", "");
    let key = pki.file("only-a-key.pem", pki.server.key.serialize_pem());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = pki.file("broken.pem", broken);
    for file in [missing, empty, key, broken] {
        let output = ClawgateCommand::new(&pki)
            .upstream("https://localhost:8443")
            .arg("--upstream-ca", &file)
            .output();

        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.stderr.contains(file.to_str().unwrap()), "{output:?}");
        assert_eq!(output.stdout, "");
    }
}
