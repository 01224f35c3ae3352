//! Each byte of a file that a setting names is read, refused, or named in a warning.

mod crl_folder;
mod pem;

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{command, found, refused, summary};
use crate::support::client::Client;
use crate::support::pki::{Identity, Leaf, Pki, pem_block};
use crate::support::process::Clawgate;

/// `check` refuses the file, naming flag, file, what is wrong and what to do.
#[track_caller]
fn refuses(pki: &Pki, flag: &str, file: &Path, what: &str, hint: &str) {
    let command = command("check", pki).arg(flag, file);
    refused(command, &[&format!("  {flag}\n    {}: {what}", file.display()), hint]);
}

/// What `check` warns of, this file being named.
fn warnings(pki: &Pki, flag: &str, file: &Path) -> Vec<String> {
    found("warning", &summary(command("check", pki).arg(flag, file)))
}

fn openssl(pki: &Pki, arguments: &str) {
    let mut openssl = Command::new("openssl");
    let output = openssl.args(arguments.split(' ')).current_dir(pki.dir()).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {output:?}");
}

fn is_served(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> bool {
    Client::with_identity(pki, clawgate, identity)
        .connect()
        .is_ok_and(|mut connection| connection.is_answered())
}

/// An empty list of the root and one of the intermediate that revokes 0x77.
fn two_lists(pki: &Pki) -> String {
    pki.root.crl(&[], 3600) + &pki.intermediate.crl(&[0x77], 3600)
}

#[test]
fn a_start_and_a_reload_refuse_what_check_refuses_and_the_reload_keeps_what_was() {
    let pki = Pki::new();
    let revoked = pki.client(Leaf::client("stolen").serial(0x77));
    let good = two_lists(&pki);
    let bad = good.replace("-----\n-----", "----------");
    let file = pki.file("lists.crl", &bad);
    let start = || command("run", &pki).arg("--crl", &file);
    refused(start(), &["lists.crl: is broken PEM: line", "has two boundaries of blocks"]);

    pki.file("lists.crl", &good);
    let clawgate = start().arg("--watch", "false").start();
    pki.file("lists.crl", &bad);
    clawgate.signal("HUP");
    let failed = clawgate.event("reload_failed", 1);

    assert!(failed["detail"].as_str().unwrap().contains("has two boundaries of blocks"), "{failed}");
    assert!(!is_served(&pki, &clawgate, &revoked));
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn an_item_that_a_file_must_not_have_is_refused() {
    let pki = Pki::new();
    let (ca, crl) = (pki.root.pem(), pki.root.crl(&[], 3600));
    let key = pki.root.key.serialize_pem();
    let chain = pki.server.chain_pem();
    for (flag, content, what, hint) in [
        ("--client-ca", format!("{ca}{crl}"), "has a CRL in line ", "clients.crl (--crl)"),
        ("--client-ca", format!("{ca}{key}"), "has a private key in line ", "remove the key"),
        ("--crl", format!("{ca}{crl}"), "has a certificate in line 1", "clients.ca (--client-ca)"),
        ("--crl", format!("{crl}{key}"), "has a private key in line ", "keep only the CRLs"),
        ("--cert", format!("{chain}{crl}"), "has a CRL in line ", "clients.crl (--crl)"),
        (
            "--key",
            format!("{}{crl}", pki.server.key.serialize_pem()),
            "has a CRL in line ",
            "clients.crl",
        ),
    ] {
        let file = pki.file("mixed.pem", content);
        refuses(&pki, flag, &file, what, hint);
    }
}

#[test]
fn a_key_with_its_curve_before_it_is_read_and_dh_parameters_are_warned_of() {
    let pki = Pki::new();
    openssl(&pki, "ecparam -name prime256v1 -genkey -out curve.key");
    let key = fs::read_to_string(pki.dir().join("curve.key")).unwrap();
    assert!(key.contains("BEGIN EC PARAMETERS"), "{key}");
    openssl(
        &pki,
        "req -x509 -key curve.key -subj /CN=gate -addext subjectAltName=DNS:localhost -out curve.pem",
    );
    let with = |key: &Path| {
        let command =
            command("check", &pki).arg("--cert", pki.dir().join("curve.pem")).arg("--key", key);
        summary(command)
    };
    let of_settings =
        |checked: &str| found("warning", checked).iter().any(|warning| warning.starts_with("settings"));
    assert!(!of_settings(&with(&pki.dir().join("curve.key"))));

    let parameters = pem_block("DH PARAMETERS", b"\x30\x06\x02\x01\x17\x02\x01\x02");
    let summary = with(&pki.file("both.key", key + &parameters));
    assert!(summary.contains("has DH parameters in line"), "{summary}");
}

#[test]
fn a_key_or_certificate_that_nothing_uses_is_warned_of() {
    let pki = Pki::new();
    let (chain, key) = (pki.server.chain_pem(), pki.server.key.serialize_pem());
    let both = pki.file("both.pem", format!("{chain}{key}"));
    let line = chain.lines().count() + 1;

    let unused = warnings(&pki, "--cert", &both);
    assert!(
        unused[0].contains(&format!("has a private key in line {line}, which is not used")),
        "{unused:?}"
    );
    let unused = warnings(&pki, "--key", &both);
    assert!(unused[0].contains("has a certificate in line 1, which is not used"), "{unused:?}");
    let summary = summary(command("check", &pki).arg("--cert", &both).arg("--key", &both));
    assert!(!summary.contains("warning"), "{summary}");
}

#[test]
fn a_request_or_a_public_key_beside_a_chain_or_a_key_is_warned_of() {
    let pki = Pki::new();
    let (chain, key) = (pki.server.chain_pem(), pki.server.key.serialize_pem());
    let request = rcgen::CertificateParams::default().serialize_request(&pki.server.key).unwrap();
    let certificate = pki.file("chain.pem", format!("{chain}{}", request.pem().unwrap()));
    let unused = warnings(&pki, "--cert", &certificate);
    assert!(unused[0].contains("has a certificate request in line"), "{unused:?}");
    let public = pki.server.key.public_key_pem();
    let both = pki.file("both.pem", format!("{key}{public}{chain}"));
    let summary = summary(command("check", &pki).arg("--cert", &both).arg("--key", &both));
    assert_eq!(found("warning", &summary).len(), 1, "{summary}");
    assert!(summary.contains("has a public key in line"), "{summary}");
}

#[test]
fn the_files_of_cas_and_upstreams_follow_the_same_rules() {
    let pki = Pki::new();
    let marked = pki.file("marked.pem", format!("\u{feff}{}", pki.root.pem()));
    let mixed = pki.file("mixed.pem", pki.root.pem() + &pki.root.crl(&[], 3600));
    let https = || command("check", &pki).arg("--upstream", "https://localhost:1");
    refused(
        https().arg("--upstream-ca", &marked),
        &["marked.pem: is broken PEM: line 1: has a byte order mark"],
    );
    refused(https().arg("--upstream-ca", mixed), &["mixed.pem: has a CRL in line"]);
    let key = pki.file("plain.key", pki.client.key.serialize_pem());
    let both = pki.file("both.pem", pki.client.chain_pem() + &pki.client.key.serialize_pem());
    let summary = summary(
        https()
            .arg("--upstream-cert", both)
            .arg("--upstream-key", key)
            .arg("--upstream-ca", pki.file("up.pem", pki.root.pem())),
    );
    let warnings = found("warning", &summary);
    assert!(warnings[0].starts_with("settings --upstream-cert load: "), "{summary}");
    assert!(warnings[0].contains("has a private key in line"), "{summary}");
}

#[test]
fn explain_reads_a_clients_file_to_the_same_rules() {
    let pki = Pki::new();
    let marked = pki.file("client.pem", format!("\u{feff}{}", pki.client.chain_pem()));
    let output = command("explain", &pki).word(marked).output();
    assert!(output.stderr.contains("line 1: has a byte order mark"), "{output:?}");
    let der = pki.file("client.der", &Leaf::client("direct").issued_by(&pki.root, &[]).chain[0]);
    assert_eq!(command("explain", &pki).word(der).output().code, Some(0));
}
