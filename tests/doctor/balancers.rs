//! The listener for load balancers.

use std::net::SocketAddr;

use super::{Diagnosis, Setup, any, openclaw, says};
use crate::support::backend::Backend;
use crate::support::process::Clawgate;
use crate::support::unused_port;

/// A clawgate that believes load balancers at `source`.
fn clawgate(setup: &Setup, source: &str) -> Clawgate {
    let command = setup.command("run", any()).arg("--listen-proxy", "127.0.0.1:0");
    command.arg("--proxy-source", source).start()
}

/// The doctor's report on load balancers' listener on `proxied` alone, with `source` in the settings.
fn examined(setup: &Setup, proxied: SocketAddr, source: &str) -> Diagnosis {
    let command = setup.command("doctor", any()).arg("--listen-proxy", proxied.to_string());
    let (certificate, key) = setup.pki.files("client", &setup.pki.client);
    let command = command.arg("--client-cert", certificate).arg("--client-key", key);
    Diagnosis::of(command.arg("--proxy-source", source))
}

#[test]
fn it_is_visited_like_any_other_where_the_doctor_may_send_a_header() {
    let backend = openclaw();
    let setup = Setup::new(backend.url());
    let clawgate = clawgate(&setup, "127.0.0.0/8");

    let diagnosis = examined(&setup, clawgate.proxied(), "127.0.0.0/8");

    diagnosis.all_good();
    for check in [
        "reachable",
        "proxy_header",
        "proxy_source",
        "up_to_date",
        "key_fits",
        "no_certificate",
        "with_certificate",
        "plain_http",
        "tls_1_0",
    ] {
        diagnosis.text(&format!("listener/{check}"), "pass");
    }
    says(&diagnosis.text("listener/plain_http", "pass"), &["400"]);
    says(&diagnosis.text("listener/no_certificate", "pass"), &["certificate_required"]);
}

#[test]
fn a_client_that_is_refused_behind_a_balancer_is_a_fault_with_the_reason() {
    let setup = Setup::new("echo:").with("--allow", "cn=somebody-else");
    let clawgate = clawgate(&setup, "127.0.0.1");

    let diagnosis = examined(&setup, clawgate.proxied(), "127.0.0.1");

    says(&diagnosis.only_fault("listener/with_certificate"), &["is refused: ", "no rule"]);
}

#[test]
fn it_is_said_that_it_cannot_be_visited_where_the_doctor_may_send_no_header() {
    let setup = Setup::new("echo:");
    let clawgate = clawgate(&setup, "192.0.2.0/24");

    let diagnosis = examined(&setup, clawgate.proxied(), "192.0.2.0/24");

    diagnosis.all_good();
    let text = diagnosis.text("listener/proxy_source", "pass");
    says(
        &text,
        &["cannot be checked from here: 127.0.0.1 is not in listen.proxy_sources", "is refused"],
    );
    diagnosis.text("listener/clawgate", "skipped");
}

#[test]
fn a_clawgate_that_believes_whom_the_settings_do_not_name_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = clawgate(&setup, "127.0.0.1");

    let text = examined(&setup, clawgate.proxied(), "192.0.2.0/24").only_fault("listener/proxy_source");

    says(&text, &["does not refuse a PROXY header from 127.0.0.1", "reload", "any address"]);
}

#[test]
fn a_clawgate_that_does_not_believe_whom_the_settings_name_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = clawgate(&setup, "192.0.2.0/24");

    let text = examined(&setup, clawgate.proxied(), "127.0.0.1").only_fault("listener/proxy_source");

    says(&text, &["127.0.0.1 is one of listen.proxy_sources", "is refused", "reload"]);
}

#[test]
fn a_listener_that_takes_connections_without_a_header_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();
    for source in ["127.0.0.1", "192.0.2.0/24"] {
        let text = examined(&setup, clawgate.address(), source).only_fault("listener/proxy_header");
        says(&text, &["without a PROXY header", "restart", "ss -ltnp"]);
    }
}

#[test]
fn another_service_on_the_balancers_port_is_a_fault() {
    let setup = Setup::new("echo:");
    let other = Backend::ok();

    let text = examined(&setup, other.address(), "127.0.0.1").only_fault("listener/proxy_header");

    says(&text, &["something else listens there", "ss -ltnp"]);
}

#[test]
fn a_balancers_listener_that_does_not_run_is_a_fault() {
    let setup = Setup::new("echo:");
    let free = unused_port();

    let text = examined(&setup, free.address(), "127.0.0.1").only_fault("listener/reachable");

    says(&text, &["not running", "start it"]);
}

#[test]
fn its_port_0_cannot_be_looked_at_and_that_is_said() {
    let setup = Setup::new("echo:");

    let diagnosis = examined(&setup, any(), "127.0.0.1");

    diagnosis.all_good();
    let said = |finding: &&serde_json::Value| {
        finding["detail"].as_str().unwrap().contains("--listen-proxy to check it")
    };
    assert_eq!(diagnosis.findings.iter().filter(said).count(), 1, "{diagnosis:#?}");
}
