//! Files that are damaged, of another format, or missing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::is_plain;
use crate::support::pki::{Pki, der, pem_block};
use crate::support::process::ClawgateCommand;

/// Damaged forms of a file's content, and what is no such file at all.
fn damaged(whole: &str) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let bytes = whole.as_bytes();
    // Cut off, and with a character changed, here and there.
    for part in 1..7 {
        let at = bytes.len() * part / 7;
        all.push((format!("cut at {at}"), bytes[..at].to_vec()));
        for to in [b'A', b'!'] {
            let mut changed = bytes.to_vec();
            changed[at] = to;
            all.push((format!("{to:#04x} at {at}"), changed));
        }
    }
    for (what, content) in [
        ("nothing", &b""[..]),
        ("text", b"hello\n"),
        ("zeros", &[0; 64]),
        ("a sequence", b"\x30\x03\x02\x01\x01"),
        ("half a sequence", b"\x30\x82\xff\xff\x30"),
        ("PKCS #12", b"\x30\x82\x01\x00\x02\x01\x03\x30"),
        ("no end", b"-----BEGIN CERTIFICATE-----\nAAAA\n"),
        ("no base64", b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"),
        (
            "an OpenSSH key",
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        ),
        (
            "an encrypted key",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
    ] {
        all.push((what.to_owned(), content.to_vec()));
    }
    for label in [
        "CERTIFICATE",
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "X509 CRL",
        "PUBLIC KEY",
        "CERTIFICATE REQUEST",
    ] {
        let blocks = [der(0x30, &[]), der(0x30, &[0x30, 0, 0x30, 0, 3, 1, 0])];
        for block in blocks {
            all.push((format!("{label} of {block:02x?}"), pem_block(label, &block).into_bytes()));
        }
    }
    all
}

/// `check` with `content` in the place of one file; it may still be valid, for example if a comment was changed.
#[track_caller]
fn checks_plainly(pki: &Pki, flag: &str, what: &str, path: &Path) {
    let mut command =
        ClawgateCommand::bare("check").dir(pki.dir()).arg("--upstream", "https://localhost:1");
    for (name, file) in [
        ("--cert", "server.pem"),
        ("--key", "server.key"),
        ("--client-ca", "ca.pem"),
        ("--upstream-ca", "ca.pem"),
    ] {
        command = command.arg(name, if name == flag { path.into() } else { pki.dir().join(file) });
    }
    if !["--cert", "--key", "--client-ca", "--upstream-ca"].contains(&flag) {
        command = command.arg(flag, path);
    }
    let output = command.output();
    let what = format!("{flag}: {what}");
    is_plain(&what, &output.stderr);
    is_plain(&what, &output.stdout);
}

#[test]
fn files_of_any_damage_are_refused_in_plain_words() {
    let pki = Pki::new();
    pki.files("server", &pki.server);
    pki.file("ca.pem", pki.root.pem());
    let read = |name: &str| fs::read_to_string(pki.dir().join(name)).unwrap();
    for (flag, whole) in [
        ("--cert", read("server.pem")),
        ("--key", read("server.key")),
        ("--client-ca", read("ca.pem")),
        ("--upstream-ca", read("ca.pem")),
        ("--crl", pki.root.crl(&[7], 3600)),
        (
            "--denylist",
            format!("fingerprint={}\nserial=07, issuer=CN=Test Root\n", pki.client.fingerprint()),
        ),
        ("--ocsp", "not yet".to_owned()),
    ] {
        for (what, content) in damaged(&whole) {
            let path = pki.file("damaged", content);
            checks_plainly(&pki, flag, &what, &path);
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_refused_in_plain_words() {
    let pki = Pki::new();
    pki.files("server", &pki.server);
    pki.file("ca.pem", pki.root.pem());
    let closed = pki.file("closed", "x");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    for flag in [
        "--cert",
        "--key",
        "--client-ca",
        "--upstream-ca",
        "--crl",
        "--denylist",
        "--ocsp",
        "--hook-token-file",
    ] {
        for (what, path) in
            [("none", Path::new("/no/such/file")), ("a folder", pki.dir()), ("closed", &closed)]
        {
            checks_plainly(&pki, flag, what, path);
        }
    }
}
