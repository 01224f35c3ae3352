//! OpenSSL resumes sessions that it has saved.

use std::io::Write;
use std::process::{Command, Stdio};

use super::start;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// One request of `openssl s_client` with its certificate; what it said until clawgate closed.
fn visit(pki: &Pki, clawgate: &Clawgate, arguments: &[&str]) -> String {
    let shown = ["-cert", "client.pem", "-key", "client.key", "-cert_chain", "client.pem"];
    visit_as("localhost", pki, clawgate, &[&shown, arguments].concat())
}

/// The same for a name to ask for, and with nothing but what `arguments` say.
fn visit_as(name: &str, pki: &Pki, clawgate: &Clawgate, arguments: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &clawgate.address().to_string(), "-servername", name])
        .args(["-ign_eof", "-CAfile", "ca.pem"])
        .args(arguments)
        .current_dir(pki.dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is needed");
    let request =
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    // It may have ended already: without a session to come back with, for one.
    let _ = child.stdin.as_mut().unwrap().write_all(request.as_bytes());
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn openssl_resumes_with_its_ticket_over_both_versions() {
    for version in ["-tls1_3", "-tls1_2"] {
        let pki = Pki::new();
        let clawgate = start(&pki);
        pki.files("client", &pki.client);

        let first = visit(&pki, &clawgate, &[version, "-sess_out", "session.pem"]);
        let second = visit(&pki, &clawgate, &[version, "-sess_in", "session.pem"]);

        assert!(first.contains("\nNew, TLSv1."), "{version}: {first}");
        assert!(second.contains("\nReused, TLSv1."), "{version}: {second}");
        assert!(second.contains("HTTP/1.1 200 OK"), "{version}: {second}");
        assert_eq!(clawgate.event("request", 2)["resumed"], true);
        assert_eq!(clawgate.event("request", 2)["fingerprint_sha256"], pki.client.fingerprint());
    }
}

#[test]
fn a_ticket_does_not_outlive_the_trust_of_openssl_either() {
    for version in ["-tls1_3", "-tls1_2"] {
        let pki = Pki::new();
        let clawgate = start(&pki);
        pki.files("client", &pki.client);
        visit(&pki, &clawgate, &[version, "-sess_out", "session.pem"]);

        pki.file("ca.pem", crate::support::pki::Ca::root("Other Root").pem());
        clawgate.signal("HUP");
        clawgate.event("reloaded", 1);
        let said = visit(&pki, &clawgate, &[version, "-sess_in", "session.pem"]);

        assert!(!said.contains("HTTP/1.1 200"), "{said}");
        assert_eq!(clawgate.failure()["reason"], "client_cert_unknown_ca");
    }
}

#[test]
fn a_good_ticket_that_leads_to_a_full_handshake_admits_nobody_without_a_certificate() {
    for version in ["-tls1_3", "-tls1_2"] {
        let pki = Pki::new();
        let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--refuse-with", "http").start();
        pki.files("client", &pki.client);
        visit(&pki, &clawgate, &[version, "-sess_out", "session.pem"]);

        // rustls does not resume for another name than the ticket is for; the ticket itself is in order.
        let arguments = [version, "-sess_in", "session.pem", "-sess_out", "another.pem"];
        let said = visit_as("other.example", &pki, &clawgate, &arguments);

        assert!(said.contains("\nNew, TLSv1."), "{version}: {said}");
        assert!(said.contains("HTTP/1.1 403"), "{version}: {said}");
        assert_eq!(clawgate.failure()["reason"], "client_cert_missing");
        // Nor is there a new ticket for the client whose it was.
        let again = visit_as("other.example", &pki, &clawgate, &[version, "-sess_in", "another.pem"]);
        assert!(!again.contains("HTTP/1.1 200") && !again.contains("\nReused"), "{version}: {again}");
        // For its own name it is still good.
        let back = visit_as("localhost", &pki, &clawgate, &[version, "-sess_in", "session.pem"]);
        assert!(back.contains("HTTP/1.1 200"), "{version}: {back}");
    }
}
