//! The names of the CAs in the request for a client's certificate.

use std::process::{Command, Stdio};

use crate::support::client::Client;
use crate::support::pki::{Ca, Pki};
use crate::support::process::ClawgateCommand;

/// What openssl prints of the request for a certificate.
fn asked_for(address: std::net::SocketAddr, version: &str) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", version, "-connect", &address.to_string()]);
    let output = openssl.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The usual CA, with `count` others of long names before it.
fn bundle(pki: &Pki, count: usize) -> String {
    let other = |number| Ca::root(&format!("{number} {}", "long name ".repeat(180))).pem();
    (0..count).map(other).collect::<String>() + &pki.root.pem()
}

fn clawgate(pki: &Pki, cas: &str) -> ClawgateCommand {
    ClawgateCommand::new(pki).upstream("echo:").arg("--client-ca", pki.file("bundle.pem", cas))
}

#[test]
fn more_names_than_fit_are_left_out_and_every_client_is_served() {
    let pki = Pki::new();
    // 72 KB and 36 KB: the one does not fit into the message, the other not into what Java takes.
    for count in [40, 20] {
        let clawgate = clawgate(&pki, &bundle(&pki, count)).start();

        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
        for version in ["-tls1_2", "-tls1_3"] {
            let asked = asked_for(clawgate.address(), version);
            assert!(asked.contains("No client certificate CA names sent"), "{version}: {asked}");
        }
        let warning = clawgate.event("settings_warning", 1);
        let detail = warning["detail"].as_str().unwrap();
        assert!(detail.contains("do not fit into the request for a certificate"), "{warning}");
    }
}

#[test]
fn check_warns_of_names_that_are_left_out() {
    let pki = Pki::new();
    let output = clawgate(&pki, &bundle(&pki, 40)).check();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains("do not fit into the request for a certificate: none is named"),
        "{output:?}"
    );
}

#[test]
fn names_that_fit_are_sent_each_once() {
    let pki = Pki::new();
    let cas = bundle(&pki, 3);
    let clawgate = clawgate(&pki, &format!("{cas}{cas}")).start();
    let asked = asked_for(clawgate.address(), "-tls1_3");
    let (_, names) = asked.split_once("Acceptable client certificate CA names\n").unwrap();
    let names: Vec<_> = names.lines().take_while(|line| line.starts_with("CN = ")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(
        !clawgate
            .events("settings_warning")
            .iter()
            .any(|line| line["detail"].to_string().contains("do not fit"))
    );
}
