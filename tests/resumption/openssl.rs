//! OpenSSL comes back with the sessions it has saved.

use std::io::Write;
use std::process::{Command, Stdio};

use super::start;
use crate::support::gate::Gate;
use crate::support::pki::Pki;

/// One request of `openssl s_client`; what it said until the gate closed.
fn visit(pki: &Pki, gate: &Gate, arguments: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &gate.address().to_string(), "-servername", "localhost"])
        .args(["-ign_eof", "-CAfile", "ca.pem", "-cert", "client.pem", "-key", "client.key"])
        .args(["-cert_chain", "client.pem"])
        .args(arguments)
        .current_dir(pki.dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is needed");
    let request =
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    child.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn openssl_comes_back_with_its_ticket_over_both_versions() {
    for version in ["-tls1_3", "-tls1_2"] {
        let pki = Pki::new();
        let gate = start(&pki);
        pki.files("client", &pki.client);

        let first = visit(&pki, &gate, &[version, "-sess_out", "session.pem"]);
        let second = visit(&pki, &gate, &[version, "-sess_in", "session.pem"]);

        assert!(first.contains("\nNew, TLSv1."), "{version}: {first}");
        assert!(second.contains("\nReused, TLSv1."), "{version}: {second}");
        assert!(second.contains("HTTP/1.1 200 OK"), "{version}: {second}");
        assert_eq!(gate.event("request", 2)["resumed"], true);
        assert_eq!(gate.event("request", 2)["fingerprint_sha256"], pki.client.fingerprint());
    }
}

#[test]
fn a_ticket_does_not_outlive_the_trust_of_openssl_either() {
    for version in ["-tls1_3", "-tls1_2"] {
        let pki = Pki::new();
        let gate = start(&pki);
        pki.files("client", &pki.client);
        visit(&pki, &gate, &[version, "-sess_out", "session.pem"]);

        pki.file("ca.pem", crate::support::pki::Ca::root("Other Root").pem());
        gate.signal("HUP");
        gate.event("reloaded", 1);
        let said = visit(&pki, &gate, &[version, "-sess_in", "session.pem"]);

        assert!(!said.contains("HTTP/1.1 200"), "{said}");
        assert_eq!(gate.failure()["reason"], "client_cert_unknown_ca");
    }
}
