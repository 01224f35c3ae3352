//! Starts and reloads that fail.

use std::fs;
use std::net::TcpListener;

use super::{is_plain, is_plain_json, log_is_plain};
use crate::support::pki::{Ca, Pki};
use crate::support::plain;
use crate::support::process::ClawgateCommand;

#[test]
fn failed_starts_are_reported_in_plain_words() {
    let pki = Pki::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let in_no_folder = format!("unix:{}", pki.dir().join("no/such/folder/admin.sock").display());
    let no_socket = format!("unix:{}", pki.file("file", "x").display());
    let long = format!("unix:/{}", "x".repeat(200));
    for (flag, address) in [
        ("--listen", taken.as_str()),
        ("--listen", "192.0.2.1:8443"),
        ("--listen-proxy", &taken),
        ("--admin", &taken),
        ("--admin", &in_no_folder),
        ("--admin", &no_socket),
        ("--admin", &long),
    ] {
        let output =
            ClawgateCommand::new(&pki).without_env("CLAWGATE_ADMIN").arg(flag, address).refused();
        let what = format!("{flag} {address}");
        assert!(output.stderr.contains("clawgate: "), "{what}: {output:?}");
        is_plain(&what, &output.stderr);
        for line in output.stdout.lines() {
            is_plain_json(&what, &serde_json::from_str(line).unwrap());
        }
    }
}

#[test]
fn failed_reloads_are_logged_in_plain_words() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.root.crl(&[7], 3600));
    let config = pki.file("gate.toml", "[tls]\nhandshake_timeout = \"5s\"\n");
    let mut clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--crl", &crl)
        .arg("--config", &config)
        .admin()
        .start();
    let other = pki.file("other.key", Ca::root("Other").key.serialize_pem());
    let mut failed = 0;
    for name in ["server.pem", "server.key", "ca.pem", "crl.pem", "gate.toml"] {
        let file = pki.dir().join(name);
        let whole = fs::read(&file).unwrap();
        let other = fs::read(&other).unwrap();
        for content in [&b""[..], b"\xff\xfe", &whole[..whole.len() / 2], &other, b"[tls\nx"] {
            fs::write(&file, content).unwrap();
            let answer = plain::request(clawgate.admin(), "POST", "/reload");
            failed += usize::from(answer.status != 200);
            is_plain(name, &String::from_utf8_lossy(&answer.body));
            is_plain_json(name, &plain::get(clawgate.admin(), "/status").json());
            is_plain(name, &String::from_utf8_lossy(&plain::get(clawgate.admin(), "/readyz").body));
        }
        fs::write(&file, whole).unwrap();
    }
    assert!(failed >= 18, "{failed}");
    clawgate.stop();
    assert!(clawgate.events("reload_failed").len() >= failed);
    log_is_plain(&clawgate.lines());
}
