//! `clawgate doctor` calls routes that verify signatures, and delivers nothing unless it is told to.

use serde_json::Value;

use super::{SECRET, Setup, route, secret};
use crate::support::backend::Backend;
use crate::support::process::{Clawgate, ClawgateCommand};

/// `doctor` for the listeners of `clawgate`.
fn doctor(setup: &Setup, clawgate: &Clawgate) -> ClawgateCommand {
    setup
        .command("doctor")
        .arg("--listen", clawgate.addresses()[0].to_string())
        .arg("--listen-signed", clawgate.signed().to_string())
}

/// Severity and detail of a check of the route `/hooks/NAME`.
#[track_caller]
fn check(command: ClawgateCommand, name: &str, check: &str) -> (String, String) {
    let output = command.word("--json").output();
    assert!(!output.stdout.contains(SECRET), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let findings = report["findings"].as_array().unwrap();
    let is_it =
        |finding: &&Value| finding["subject"] == format!("/hooks/{name}") && finding["name"] == check;
    let found = findings.iter().find(is_it).unwrap_or_else(|| panic!("no {check}: {output:?}"));
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (text("severity"), text("detail"))
}

/// The bodies that came for hooks of the routes.
fn delivered(backend: &Backend) -> Vec<String> {
    let received = backend.received().into_iter();
    let of_routes = received.filter(|request| {
        let line = request.request_line();
        ["github", "slack", "linear"].iter().any(|name| line.contains(&format!("/hooks/{name} ")))
    });
    of_routes.map(|request| String::from_utf8(request.body).unwrap()).collect()
}

fn setup(backend: &Backend) -> Setup {
    Setup::new(backend.url(), |pki| {
        [
            route(pki, "github", "signature", ""),
            route(pki, "slack", "both", ""),
            route(pki, "linear", "signature", "audit = true"),
        ]
        .concat()
    })
}

#[test]
fn a_wrong_signature_must_be_refused_and_nothing_is_delivered() {
    let backend = Backend::ok();
    let setup = setup(&backend);
    let clawgate = setup.start();
    let (certificate, key) = setup.pki.files("client", &setup.pki.client);
    let wrong = |name: &str| check(doctor(&setup, &clawgate), name, "wrong_signature");

    let (severity, detail) = wrong("github");
    assert_eq!((severity.as_str(), detail.as_str()), ("pass", "is refused (401 signature_invalid)"));
    let (severity, detail) = wrong("slack");
    assert!(severity == "skipped" && detail.contains("give --client-cert"), "{detail}");
    let (severity, detail) = wrong("linear");
    assert!(severity == "skipped" && detail.contains("AUDIT ONLY"), "{detail}");

    let with = doctor(&setup, &clawgate).arg("--client-cert", certificate).arg("--client-key", key);
    assert_eq!(check(with, "slack", "wrong_signature").0, "pass");
    assert_eq!(delivered(&backend), [""; 0]);
}

#[test]
fn a_valid_signature_is_delivered_on_demand_as_a_test() {
    let backend = Backend::ok();
    let setup = setup(&backend);
    let clawgate = setup.start();

    let (severity, detail) =
        check(doctor(&setup, &clawgate).word("--send-signed"), "github", "valid_signature");

    assert!(severity == "pass" && detail.contains("the upstream answers 200"), "{detail}");
    let bodies = delivered(&backend);
    assert!(bodies.len() == 1 && bodies[0].contains("A test by clawgate"), "{bodies:?}");
}

#[test]
fn a_clawgate_that_runs_with_another_secret_fails() {
    let backend = Backend::ok();
    let setup = setup(&backend);
    let clawgate = setup.start();
    secret(&setup.pki, "github", "another secret of thirty-two bytes");

    let (severity, detail) =
        check(doctor(&setup, &clawgate).word("--send-signed"), "github", "valid_signature");

    assert_eq!((severity.as_str(), detail.as_str()), ("fail", "is refused (401 signature_invalid)"));
    assert_eq!(delivered(&backend), [""; 0]);
}

#[test]
fn a_clawgate_that_is_not_running_is_not_a_fault_of_the_route() {
    let backend = Backend::ok();
    let setup = setup(&backend);
    let clawgate = setup.start();
    let command = doctor(&setup, &clawgate);
    drop(clawgate);

    let (severity, detail) = check(command, "github", "wrong_signature");

    assert!(severity == "skipped" && detail.contains("cannot be sent to"), "{detail}");
}
