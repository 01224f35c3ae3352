//! Faults of the running clawgate.

use super::{Diagnosis, Setup, openclaw, says};
use crate::support::backend::Backend;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::unused_port;

#[test]
fn a_clawgate_that_does_not_run_is_a_fault_and_the_rest_is_looked_at() {
    let backend = openclaw();
    let setup = Setup::new(backend.url());
    let free = unused_port();

    let diagnosis = setup.examined(free.address());

    says(&diagnosis.only_fault("listener/reachable"), &["not running", "start it"]);
    diagnosis.text("certificate/chain", "pass");
    diagnosis.text("upstream/token", "pass");
}

#[test]
fn another_service_on_clawgates_port_is_a_fault() {
    let setup = Setup::new("echo:");
    let other = Backend::ok();

    let text = setup.examined(other.address()).only_fault("listener/clawgate");

    says(&text, &["something else listens there", "plain HTTP", "ss -ltnp"]);
}

#[test]
fn a_clawgate_that_was_not_reloaded_is_a_fault() {
    let mut setup = Setup::new("echo:");
    let clawgate = setup.clawgate();
    setup.pki.server = Leaf::server().issued_by(&setup.pki.intermediate, &[&setup.pki.intermediate]);

    let text = setup.examined(clawgate.address()).only_fault("listener/up_to_date");

    says(&text, &["another certificate than the one in tls.certificate", "reload"]);
}

#[test]
fn a_clawgate_with_other_cas_than_the_file_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();
    let other = Pki::new();
    let bundle = setup.pki.root.pem() + &other.intermediate.pem();
    let bundle = setup.pki.file("bundle.pem", bundle).display().to_string();
    let setup = setup.with("--client-ca", bundle);

    let text = setup.examined(clawgate.address()).only_fault("listener/up_to_date");

    says(&text, &["other CAs than those in clients.ca"]);
}

#[test]
fn a_client_that_is_refused_is_a_fault_with_the_reason() {
    let setup = Setup::new("echo:").with("--allow", "cn=somebody-else");
    let clawgate = setup.clawgate();
    let (certificate, key) = setup.pki.files("client", &setup.pki.client);

    let command = setup.command("doctor", clawgate.address());
    let diagnosis = Diagnosis::of(command.arg("--client-cert", certificate).arg("--client-key", key));

    says(&diagnosis.only_fault("listener/with_certificate"), &["is refused: ", "no rule"]);
}

#[test]
fn refusing_over_http_is_as_good() {
    let setup = Setup::new("echo:").with("--refuse-with", "http");
    let clawgate = setup.clawgate();

    let diagnosis = setup.examined(clawgate.address());

    diagnosis.all_good();
    says(&diagnosis.text("listener/no_certificate", "pass"), &["403"]);
}

#[test]
fn the_limit_of_open_files_is_the_running_clawgates() {
    let setup = Setup::new("echo:");
    let clawgate = setup.command("run", super::any()).files(80).admin().start();

    let admin = clawgate.admin().to_string();
    let diagnosis = Diagnosis::of(setup.command("doctor", clawgate.address()).arg("--admin", admin));

    let text = diagnosis.only_warning("machine/open_files");
    says(
        &text,
        &["80 open files are allowed to the running clawgate, enough for 16", "LimitNOFILE=164"],
    );
}

#[test]
fn the_admin_listener_is_asked() {
    let setup = Setup::new("echo:");
    let clawgate = setup.command("run", super::any()).arg("--admin", "127.0.0.1:0").start();
    let examined =
        |admin: String| Diagnosis::of(setup.command("doctor", clawgate.address()).arg("--admin", admin));
    let free = unused_port();

    let good = examined(clawgate.admin().to_string());
    let absent = examined(free.to_string());
    let other = examined(Backend::ok().address().to_string());

    good.all_good();
    assert_eq!(good.text("admin/ready", "pass"), "ready\n");
    says(&absent.only_fault("admin/ready"), &["nothing answers"]);
    // It says 200, as anything might.
    other.text("admin/ready", "pass");
}

/// A doctor without a clawgate, and with nothing else to find fault with.
fn alone(pki: &Pki) -> ClawgateCommand {
    let (certificate, key) = pki.files("server", &pki.server);
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    ClawgateCommand::bare("doctor")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
        .arg("--upstream", "echo:")
        .arg("--max-connections", "100")
        .env("CLAWGATE_ADMIN", "off")
}

#[test]
fn port_0_cannot_be_looked_at_and_that_is_said() {
    let pki = Pki::new();

    let diagnosis = Diagnosis::of(alone(&pki).arg("--listen", "127.0.0.1:0"));

    diagnosis.all_good();
    says(&diagnosis.text("listener/reachable", "skipped"), &["--listen"]);
}
