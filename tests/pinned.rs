//! Pinned certificates: self-signed ones that are admitted by their fingerprint.

// Clippy's leave for tests does not reach their helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Command, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};

use crate::diagnosis::{BOTH, Trial, refused_by, says};
use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// As some clients have it: self-signed, and marked as a CA's.
fn lone() -> Leaf {
    Leaf::client("webhooks.example").with(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![];
        params.extended_key_usages = vec![];
    })
}

fn pinning(pki: &Pki, identity: &Identity) -> ClawgateCommand {
    ClawgateCommand::new(pki).arg("--pinned", identity.fingerprint())
}

fn is_served(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> bool {
    Client::with_identity(pki, clawgate, identity)
        .connect()
        .is_ok_and(|mut connection| connection.is_answered())
}

/// A clawgate without any CA.
fn without_a_ca(pki: &Pki, identity: &Identity) -> ClawgateCommand {
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare("run")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--pinned", identity.fingerprint())
        .arg("--listen", "127.0.0.1:0")
        .env("CLAWGATE_ADMIN", "off")
        .env("CLAWGATE_LOG_REPEAT_WINDOW", "off")
}

#[test]
fn a_pinned_certificate_is_admitted_though_it_is_self_signed_and_a_cas() {
    let pki = Pki::new();
    let client = lone().self_signed();
    let clawgate = pinning(&pki, &client).upstream("echo:").start();

    for (_, version) in BOTH {
        let answer =
            Client::with_versions(&pki, &clawgate, Some(&client), &[version]).post("/hooks/wake", "{}");
        assert_eq!(answer.status, 200);
        assert!(
            answer.json()["headers"].to_string().contains(&client.fingerprint()),
            "{:?}",
            answer.json()
        );
    }
    assert!(is_served(&pki, &clawgate, &pki.client), "the CA's clients too");
}

#[test]
fn a_self_signed_certificate_that_is_not_pinned_is_refused_with_the_pin_that_would_let_it_in() {
    let pki = Pki::new();
    let other = lone().self_signed();

    for line in refused_by(pinning(&pki, &lone().self_signed()), &pki, &other, "client_cert_self_signed")
    {
        says(&line, "hint", &["CN=Test Root", &format!("--pinned {}", other.fingerprint())]);
    }
}

#[test]
fn with_a_pinned_certificate_no_ca_is_needed_and_nobody_else_is_admitted() {
    let pki = Pki::new();
    let client = lone().self_signed();
    let mut trial = Trial::of(without_a_ca(&pki, &client));

    assert!(is_served(&pki, &trial.clawgate, &client));
    for (_, version) in BOTH {
        let other = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        trial.refuse(other, "client_cert_unknown_ca");
        let anonymous = Client::with_versions(&pki, &trial.clawgate, None, &[version]);
        let line = trial.refuse(anonymous, "client_cert_missing");
        says(&line, "detail", &["certificates of any CA were asked for"]);
        // No CA was named, by which they would choose.
        assert!(!line["hint"].as_str().unwrap().contains("Java"), "{line}");
    }
    trial.end();
}

#[test]
fn a_certificate_issued_by_a_pinned_one_is_not_admitted() {
    let mut params = Ca::params("Pinned Ca");
    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    let ca = Ca::root_of(params);
    let pki = Pki::new();
    let pinned = Identity {
        chain: vec![ca.certificate.der().to_vec()],
        key: rcgen::KeyPair::from_pem(&ca.key.serialize_pem()).unwrap(),
    };
    let below = Leaf::client("below").issued_by(&ca, &[&ca]);
    let clawgate = pinning(&pki, &pinned).upstream("echo:").start();
    assert!(is_served(&pki, &clawgate, &pinned));

    refused_by(pinning(&pki, &pinned), &pki, &below, "client_cert_unknown_ca");
}

#[test]
fn a_pinned_certificate_is_refused_once_it_has_expired_and_before_it_is_valid() {
    let pki = Pki::new();
    let expired = lone().valid(-7200, -3600).self_signed();
    for line in refused_by(pinning(&pki, &expired), &pki, &expired, "client_cert_expired") {
        assert_eq!(line["alert_sent"], "certificate_expired");
    }
    let early = lone().valid(3600, 7200).self_signed();
    refused_by(pinning(&pki, &early), &pki, &early, "client_cert_not_yet_valid");
}

#[test]
fn whoever_shows_a_pinned_certificate_must_have_its_key() {
    let pki = Pki::new();
    let client = lone().self_signed();
    let mut trial = Trial::of(pinning(&pki, &client));

    for (_, version) in BOTH {
        let thief = Client::with_versions(&pki, &trial.clawgate, None, &[version]);
        trial.refuse(thief.presenting(&client.chain, &pki.client), "client_key_mismatch");
    }
    trial.end();
}

#[test]
fn a_pinned_certificate_that_may_not_sign_or_is_not_for_clients_is_refused() {
    let pki = Pki::new();
    let mute =
        lone().with(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]).self_signed();
    refused_by(pinning(&pki, &mute), &pki, &mute, "client_cert_wrong_purpose");
    let server = Leaf::server().self_signed();
    refused_by(pinning(&pki, &server), &pki, &server, "client_cert_wrong_purpose");
}

#[test]
fn the_denylist_and_the_allow_rules_hold_for_a_pinned_certificate() {
    let pki = Pki::new();
    let client = lone().self_signed();
    let list = pki.file("denied", format!("fingerprint={}", client.fingerprint()));
    let command = pinning(&pki, &client).arg("--denylist", list);
    for line in refused_by(command, &pki, &client, "client_cert_revoked") {
        says(&line, "detail", &["is denied by line 1"]);
    }
    refused_by(pinning(&pki, &client).arg("--allow", "cn=notes"), &pki, &client, "client_not_allowed");
}

#[test]
fn a_pinned_certificate_that_a_ca_has_issued_still_needs_its_chain() {
    let pki = Pki::new();
    let foreign = Leaf::client("foreign").issued_by(&Ca::root("Elsewhere Root"), &[]);
    for line in refused_by(pinning(&pki, &foreign), &pki, &foreign, "client_cert_unknown_ca") {
        says(&line, "hint", &["clients.pinned is for self-signed certificates only"]);
    }
    let stolen = pki.client(Leaf::client("stolen").serial(0x77));
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[0x77], 3600));
    refused_by(pinning(&pki, &stolen).arg("--crl", crl), &pki, &stolen, "client_cert_revoked");
}

#[test]
fn a_certificate_of_version_1_cannot_be_pinned() {
    let pki = Pki::new();
    let key = pki.file("v1.key", pki.client.key.serialize_pem());
    let csr = CertificateParams::default().serialize_request(&pki.client.key).unwrap().pem().unwrap();
    pki.file("v1.csr", csr);
    let (der, dir) = (pki.dir().join("v1.der"), pki.dir());
    let arguments = "x509 -req -in v1.csr -signkey v1.key -days 9 -outform DER -out v1.der";
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap();
    let v1 = Identity { chain: vec![std::fs::read(der).unwrap()], key };

    refused_by(pinning(&pki, &v1), &pki, &v1, "client_cert_unsupported");
}

#[test]
fn a_client_that_is_not_pinned_any_more_loses_its_connection() {
    let pki = Pki::new();
    let client = lone().self_signed();
    let config = |pinned: &str| pki.file("gate.toml", format!("[clients]\npinned = [\"{pinned}\"]\n"));
    let config_file = config(&client.fingerprint());
    let clawgate = ClawgateCommand::new(&pki).arg("--config", config_file).upstream("echo:").start();
    let mut open = Client::with_identity(&pki, &clawgate, &client).connect().unwrap();
    assert!(open.is_answered());

    config(&pki.client.fingerprint());
    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    assert_eq!(clawgate.event("connection_withdrawn", 1)["reason"], "client_cert_self_signed");
}

#[test]
fn a_fingerprint_that_is_none_is_refused_with_the_way_to_get_it() {
    let pki = Pki::new();
    let output = ClawgateCommand::new(&pki).arg("--pinned", "abc").refused();

    assert_eq!(output.code, Some(78), "{output:?}");
    for part in [
        "--pinned\n    `abc` is no SHA-256 of 64 hex digits",
        "openssl x509 -noout -fingerprint -sha256",
    ] {
        assert!(output.stderr.contains(part), "{output:?}");
    }
}

/// What a command line tool says of its handshake with clawgate.
fn tool(name: &str, pki: &Pki, arguments: &[&str]) -> Output {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(pki.dir()).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{name} is needed: {error}"))
}

#[test]
fn a_clawgate_with_pinned_certificates_names_no_ca_to_its_clients_and_others_do() {
    let pki = Pki::new();
    let client = lone().self_signed();
    let hints = |clawgate: &Clawgate| {
        let address = clawgate.address().to_string();
        let output =
            tool("openssl", &pki, &["s_client", "-connect", &address, "-servername", "localhost"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, rest) = text.split_once("---\n").unwrap();
        assert!(
            rest.contains("client certificate CA names") || text.contains("Requested Signature"),
            "{text}"
        );
        text.contains("Acceptable client certificate CA names")
    };

    let pinned = pinning(&pki, &client).upstream("echo:").start();
    assert!(!hints(&pinned));
    let others = ClawgateCommand::new(&pki).upstream("echo:").start();
    assert!(hints(&others));
}

#[test]
fn curl_presents_a_pinned_certificate() {
    let pki = Pki::new();
    let client = lone().self_signed();
    pki.files("client", &client);
    let clawgate = pinning(&pki, &client).upstream("echo:").start();
    let url = format!("https://localhost:{}/hooks/wake", clawgate.address().port());
    let code = ["-o", "/dev/null", "-w", "%{http_code}"];
    let identity = ["--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key", "-d", "{}"];
    let resolve = ["--resolve", &format!("localhost:{}:127.0.0.1", clawgate.address().port())];

    let arguments = [&["-sS", &url][..], &code, &identity, &resolve].concat();
    let output = tool("curl", &pki, &arguments);

    assert_eq!(String::from_utf8_lossy(&output.stdout), "200", "{output:?}");
}

/// Whether wget is installed and linked with GnuTLS, which chooses a certificate by the names of the CAs.
fn wget_is_of_gnutls() -> bool {
    let version = Command::new("wget").arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("+ssl/gnutls"))
}

#[test]
fn gnutls_presents_a_pinned_certificate_and_keeps_it_back_where_cas_are_named() {
    if !wget_is_of_gnutls() {
        println!("no wget with GnuTLS is installed: nothing is tested here");
        return;
    }
    let pki = Pki::new();
    let client = lone().self_signed();
    pki.files("client", &client);
    let post = |clawgate: &Clawgate| {
        let url = format!("https://localhost:{}/hooks/wake", clawgate.address().port());
        let identity =
            ["--certificate=client.pem", "--private-key=client.key", "--ca-certificate=ca.pem"];
        let how = ["-q", "-O-", "--tries=1", "--no-proxy", "--inet4-only", "--post-data={}", &url];
        tool("wget", &pki, &[&identity[..], &how].concat())
    };

    let pinned = pinning(&pki, &client).upstream("echo:").start();
    let output = post(&pinned);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&client.fingerprint()), "{output:?}");

    let others = ClawgateCommand::new(&pki).upstream("echo:").start();
    assert!(!post(&others).status.success());
    assert_eq!(others.failure()["reason"], "client_cert_missing");
}
