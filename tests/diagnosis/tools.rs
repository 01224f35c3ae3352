//! Each command line tool for HTTP reads the alert and not a reset, also while it is still sending.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use super::{Trial, check, says};
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// Runs a tool with its input open until it ends by itself; all it said, or `None` if there is no
/// such tool.
pub(super) fn said(command: &mut Command) -> Option<String> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    let input = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(input);
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// A client whose certificate is a server's, in the files bad.pem and bad.key, and a clawgate.
/// (Not an expired one: curl takes that alert over TLS 1.2 for its own refusal of clawgate.)
pub(super) fn story() -> (Pki, Trial) {
    let pki = Pki::new();
    pki.files("bad", &pki.client(Leaf::server()));
    let trial = Trial::new(&pki);
    (pki, trial)
}

/// `said` tells the alert that the log tells, and nothing of a reset.
pub(super) fn agrees(trial: &mut Trial, reason: &str, said: &str, alert: &str) {
    trial.refused += 1;
    let line = trial.clawgate.event("handshake_failed", trial.refused);
    check(&line);
    assert_eq!(line["reason"], reason, "{line}; the client: {said}");
    let words = said.to_lowercase().replace('_', " ");
    assert!(words.contains(alert), "no {alert:?} in {said}");
    assert!(!words.contains("reset") && !words.contains("broken pipe"), "a reset: {said}");
}

fn curl(pki: &Pki, clawgate: &Clawgate, arguments: &[&str]) -> String {
    let url = format!("https://localhost:{}/hooks/wake", clawgate.address().port());
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "20"]).args(arguments).arg(url).current_dir(pki.dir());
    said(&mut command).expect("curl is needed")
}

#[test]
fn curl_reads_the_alert() {
    let (pki, mut trial) = story();
    pki.file("large.json", vec![b' '; 3_000_000]);

    for version in ["1.2", "1.3"] {
        for body in ["{}", "@large.json"] {
            let files = ["--cacert", "ca.pem", "--cert", "bad.pem", "--key", "bad.key"];
            let limits = ["--tls-max", version, "-H", "Expect:", "--data-binary", body];
            let said = curl(&pki, &trial.clawgate, &[&files[..], &limits].concat());
            agrees(&mut trial, "client_cert_wrong_purpose", &said, "alert unsupported certificate");
        }
    }
    let said = curl(&pki, &trial.clawgate, &["--cacert", "ca.pem", "-d", "{}"]);
    agrees(&mut trial, "client_cert_missing", &said, "alert certificate required");
    trial.end();
}

#[test]
fn openssl_reads_the_alert() {
    let (pki, mut trial) = story();

    for version in ["-tls1_2", "-tls1_3"] {
        let address = trial.clawgate.address().to_string();
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-connect", &address, version, "-CAfile", "ca.pem"])
            .args(["-cert", "bad.pem", "-key", "bad.key", "-cert_chain", "bad.pem"])
            .current_dir(pki.dir());
        let said = said(&mut command).expect("openssl is needed");
        agrees(&mut trial, "client_cert_wrong_purpose", &said, "alert unsupported certificate");
    }
    trial.end();
}

#[test]
fn gnutls_reads_the_alert() {
    let (pki, mut trial) = story();

    for priority in ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"] {
        let port = trial.clawgate.address().port().to_string();
        let mut command = Command::new("gnutls-cli");
        command
            .args(["--x509cafile", "ca.pem", "--x509certfile", "bad.pem"])
            .args(["--x509keyfile", "bad.key", "--priority", priority])
            .args(["-p", &port, "localhost"])
            .current_dir(pki.dir());
        let Some(said) = said(&mut command) else {
            println!("gnutls-cli (package gnutls-bin) is not installed: nothing is tested here");
            return;
        };
        agrees(&mut trial, "client_cert_wrong_purpose", &said, "certificate is not supported");
        assert!(said.contains("[43]"), "another alert: {said}");
    }
    trial.end();
}

const PYTHON: &str = r#"
import socket, ssl, sys
port, version = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile="ca.pem")
context.load_cert_chain("bad.pem", "bad.key")
context.maximum_version = ssl.TLSVersion[version]
try:
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as tls:
        tls.sendall(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        print("let in:", tls.recv(100))
except OSError as error:
    print(repr(error))
"#;

#[test]
fn python_reads_the_alert() {
    let (pki, mut trial) = story();
    pki.file("client.py", PYTHON);

    for version in ["TLSv1_2", "TLSv1_3"] {
        let port = trial.clawgate.address().port().to_string();
        let mut command = Command::new("python3");
        command.args(["client.py", &port, version]).current_dir(pki.dir());
        let said = said(&mut command).expect("python3 is needed");
        agrees(&mut trial, "client_cert_wrong_purpose", &said, "alert unsupported certificate");
    }
    trial.end();
}

#[test]
fn the_hint_for_curl_without_clawgates_ca_says_what_to_give_it() {
    let (pki, mut trial) = story();

    for version in ["1.2", "1.3"] {
        let said = curl(&pki, &trial.clawgate, &["--tls-max", version, "-d", "{}"]);
        assert!(said.contains("certificate"), "{said}");
        trial.refused += 1;
        let line = trial.clawgate.event("handshake_failed", trial.refused);
        assert_eq!(line["reason"], "server_cert_rejected", "{line}");
        assert_eq!(line["alert_received"], "unknown_ca");
        says(&line, "hint", &["--cacert ca.pem"]);
        check(&line);
    }
    trial.end();
}

#[test]
fn curl_that_calls_a_wrong_name_leaves_a_line_with_the_right_names() {
    let pki = Pki::new();
    pki.files("client", &pki.client);
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let port = clawgate.address().port();

    for (number, version) in ["1.2", "1.3"].into_iter().enumerate() {
        let mut command = Command::new("curl");
        command
            .args(["-sS", "-m", "20", "--tls-max", version, "--cacert", "ca.pem", "-d", "{}"])
            .args(["--cert", "client.pem", "--key", "client.key"])
            .args(["--resolve", &format!("gate.example:{port}:127.0.0.1")])
            .arg(format!("https://gate.example:{port}/hooks/wake"))
            .current_dir(pki.dir());
        let said = said(&mut command).expect("curl is needed");
        assert!(said.contains("gate.example"), "{said}");

        // curl compares the name after the handshake, and says nothing to clawgate.
        let line = clawgate.event("connection_unused", number + 1);
        says(&line, "hint", &["it asked for gate.example", "good for dns:localhost, ip:127.0.0.1 only"]);
        assert_eq!(line["cn"], "notes");
    }
}

#[test]
fn curl_with_http_in_its_url_reads_what_to_change() {
    let (_, mut trial) = story();
    let url = format!("http://localhost:{}/hooks/wake", trial.clawgate.address().port());
    let mut command = Command::new("curl");

    let said = said(command.args(["-sS", "-m", "20", "-d", "{}", "-i"]).arg(url)).unwrap();

    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    assert!(said.contains("This is a TLS port"), "{said}");
    trial.refused += 1;
    assert_eq!(trial.clawgate.failure()["reason"], "plain_http");
    trial.end();
}

/// So do Go and Java; scripts/client-errors.sh measures it with them.
#[test]
fn wget_sends_no_certificate_of_another_ca_and_the_hint_says_that_it_does_so() {
    let pki = Pki::new();
    pki.files("other", &Leaf::client("stranger").issued_by(&Ca::root("Elsewhere"), &[]));
    let trial = Trial::new(&pki);
    let url = format!("https://localhost:{}/hooks/wake", trial.clawgate.address().port());
    let mut command = Command::new("wget");
    command.args(["--no-config", "--no-proxy", "--tries=1", "-O", "-", "--ca-certificate=ca.pem"]);
    command.args(["--certificate=other.pem", "--private-key=other.key", &url]).current_dir(pki.dir());

    if said(&mut command).is_none() {
        return;
    }

    let line = trial.clawgate.failure();
    assert_eq!(line["reason"], "client_cert_missing", "{line}");
    says(&line, "hint", &["GnuTLS (wget) send no certificate unless one of these CAs issued it"]);
}
