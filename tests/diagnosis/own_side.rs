//! Refusals with a cause on clawgate's side: its certificate or its CRLs; also alerts that arrive late.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, RootCertStore, SupportedProtocolVersion,
};

use time::{Duration, OffsetDateTime};

use super::{BOTH, Trial, check, refused_by, says};
use crate::support::client::{Client, connect};
use crate::support::eventually;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// Connects a client that will not take clawgate's certificate: its own address, and what it says.
fn refusing(client: Client, clawgate: &Clawgate) -> (SocketAddr, String) {
    let mut socket = connect(clawgate.address());
    let from = socket.local_addr().unwrap();
    let name = client.name.try_into().unwrap();
    let mut tls = ClientConnection::new(Arc::new(client.config), name).unwrap();
    loop {
        assert!(tls.is_handshaking(), "the client took clawgate's certificate");
        if let Err(error) = tls.complete_io(&mut socket) {
            return (from, error.to_string());
        }
    }
}

/// A client that holds `ca` and nothing else refuses clawgate, with the alert `alert`.
fn refused_for_its_ca(ca: Ca, alert: &str, hint: &[&str]) {
    let pki = Pki::new();
    let mut holder = Pki::new();
    holder.root = ca;
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&holder, &trial.clawgate, Some(&pki.client), &[version]);
        let (from, error) = refusing(client, &trial.clawgate);
        assert!(error.contains("invalid peer certificate"), "{error}");
        let line = trial.line("server_cert_rejected", from);
        assert_eq!(line["alert_received"], alert, "{line}");
        assert!(line["alert_sent"].is_null(), "{line}");
        assert!(line["client_cert"].is_null(), "{line}");
        says(&line, "detail", &["refused clawgate's certificate", alert]);
        says(&line, "hint", hint);
        assert_eq!(line["tls_version"], name);
    }
    trial.end();
}

#[test]
fn a_client_that_does_not_know_clawgates_ca_is_pointed_to_it() {
    let hint = ["--cacert", "tls.certificate", "intermediates"];
    refused_for_its_ca(Ca::root("Elsewhere Root"), "unknown_ca", &hint);
}

#[test]
fn a_client_with_the_previous_ca_of_clawgates_certificate_is_recognised() {
    let hint = ["recreated", "--cacert"];
    refused_for_its_ca(Ca::root("Test Root"), "decrypt_error", &hint);
}

#[test]
fn the_hint_for_an_expired_server_certificate_says_to_renew_it() {
    let mut pki = Pki::new();
    let leaf = Leaf::server().valid(-9 * 24 * 3600, -24 * 3600);
    pki.server = leaf.issued_by(&pki.intermediate, &[&pki.intermediate]);
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let (from, error) = refusing(client, &trial.clawgate);
        assert!(error.contains("expired"), "{error}");
        let line = trial.line("server_cert_rejected", from);
        assert_eq!(line["alert_received"], "certificate_expired");
        says(&line, "hint", &["renew the certificate in tls.certificate", "clock"]);
        assert_eq!(line["tls_version"], name);
    }
    trial.end();
}

#[test]
fn the_hint_for_a_wrong_server_name_lists_the_right_ones() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let (from, error) = refusing(client.named("elsewhere.example"), &trial.clawgate);
        assert!(error.contains("not valid for name"), "{error}");
        let line = trial.line("server_cert_rejected", from);
        assert_eq!(line["alert_received"], "bad_certificate");
        assert_eq!(line["sni"], "elsewhere.example");
        for field in ["detail", "hint"] {
            says(&line, field, &["elsewhere.example", "dns:localhost", "ip:127.0.0.1"]);
        }
        assert_eq!(line["tls_version"], name);
    }
    trial.end();
}

#[test]
fn an_expired_crl_admits_nobody_of_its_ca_and_is_not_blamed_on_the_client() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[], 2));
    let due = OffsetDateTime::now_utc() + Duration::seconds(3);
    let direct = Leaf::client("direct").issued_by(&pki.root, &[]);
    let clawgate = ClawgateCommand::new(&pki).arg("--crl", crl);
    let mut trial = Trial::of(clawgate);
    eventually("the CRL's end", || (OffsetDateTime::now_utc() > due).then_some(()));

    for (_, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let line = trial.refuse(client, "crl_expired");
        says(&line, "detail", &["CN=notes", "CN=Test Intermediate", "is out of date", "ago"]);
        says(&line, "hint", &["current CRL"]);
        assert_eq!(line["client_cert"]["fingerprint_sha256"], pki.client.fingerprint());
    }
    // The root's own certificates have no CRL, so nothing is said about them.
    let client = Client::with_identity(&pki, &trial.clawgate, &direct);
    assert_eq!(client.post("/hooks/wake", "{}").status, 200);
    trial.end();
}

#[test]
fn a_revoked_certificate_stays_revoked_beside_a_crl_of_another_ca() {
    let pki = Pki::new();
    let crls = pki.root.crl(&[0x99], 3600) + &pki.intermediate.crl(&[0x1234], 3600);
    let crl = pki.file("crl.pem", crls);
    let revoked = pki.client(Leaf::client("stolen").serial(0x1234));

    let command = ClawgateCommand::new(&pki).arg("--crl", crl);
    for line in refused_by(command, &pki, &revoked, "client_cert_revoked") {
        says(&line, "detail", &["CN=stolen", "revoked by CN=Test Intermediate"]);
    }
}

/// A TLS client that has finished its handshake and can be made to say what no library lets it say.
struct Finished {
    socket: TcpStream,
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
    tls13: bool,
}

impl Finished {
    fn connect(pki: &Pki, clawgate: &Clawgate, version: &'static SupportedProtocolVersion) -> Self {
        let mut provider = default_provider();
        provider.cipher_suites = vec![
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ];
        let mut roots = RootCertStore::empty();
        roots.add(pki.root.certificate.der().clone()).unwrap();
        let chain = pki.client.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivateKeyDer::try_from(pki.client.key.serialize_der()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        config.enable_secret_extraction = true;
        let name = "localhost".try_into().unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = connect(clawgate.address());
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).unwrap();
        }
        let tls13 = tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
        let (sequence, secrets) = tls.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            panic!("another cipher suite was agreed on");
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).unwrap();
        let iv = iv.as_ref().try_into().unwrap();
        Self { socket, key: LessSafeKey::new(key), iv, sequence, tls13 }
    }

    /// Sends a fatal alert (RFC 8446 section 5.2, RFC 7905 section 2).
    fn alert(&mut self, number: u8) {
        let mut nonce = self.iv;
        for (byte, mask) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= mask;
        }
        let nonce = Nonce::assume_unique_for_key(nonce);
        let mut text = vec![2, number];
        let header = if self.tls13 {
            text.push(21);
            let header = [23, 3, 3, 0, u8::try_from(text.len() + 16).unwrap()];
            self.key.seal_in_place_append_tag(nonce, Aad::from(header), &mut text).unwrap();
            header
        } else {
            let mut aad = self.sequence.to_be_bytes().to_vec();
            aad.extend([21, 3, 3, 0, 2]);
            self.key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut text).unwrap();
            [21, 3, 3, 0, u8::try_from(text.len()).unwrap()]
        };
        self.sequence += 1;
        let record = [&header[..], &text].concat();
        self.socket.write_all(&record).unwrap();
    }
}

#[test]
fn a_client_that_refuses_clawgates_certificate_only_after_the_handshake_is_reported_all_the_same() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let mut client = Finished::connect(&pki, &trial.clawgate, version);
        client.alert(42);
        let line = trial.line("server_cert_rejected", client.socket.local_addr().unwrap());
        assert_eq!(line["alert_received"], "bad_certificate", "{line}");
        assert!(line["alert_sent"].is_null(), "{line}");
        // Said at once, though the client has not closed.
        assert!(line["elapsed_ms"].as_u64().unwrap() < 1000, "{line}");
        says(&line, "detail", &["asked for localhost", "dns:localhost"]);
        assert_eq!(line["sni"], "localhost");
        assert_eq!(line["tls_version"], name, "{line}");
        assert_eq!(line["client_cert"]["fingerprint_sha256"], pki.client.fingerprint(), "{line}");
        io::copy(&mut client.socket, &mut io::sink()).expect("an orderly end");
        check(&line);
    }
    assert!(trial.end().events("connection_unused").is_empty(), "said already");
}

#[test]
fn a_client_that_is_admitted_and_leaves_without_a_request_is_logged_once() {
    let pki = Pki::new();
    let trial = Trial::new(&pki);

    for (number, (name, version)) in BOTH.into_iter().enumerate() {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let connection = client.connect().unwrap();
        let from = connection.stream.sock.local_addr().unwrap();
        drop(connection);
        let line = trial.clawgate.event("connection_unused", number + 1);
        assert_eq!(line["level"], "info", "{line}");
        assert_eq!(line["peer"], from.to_string());
        assert_eq!(line["cn"], "notes");
        assert_eq!(line["fingerprint_sha256"], pki.client.fingerprint());
        assert_eq!(line["tls_version"], name);
        says(&line, "hint", &["health check", "dns:localhost", "ip:127.0.0.1"]);
    }
    // Its own line is the only one: it was not refused, and it made no request.
    assert!(trial.end().events("request").is_empty());
}

#[test]
fn a_close_notify_without_a_request_is_no_refusal() {
    let pki = Pki::new();
    let trial = Trial::new(&pki);

    for (number, (_, version)) in BOTH.into_iter().enumerate() {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let mut connection = client.connect().unwrap();
        connection.stream.conn.send_close_notify();
        connection.stream.flush().unwrap();
        assert_eq!(connection.stream.read(&mut [0]).unwrap(), 0);
        trial.clawgate.event("connection_unused", number + 1);
    }
    trial.end();
}

#[test]
fn a_client_that_asks_for_another_name_is_refused_where_that_is_wanted() {
    let pki = Pki::new();
    let mut trial = Trial::of(ClawgateCommand::new(&pki).arg("--strict-sni", "true"));

    for (_, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let line = trial.refuse(client.named("other.example"), "unknown_sni");
        says(&line, "detail", &["other.example", "dns:localhost"]);
        says(&line, "hint", &["tls.strict_sni"]);
        assert_eq!(line["alert_sent"], "unrecognized_name");
        assert_eq!(line["sni"], "other.example");
    }
    let by_address = Client::new(&pki, &trial.clawgate).named("127.0.0.1");
    assert_eq!(by_address.post("/hooks/wake", "{}").status, 200);
    trial.end();
}

#[test]
fn a_client_over_the_connection_limit_is_refused_until_there_is_room() {
    let pki = Pki::new();
    let mut trial = Trial::of(ClawgateCommand::new(&pki).arg("--max-connections", "2"));
    let held = [(); 2].map(|()| connect(trial.clawgate.address()));

    let error = Client::new(&pki, &trial.clawgate).connect().err();
    assert!(error.is_some(), "let in beyond the limit");
    trial.refused += 1;
    let line = trial.clawgate.event("handshake_failed", 1);
    assert_eq!((&line["reason"], &line["level"]), (&"overloaded".into(), &"warn".into()), "{line}");
    says(&line, "detail", &["2 open connections"]);
    says(&line, "hint", &["limits.connections"]);

    // The two that were held leave as probes.
    drop(held);
    trial.refused += 2;
    trial.clawgate.event("handshake_failed", 3);
    eventually("a place", || {
        Client::new(&pki, &trial.clawgate)
            .connect()
            .is_ok_and(|mut connection| connection.is_answered())
            .then_some(())
    });
}
