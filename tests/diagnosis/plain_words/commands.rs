//! What `explain` and `doctor` print about clients, servers and a clawgate that does not run.

use std::fs;
use std::io::Write;

use serde_json::Value;

use super::{is_plain, is_plain_json};
use crate::support::backend::Backend;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{ClawgateCommand, Output};
use crate::support::relay;
use crate::support::unused_port;

#[track_caller]
fn says_plainly(what: &str, output: &Output) {
    assert!(output.stdout.len() + output.stderr.len() > 40, "{what}: {output:?}");
    is_plain(what, &output.stderr);
    match serde_json::from_str::<Value>(&output.stdout) {
        Ok(value) => is_plain_json(what, &value),
        Err(_) => is_plain(what, &output.stdout),
    }
}

/// `clawgate explain` with these words, for people and as JSON.
#[track_caller]
fn explains_plainly(pki: &Pki, words: &[&str]) {
    for json in [false, true] {
        let mut command = ClawgateCommand::bare("explain").dir(pki.dir()).arg("--client-ca", "ca.pem");
        for word in words {
            command = command.word(*word);
        }
        if json {
            command = command.word("--json");
        }
        says_plainly(&words.join(" "), &command.output());
    }
}

#[test]
fn explain_describes_any_certificate_in_plain_words() {
    let pki = Pki::new();
    pki.file("ca.pem", pki.root.pem());
    let identities = [
        ("good", pki.client(Leaf::client("good"))),
        ("expired", pki.client(Leaf::client("expired").valid(-9 * 86400, -86400))),
        ("server", pki.client(Leaf::server())),
        ("self", Leaf::client("self").self_signed()),
        ("elsewhere", Leaf::client("elsewhere").issued_by(&Ca::root("Elsewhere"), &[])),
        ("alone", Leaf::client("alone").issued_by(&pki.intermediate, &[])),
    ];
    for (name, identity) in &identities {
        let (file, _) = pki.files(name, identity);
        explains_plainly(&pki, &[file.to_str().unwrap()]);
        let command = ClawgateCommand::bare("explain")
            .dir(pki.dir())
            .arg("--client-ca", "ca.pem")
            .word(&file)
            .word("--json");
        let explained: Value = serde_json::from_str(&command.output().stdout).unwrap();
        assert_eq!(explained["reason"].is_null(), *name == "good", "{name}: {explained}");
    }
    let whole = pki.client.chain_pem();
    for part in 1..10 {
        let at = whole.len() * part / 10;
        let mut changed = whole.clone().into_bytes();
        changed[at] = b'A';
        let cut = pki.file("cut.pem", &whole.as_bytes()[..at]);
        let changed = pki.file("changed.pem", changed);
        explains_plainly(&pki, &[cut.to_str().unwrap()]);
        explains_plainly(&pki, &[changed.to_str().unwrap()]);
    }
    let leaf = &pki.client.chain[0];
    for at in (0..leaf.len()).step_by(23) {
        let mut changed = leaf.clone();
        changed[at] ^= 0xff;
        let file = pki.file("changed.der", changed);
        explains_plainly(&pki, &[file.to_str().unwrap()]);
    }
    for words in [
        &["/no/such.pem"][..],
        &["."],
        &["http://a"],
        &["https://"],
        &["https://[::"],
        &["https://a:99999"],
    ] {
        explains_plainly(&pki, words);
    }
}

#[test]
fn explain_describes_any_server_in_plain_words() {
    let pki = Pki::new();
    pki.file("ca.pem", pki.root.pem());
    let answers: [&'static [u8]; 9] = [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x15\x03\x03\x00\x02\x02\xee",
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00",
        b"\x17\x03\x03\x00\x01\x00",
        b"\x16\x03\x03\xff\xff",
    ];
    for answer in answers {
        let backend = Backend::script(move |mut exchange| exchange.write(answer));
        explains_plainly(&pki, &[&format!("https://{}", backend.address())]);
    }
    let backend = Backend::ok();
    for identity in [&pki.server, &pki.client(Leaf::server().valid(-9 * 86400, -86400)), &pki.client] {
        let address = relay::tls(identity, backend.address());
        explains_plainly(&pki, &[&format!("https://localhost:{}", address.port())]);
    }
    explains_plainly(&pki, &[&format!("https://{}", unused_port())]);
    explains_plainly(&pki, &["https://no.such.name.invalid"]);
    let (certificate, _) = pki.files("client", &pki.client);
    let mut broken = fs::File::create(pki.dir().join("broken.key")).unwrap();
    broken.write_all(b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n").unwrap();
    let certificate = certificate.to_str().unwrap();
    explains_plainly(
        &pki,
        &["https://localhost:1", "--client-cert", certificate, "--client-key", "broken.key"],
    );
}

#[test]
fn doctor_reports_what_is_missing_in_plain_words() {
    let pki = Pki::new();
    let (certificate, key) = pki.files("server", &pki.server);
    let ca = pki.file("ca.pem", pki.root.pem());
    let something = Backend::script(|mut exchange| exchange.write(b"220 mail.example ESMTP\r\n"));
    let tls = relay::tls(&pki.client, something.address());
    for upstream in [
        format!("http://{}", unused_port()),
        something.url(),
        "unix:/no/such.sock".to_owned(),
        "http://no.such.name.invalid:1".to_owned(),
        format!("https://localhost:{}", tls.port()),
        format!("https://localhost:{}", something.address().port()),
    ] {
        for json in [false, true] {
            let mut command = ClawgateCommand::bare("doctor")
                .arg("--cert", &certificate)
                .arg("--key", &key)
                .arg("--client-ca", &ca)
                .arg("--upstream", &upstream)
                .arg("--upstream-ca", &ca)
                .arg("--listen", something.address().to_string())
                .arg("--admin", unused_port().to_string());
            if json {
                command = command.word("--json");
            }
            says_plainly(&upstream, &command.output());
        }
    }
}
