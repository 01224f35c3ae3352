//! Session tickets: which clients may resume, and which may not.

mod openssl;

use rustls::{HandshakeKind, SupportedProtocolVersion, version};
use serde_json::Value;

use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, unused_port};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

fn start(pki: &Pki) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").start()
}

/// A client over one version of TLS, with a store of tickets that its clones share.
fn client(
    pki: &Pki,
    clawgate: &Clawgate,
    identity: &Identity,
    version: &'static SupportedProtocolVersion,
) -> Client {
    Client::with_versions(pki, clawgate, Some(identity), &[version])
}

/// Makes one request on a new connection; how the handshake went, and what the upstream would have seen.
fn visit(client: &Client) -> (HandshakeKind, Value) {
    let mut connection = client.clone().connect().unwrap();
    connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    let answer = connection.answer();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!connection.stream.conn.is_early_data_accepted());
    (connection.stream.conn.handshake_kind().unwrap(), answer.json())
}

/// A client with a ticket that clawgate accepts.
fn returning(
    pki: &Pki,
    clawgate: &Clawgate,
    identity: &Identity,
    version: &'static SupportedProtocolVersion,
) -> Client {
    let client = client(pki, clawgate, identity, version);
    assert_eq!(visit(&client).0, HandshakeKind::Full, "{version:?}");
    assert_eq!(visit(&client).0, HandshakeKind::Resumed, "{version:?}");
    client
}

/// The client is refused, though it has a ticket; returns the line that says why.
fn is_refused(clawgate: &Clawgate, client: &Client) -> Value {
    let before = clawgate.events("handshake_failed").len();
    client.clone().refused();
    clawgate.event("handshake_failed", before + 1)
}

#[test]
fn a_resumed_session_has_the_identity_without_the_certificate_being_sent_again() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let mut visits = 0;
    for version in VERSIONS {
        let calls = pki.client(Leaf::client("calls"));
        let (first, second) =
            (client(&pki, &clawgate, &pki.client, version), client(&pki, &clawgate, &calls, version));
        for (number, expected) in
            [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed].into_iter().enumerate()
        {
            for (client, identity) in [(&first, &pki.client), (&second, &calls)] {
                let (kind, seen) = visit(client);

                assert_eq!(kind, expected, "{version:?}, visit {number}");
                assert_eq!(seen["client"]["fingerprint"], identity.fingerprint());
                visits += 1;
                // Only a session that was resumed says so.
                let resumed = clawgate.event("request", visits)["resumed"] == Value::Bool(true);
                assert_eq!(resumed, expected == HandshakeKind::Resumed);
            }
        }
    }
}

#[test]
fn a_ticket_is_good_with_any_of_the_workers() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--workers", "4").start();
    let client = client(&pki, &clawgate, &pki.client, &version::TLS13);
    visit(&client);

    for _ in 0..12 {
        assert_eq!(visit(&client).0, HandshakeKind::Resumed);
    }
}

#[test]
fn a_certificate_that_expires_takes_its_tickets_with_it() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let brief = pki.client(Leaf::client("brief").valid(-60, 8));
    let clients = VERSIONS.map(|version| returning(&pki, &clawgate, &brief, version));

    eventually("the certificate to expire", || {
        clients[0].clone().connect().is_ok_and(|mut connection| !connection.is_answered()).then_some(())
    });

    for client in &clients {
        let line = is_refused(&clawgate, client);
        assert_eq!(line["reason"], "client_cert_expired");
        assert_eq!(line["client_cert"]["fingerprint_sha256"], brief.fingerprint());
    }
}

#[test]
fn a_crl_that_runs_out_takes_the_tickets_of_its_ca_with_it() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[], 8));
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--crl", crl).start();
    let clients = VERSIONS.map(|version| returning(&pki, &clawgate, &pki.client, version));

    eventually("the CRL to run out", || {
        clients[0].clone().connect().is_ok_and(|mut connection| !connection.is_answered()).then_some(())
    });

    for client in &clients {
        assert_eq!(is_refused(&clawgate, client)["reason"], "crl_expired");
    }
}

/// Whatever is changed, by a reload, to the harm of the good client: it does not come back.
fn is_kept_out_after(reason: &str, start: impl Fn(&Pki) -> Clawgate, change: impl Fn(&Pki)) {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let identity = pki.client(Leaf::client("calls").serial(77));
    let clients = VERSIONS.map(|version| returning(&pki, &clawgate, &identity, version));

    change(&pki);
    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    for client in &clients {
        let line = is_refused(&clawgate, client);
        assert_eq!(line["reason"], reason);
        assert_eq!(line["client_cert"]["fingerprint_sha256"], identity.fingerprint());
    }
}

#[test]
fn a_revoked_client_does_not_come_back() {
    let start = |pki: &Pki| {
        let crl = pki.file("crl.pem", pki.intermediate.crl(&[], 3600));
        ClawgateCommand::new(pki).upstream("echo:").arg("--crl", crl).start()
    };
    is_kept_out_after("client_cert_revoked", start, |pki| {
        pki.file("crl.pem", pki.intermediate.crl(&[77], 3600));
    });
}

#[test]
fn a_client_whose_rule_is_gone_does_not_come_back() {
    let rules = |pki: &Pki, allow: &str| {
        pki.file("gate.toml", format!("[clients]\nallow = {allow}\n[upstream]\nurl = \"echo:\"\n"))
    };
    let start = |pki: &Pki| {
        let file = rules(pki, r#"["cn=calls", "cn=notes"]"#);
        ClawgateCommand::new(pki).arg("--config", file).start()
    };
    is_kept_out_after("client_not_allowed", start, |pki| {
        rules(pki, r#"["cn=notes"]"#);
    });
}

#[test]
fn a_client_whose_ca_is_gone_does_not_come_back() {
    is_kept_out_after("client_cert_unknown_ca", start, |pki| {
        pki.file("ca.pem", Ca::root("Other Root").pem());
    });
}

#[test]
fn a_reload_voids_the_tickets_and_a_client_that_is_still_admitted_gets_new_ones() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let clients = VERSIONS.map(|version| returning(&pki, &clawgate, &pki.client, version));

    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    for client in &clients {
        assert_eq!(visit(client).0, HandshakeKind::Full);
        assert_eq!(visit(client).0, HandshakeKind::Resumed);
    }
}

#[test]
fn tickets_of_a_clawgate_before_its_restart_are_of_no_use_and_do_no_harm() {
    let pki = Pki::new();
    let place = unused_port();
    let start =
        || ClawgateCommand::new(&pki).upstream("echo:").arg("--listen", place.to_string()).start();
    let mut clawgate = start();
    let clients = VERSIONS.map(|version| {
        let client = client(&pki, &clawgate, &pki.client, version).at(place.address());
        assert_eq!(visit(&client).0, HandshakeKind::Full, "{version:?}");
        assert_eq!(visit(&client).0, HandshakeKind::Resumed, "{version:?}");
        client
    });
    clawgate.stop();

    let mut again = start();

    for client in &clients {
        assert_eq!(visit(client).0, HandshakeKind::Full);
    }
    assert!(again.all("handshake_failed").is_empty());
}

#[test]
fn a_ticket_of_one_listener_does_not_work_at_another() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--listen", "127.0.0.1:0").start();
    let [first, second] = *clawgate.addresses() else { panic!("two listeners") };
    for version in VERSIONS {
        let client = returning(&pki, &clawgate, &pki.client, version).at(second);

        assert_eq!(visit(&client).0, HandshakeKind::Full);
        assert_eq!(visit(&client).0, HandshakeKind::Resumed);
        assert_eq!(visit(&client.at(first)).0, HandshakeKind::Full);
    }
}

#[test]
fn a_client_that_is_refused_over_http_gets_no_ticket() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--refuse-with", "http")
        .arg("--allow", "cn=notes")
        .start();
    let stranger = Leaf::client("notes").issued_by(&Ca::root("Elsewhere"), &[]);
    let unlisted = pki.client(Leaf::client("calls"));
    let expired = pki.client(Leaf::client("notes").valid(-60, -30));
    for version in VERSIONS {
        for identity in [None, Some(&stranger), Some(&unlisted), Some(&expired)] {
            let client = Client::with_versions(&pki, &clawgate, identity, &[version]);
            for _ in 0..2 {
                let mut connection = client.clone().connect().unwrap();
                connection
                    .write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
                assert_eq!(connection.answer().status, 403);
                let tls = &connection.stream.conn;
                assert_eq!(tls.handshake_kind(), Some(HandshakeKind::Full));
                assert_eq!(tls.tls13_tickets_received(), 0);
            }
        }
        returning(&pki, &clawgate, &pki.client, version);
    }
}

#[test]
fn a_client_without_its_certificate_is_refused_when_its_ticket_is_not_accepted() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--refuse-with", "http").start();
    for version in VERSIONS {
        let mut client = returning(&pki, &clawgate, &pki.client, version);
        client.config.client_auth_cert_resolver =
            Client::with_versions(&pki, &clawgate, None, &[version]).config.client_auth_cert_resolver;
        let before = clawgate.events("handshake_failed").len();
        clawgate.signal("HUP");
        eventually("the reload", || (clawgate.events("reloaded").len() > before).then_some(()));

        let mut connection = client.clone().connect().unwrap();
        connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");

        assert_eq!(connection.answer().reason(), "client_cert_missing");
        assert_eq!(connection.stream.conn.tls13_tickets_received(), 0);
    }
}
