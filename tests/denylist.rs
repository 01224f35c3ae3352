//! The denylist: a client on it is refused at once, even if its CA has not revoked it.

// Clippy's leave for tests does not reach their helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use clawgate::identity::Digest;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::diagnosis::{refused_by, says};
use crate::support::client::{Client, Connection};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// The line that names the key in this certificate.
fn by_key(der: &[u8]) -> String {
    let (_, x509) = X509Certificate::from_der(der).unwrap();
    format!("spki={}", Digest::of(x509.public_key().raw))
}

fn post(connection: &mut Connection) -> u16 {
    connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    connection.answer().status
}

fn is_served(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> bool {
    Client::with_identity(pki, clawgate, identity)
        .connect()
        .is_ok_and(|mut connection| connection.is_answered())
}

#[test]
fn a_client_on_the_list_is_refused_and_the_line_that_names_it_is_named() {
    let pki = Pki::new();
    let stolen = pki.client(Leaf::client("stolen").serial(0x0a1b));
    for entry in [
        format!("fingerprint={}", stolen.fingerprint()),
        by_key(&stolen.chain[0]),
        "serial=0A1B, issuer=CN=Test Intermediate".to_owned(),
    ] {
        let list = pki.file("denied", format!("# for now\n\n{entry} # laptop stolen\n"));

        let command = ClawgateCommand::new(&pki).arg("--denylist", &list);
        for line in refused_by(command, &pki, &stolen, "client_cert_revoked") {
            assert_eq!(line["alert_sent"], "certificate_revoked", "{entry}");
            let named = format!("is denied by line 3 of {} (laptop stolen)", list.display());
            says(&line, "detail", &["CN=stolen", &named]);
            says(&line, "hint", &["remove the line"]);
        }
    }
}

#[test]
fn an_intermediate_on_the_list_denies_all_below_it_and_so_does_a_root() {
    let mut pki = Pki::new();
    let below = Leaf::client("below").issued_by(&pki.intermediate, &[&pki.intermediate]);
    pki.client = Leaf::client("good").issued_by(&pki.root, &[]);
    let list = pki.file("denied", by_key(pki.intermediate.certificate.der()));

    let command = ClawgateCommand::new(&pki).arg("--denylist", list);
    for line in refused_by(command, &pki, &below, "client_cert_revoked") {
        says(&line, "detail", &["CN=Test Intermediate (serial", "is denied by line 1"]);
    }

    let other = Ca::root("Other Root");
    let client = Leaf::client("other").issued_by(&other, &[]);
    let fingerprint = format!("fingerprint={}", Digest::of(other.certificate.der()));
    let command = ClawgateCommand::new(&pki)
        .arg("--client-ca", pki.file("other.pem", other.pem()))
        .arg("--denylist", pki.file("denied", fingerprint));
    for line in refused_by(command, &pki, &client, "client_cert_revoked") {
        says(&line, "detail", &["CN=Other Root (serial", "is denied by line 1"]);
    }
}

#[test]
fn a_crl_does_not_revoke_the_same_serial_number_of_another_ca() {
    let pki = Pki::new();
    let twin = pki.client(Leaf::client("twin").serial(0x77));
    let list = pki.file("denied", "serial=77, issuer=CN=Other Root\n");
    let clawgate = ClawgateCommand::new(&pki).arg("--denylist", list).upstream("echo:").start();

    assert!(is_served(&pki, &clawgate, &twin));
}

#[test]
fn a_client_put_on_the_list_loses_its_open_connection_and_is_back_when_taken_off() {
    let pki = Pki::new();
    let list = pki.file("denied", "# nobody\n");
    let clawgate = ClawgateCommand::new(&pki).arg("--denylist", &list).upstream("echo:").start();
    let denied = pki.client(Leaf::client("denied"));
    let mut open = Client::with_identity(&pki, &clawgate, &denied).connect().unwrap();
    assert_eq!(post(&mut open), 200);

    pki.file("denied", format!("fingerprint={}\n", denied.fingerprint()));
    clawgate.signal("HUP");
    let line = clawgate.event("reloaded", 1);

    assert!(line["changed"].to_string().contains("denylist"), "{line}");
    assert!(open.is_closed());
    let line = clawgate.event("connection_withdrawn", 1);
    assert_eq!(line["reason"], "client_cert_revoked");
    says(&line, "detail", &["is denied by line 1"]);
    assert!(!is_served(&pki, &clawgate, &denied) && is_served(&pki, &clawgate, &pki.client));

    pki.file("denied", "");
    clawgate.signal("HUP");
    clawgate.event("reloaded", 2);
    assert!(is_served(&pki, &clawgate, &denied));
}

#[test]
fn a_line_that_cannot_be_read_keeps_clawgate_from_starting_and_at_a_reload_keeps_the_old_list() {
    let pki = Pki::new();
    let denied = pki.client(Leaf::client("denied"));
    let entry = format!("fingerprint={}\n", denied.fingerprint());
    let list = pki.file("denied", format!("{entry}fingerprint=abc\nname=x\n"));

    let output = ClawgateCommand::new(&pki).arg("--denylist", &list).refused();
    assert_eq!(output.code, Some(78), "{output:?}");
    let said = |part: &str| {
        let said = format!("  --denylist\n    {}: {part}", list.display());
        assert!(output.stderr.contains(&said), "no {said:?} in {}", output.stderr);
    };
    said("line 2: its fingerprint is not a SHA-256");
    said("line 3: is none of `fingerprint=SHA256`, `spki=SHA256` and `serial=HEX, issuer=NAME`");

    pki.file("denied", &entry);
    let clawgate = ClawgateCommand::new(&pki).arg("--denylist", &list).upstream("echo:").start();
    for content in [&b"fingerprint=\n"[..], b"\xff\xfe", b"fingerprint"] {
        let failures = clawgate.events("reload_failed").len();
        pki.file("denied", content);
        clawgate.signal("HUP");
        says(&clawgate.event("reload_failed", failures + 1), "detail", &["denied: "]);
        assert!(!is_served(&pki, &clawgate, &denied));
    }
}

#[test]
fn check_says_how_many_are_denied() {
    let pki = Pki::new();
    let (certificate, key) = pki.files("server", &pki.server);
    let list = pki.file("denied", "serial=1, issuer=CN=x # a\nserial=2, issuer=CN=x\n");
    let output = ClawgateCommand::bare("check")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
        .arg("--denylist", list)
        .output();

    assert!(output.stdout.contains("denied (2 denied)"), "{output:?}");
}

#[test]
fn a_list_that_is_written_anew_holds_by_itself() {
    let pki = Pki::new();
    let list = pki.file("denied", "# nobody\n");
    let clawgate = ClawgateCommand::new(&pki).arg("--denylist", &list).upstream("echo:").start();
    let denied = pki.client(Leaf::client("denied"));
    assert!(is_served(&pki, &clawgate, &denied));

    let new = pki.file("new", format!("fingerprint={}\n", denied.fingerprint()));
    std::fs::rename(new, &list).unwrap();
    clawgate.event("reloaded", 1);

    assert!(!is_served(&pki, &clawgate, &denied));
}
