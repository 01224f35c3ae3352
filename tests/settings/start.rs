//! How clawgate starts, and why a start fails.

use std::net::TcpListener;
use std::process::Command;

use super::{command, refused};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{ClawgateCommand, Output};

#[test]
fn the_environment_alone_is_enough_to_start() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let (certificate, key) = pki.files("server", &pki.server);
    let clawgate = ClawgateCommand::bare("run")
        .env("CLAWGATE_CERT", certificate)
        .env("CLAWGATE_KEY", key)
        .env("CLAWGATE_CLIENT_CA", pki.file("ca.pem", pki.root.pem()))
        .env("CLAWGATE_UPSTREAM", backend.url())
        .env("CLAWGATE_LISTEN", "127.0.0.1:0, [::1]:0")
        .env("CLAWGATE_ADMIN", "off")
        .start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!(answer.status, 200);
    assert_eq!(backend.first().request_line(), "POST /hooks/wake HTTP/1.1");
    assert!(clawgate.addresses()[1].is_ipv6());
    assert_eq!(clawgate.admin, None);
}

#[test]
fn a_variable_may_name_several_cas() {
    let pki = Pki::new();
    let other = Ca::root("Other Root");
    let [first, second] = [("a.pem", &pki.root), ("b.pem", &other)]
        .map(|(name, ca)| pki.file(name, ca.pem()).into_os_string().into_string().unwrap());
    let clawgate = command("run", &pki).env("CLAWGATE_CLIENT_CA", format!("{first}, {second}")).start();

    let theirs = Leaf::client("theirs").issued_by(&other, &[]);

    for identity in [&pki.client, &theirs] {
        let answer = Client::with_identity(&pki, &clawgate, identity).post("/hooks/wake", "{}");
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn alone_it_prints_its_help_and_exits_with_2() {
    let output = Command::new(env!("CARGO_BIN_EXE_clawgate")).output().unwrap();

    assert_eq!(output.status.code(), Some(2));
    let help = String::from_utf8(output.stderr).unwrap();
    assert!(help.contains("Usage: clawgate <COMMAND>"), "{help}");
}

#[test]
fn an_unknown_flag_exits_with_2() {
    let pki = Pki::new();

    let output = command("run", &pki).arg("--client-cas", "ca.pem").refused();

    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("--client-ca"), "{output:?}");
}

fn assert_in_use(output: &Output, address: &str, setting: &str) {
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains(address), "{output:?}");
    assert!(output.stderr.contains(setting), "{output:?}");
    assert!(output.stderr.contains("hint: stop what listens there"), "{output:?}");
    assert!(!output.stdout.contains("started"), "{output:?}");
}

#[test]
fn an_address_in_use_ends_the_start_and_is_named() {
    let pki = Pki::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let listen = command("run", &pki).arg("--listen", &address).refused();
    let admin = command("run", &pki).arg("--admin", &address).refused();

    assert_in_use(&listen, &address, "listen.address");
    assert_in_use(&admin, &address, "admin.address");
}

#[test]
fn a_second_clawgate_on_the_same_port_is_refused_and_the_first_keeps_all_connections() {
    let pki = Pki::new();
    let clawgate = command("run", &pki).arg("--workers", "2").start();
    let address = clawgate.address().to_string();
    let everywhere = format!("0.0.0.0:{}", clawgate.address().port());

    let same = command("run", &pki).arg("--listen", &address).refused();
    let wider = command("run", &pki).arg("--listen", &everywhere).refused();

    assert_in_use(&same, &address, "listen.address");
    assert_in_use(&wider, &everywhere, "listen.address");
    for _ in 0..8 {
        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    }
}

#[test]
fn check_leaves_the_ports_alone() {
    let pki = Pki::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();

    let output =
        command("check", &pki).arg("--listen", taken.local_addr().unwrap().to_string()).output();

    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn without_a_client_ca_nothing_starts_whatever_the_system_trusts() {
    let pki = Pki::new();
    let (certificate, key) = pki.files("server", &pki.server);
    let command = ClawgateCommand::bare("run")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--listen", "127.0.0.1:0")
        .arg("--admin", "off")
        .env("SSL_CERT_FILE", pki.file("ca.pem", pki.root.pem()))
        .env("SSL_CERT_DIR", pki.dir());

    let ways = "hint: set --client-ca, CLAWGATE_CLIENT_CA or clients.ca to a PEM file";
    refused(command, &["  clients.ca\n", "is required, but not set", ways]);
}

#[test]
fn clients_of_a_ca_that_only_the_system_trusts_are_not_admitted() {
    let pki = Pki::new();
    let system = Ca::root("System Root");
    let theirs = Leaf::client("notes").issued_by(&system, &[]);
    let dir = pki.dir().join("roots");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("system.pem"), system.pem()).unwrap();
    let clawgate = command("run", &pki)
        .env("SSL_CERT_FILE", dir.join("system.pem"))
        .env("SSL_CERT_DIR", &dir)
        .start();

    let error = Client::with_identity(&pki, &clawgate, &theirs).refused();

    assert!(error.to_string().contains("UnknownCA"), "{error}");
    let failure = clawgate.failure();
    assert_eq!(failure["reason"], "client_cert_unknown_ca");
    assert_eq!(failure["client_cert"]["issuer"], "CN=System Root");
    assert_eq!(clawgate.event("started", 1)["client_cas"], serde_json::json!(["CN=Test Root"]));
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}
