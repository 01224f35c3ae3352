//! What `explain` reads in certificates that OpenSSL has made, with rare kinds of keys and names.

use std::process::Command;

use serde_json::{Value, json};

use super::{command, json};
use crate::support::pki::Pki;

/// What is explained of a self-signed certificate that `openssl req` makes with these arguments.
fn certificate(arguments: &str) -> Value {
    let pki = Pki::new();
    let file = pki.dir().join("made.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-noenc", "-keyout", "made.key", "-out", "made.pem"])
        .args(arguments.split(' '))
        .current_dir(pki.dir())
        .output()
        .expect("openssl is needed");
    assert!(made.status.success(), "{made:?}");

    json(command(&pki), &file)["certificate"].clone()
}

#[test]
fn the_key_of_a_certificate_is_named_with_its_size() {
    let key = |arguments: &str| certificate(&format!("-subj /CN=key {arguments}"))["key"].clone();

    assert_eq!(key("-newkey rsa:1031"), "RSA 1031");
    assert_eq!(key("-newkey rsa-pss -pkeyopt rsa_keygen_bits:2048"), "RSA-PSS 2048");
    assert_eq!(key("-newkey ec -pkeyopt ec_paramgen_curve:secp521r1"), "ECDSA P-521");
    assert_eq!(
        key("-newkey ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit"),
        "ECDSA with unnamed curve"
    );
}

#[test]
fn a_dsa_key_is_named_with_its_size() {
    let pki = Pki::new();
    let made = Command::new("openssl")
        .args([
            "genpkey",
            "-genparam",
            "-algorithm",
            "DSA",
            "-pkeyopt",
            "dsa_paramgen_bits:1024",
            "-out",
            "dsa.pem",
        ])
        .current_dir(pki.dir())
        .output()
        .expect("openssl is needed");
    assert!(made.status.success(), "{made:?}");

    let parameters = pki.dir().join("dsa.pem");

    assert_eq!(
        certificate(&format!("-subj /CN=key -newkey dsa:{}", parameters.display()))["key"],
        "DSA 1024"
    );
}

#[test]
fn alternative_names_of_every_kind_are_listed() {
    let san = "-newkey ed25519 -subj /CN=names -config /dev/null -addext \
               subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a,RID:1.2.3.4,DNS:a.example";

    assert_eq!(
        certificate(san)["san"],
        json!(["otherName:1.3.6.1.4.1.311.20.2.3", "RID:1.2.3.4", "dns:a.example"])
    );
}

#[test]
fn a_long_name_is_written_whole() {
    let subject: String =
        (0..20).map(|number| format!("/OU=unit{number:02}{}", "x".repeat(50))).collect();
    let whole: Vec<_> = subject.rsplit('/').filter(|unit| !unit.is_empty()).collect();

    assert_eq!(certificate(&format!("-newkey ed25519 -subj {subject}"))["subject"], whole.join(","));
}
