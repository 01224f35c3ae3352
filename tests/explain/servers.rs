//! A server, to which `explain` connects as a client.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use serde_json::{Value, json};

use super::{DAY, check, json_of, says};
use crate::support::pki::{Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::unused_port;

/// What is said of the server at `port` of localhost, and the exit code.
fn explained(port: u16, identity: Option<(&Pki, &Identity)>) -> (Value, Option<i32>) {
    let mut command =
        ClawgateCommand::bare("explain").word(format!("https://localhost:{port}/hooks/wake"));
    if let Some((pki, identity)) = identity {
        let (certificate, key) = pki.files("client", identity);
        command = command.arg("--client-cert", certificate).arg("--client-key", key);
    }
    json_of(command)
}

fn clawgate(pki: &Pki) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").start()
}

/// A server that answers whatever comes first with `answer`, and is gone.
fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.write_all(answer);
    });
    address
}

#[test]
fn without_a_certificate_clawgate_says_which_it_asks_for_and_refuses() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);

    let (explained, code) = explained(clawgate.address().port(), None);

    assert_eq!(code, Some(1));
    assert_eq!(explained["verdict"], "refused", "{explained}");
    assert_eq!(explained["alert"], "certificate_required");
    assert_eq!(explained["tls_version"], "TLSv1.3");
    assert_eq!(explained["cipher"], "TLS_AES_128_GCM_SHA256");
    assert_eq!(explained["group"], "X25519MLKEM768");
    assert_eq!(explained["alpn"], "h2");
    assert_eq!(explained["client_auth"]["asked"], true);
    assert_eq!(explained["client_auth"]["cas"], json!(["CN=Test Root"]));
    assert!(explained["client_auth"]["presented"].is_null());
    says(explained["hint"].as_str().unwrap(), &["--client-cert FILE --client-key FILE"]);
    assert_eq!(explained["certificate"]["subject"], "O=Example,CN=gate");
    assert_eq!(explained["chain"][1]["subject"], "CN=Test Intermediate");
    for name in ["names", "dates", "purpose", "order", "key", "signature", "key_fits"] {
        assert_eq!(check(&explained, name)["severity"], "pass", "{explained}");
    }
    says(
        check(&explained, "chain")["detail"].as_str().unwrap(),
        &["could not be verified", "CN=Test Root, and no such root"],
    );
    // clawgate's own word on it is the same.
    assert_eq!(clawgate.failure()["reason"], "client_cert_missing");
}

#[test]
fn with_a_good_certificate_clawgate_accepts_and_no_request_reaches_it() {
    let pki = Pki::new();
    let mut clawgate = clawgate(&pki);

    let (explained, code) = explained(clawgate.address().port(), Some((&pki, &pki.client)));

    assert_eq!(code, Some(0), "{explained}");
    assert_eq!(explained["verdict"], "accepted");
    assert!(explained["alert"].is_null() && explained["hint"].is_null(), "{explained}");
    assert_eq!(explained["client_auth"]["presented"], "O=Example,CN=notes");
    assert!(clawgate.stop().success());
    assert!(clawgate.all("request").is_empty());
}

#[test]
fn with_a_bad_certificate_the_alert_is_shown() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let late = pki.client(Leaf::client("late").valid(-9 * DAY, -DAY));

    let (explained, code) = explained(clawgate.address().port(), Some((&pki, &late)));

    assert_eq!(code, Some(1));
    assert_eq!(explained["alert"], "certificate_expired", "{explained}");
    says(explained["detail"].as_str().unwrap(), &["certificate_expired after the handshake"]);
    says(explained["hint"].as_str().unwrap(), &["handshake_failed", "clawgate explain"]);
}

#[test]
fn what_clients_would_refuse_about_a_servers_certificate_is_shown() {
    let mut pki = Pki::new();
    let bad = Leaf::server().valid(-9 * DAY, -2 * DAY - 3600).with(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("gate.example".try_into().unwrap())];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    pki.server = bad.issued_by(&pki.intermediate, &[]);
    let clawgate = clawgate(&pki);

    let (explained, code) = explained(clawgate.address().port(), Some((&pki, &pki.client)));

    // The server accepts; whether to accept it is another matter.
    assert_eq!((explained["verdict"].as_str(), code), (Some("accepted"), Some(0)), "{explained}");
    let detail = |name: &str| check(&explained, name)["detail"].as_str().unwrap().to_owned();
    says(&detail("names"), &["is for dns:gate.example, not for localhost"]);
    says(&detail("dates"), &["has expired", "2 days"]);
    says(&detail("purpose"), &["lacks serverAuth"]);
    says(&detail("chain"), &["only the leaf is sent", "CN=Test Intermediate"]);
    says(
        check(&explained, "chain")["hint"].as_str().unwrap(),
        &["append its certificate to the server's certificate file"],
    );
    let text = ClawgateCommand::bare("explain").word(format!("localhost:{}", clawgate.address().port()));
    let output = text.output();
    says(&output.stdout, &["but clients will refuse the server's certificate: names, dates, purpose\n"]);
}

#[test]
fn plain_http_and_other_protocols_are_named() {
    for (answer, parts) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &["plain HTTP", "no TLS"][..]),
        (b"SSH-2.0-OpenSSH_9.9\r\n", &["does not speak TLS", "SSH-2.0-OpenSSH_"]),
    ] {
        let (explained, code) = explained(answering(answer).port(), None);

        assert_eq!(code, Some(1));
        assert_eq!(explained["verdict"], "failed", "{explained}");
        says(explained["detail"].as_str().unwrap(), parts);
        assert!(explained["client_auth"].is_null() && explained["certificate"].is_null());
    }
}

#[test]
fn a_server_that_closes_is_distinguished_from_one_that_is_silent() {
    let (closed, code) = explained(answering(b"").port(), None);
    assert_eq!((closed["verdict"].as_str(), code), (Some("refused"), Some(1)), "{closed}");
    says(closed["detail"].as_str().unwrap(), &["closed the connection in the middle"]);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent, code) = explained(silent.local_addr().unwrap().port(), None);
    assert_eq!((silent["verdict"].as_str(), code), (Some("failed"), Some(1)), "{silent}");
    says(silent["detail"].as_str().unwrap(), &["did not answer the ClientHello", "5 s"]);
}

#[test]
fn a_server_that_does_not_listen_is_reported() {
    let unused = unused_port();

    let (explained, code) = explained(unused.address().port(), None);

    assert_eq!(code, Some(1));
    assert_eq!(explained["verdict"], "failed");
    says(explained["detail"].as_str().unwrap(), &["no connection to localhost:", "refused"]);
    says(explained["hint"].as_str().unwrap(), &["port"]);
}
