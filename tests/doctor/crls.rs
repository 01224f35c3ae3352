//! Signatures of CRLs.

use std::path::PathBuf;

use super::{Diagnosis, Setup, any, says};
use crate::support::pki::{Ca, Leaf};

/// The CRL of `ca` in a file of this name; `altered`: with another last byte.
fn crl(setup: &Setup, ca: &Ca, name: &str, altered: bool) -> PathBuf {
    let mut der = ca.crl_with(&[0x77], 100 * 86_400, |_| ());
    *der.last_mut().unwrap() ^= u8::from(altered);
    setup.pki.file(name, der)
}

/// The doctor's report on a clawgate whose own chain is the root's alone, with a client of the intermediate or without.
fn examined(setup: &Setup, crl: &PathBuf, with_client: bool) -> Diagnosis {
    let clawgate = setup.command("run", any()).arg("--crl", crl).start();
    let command = setup.command("doctor", clawgate.address()).arg("--crl", crl);
    if !with_client {
        return Diagnosis::of(command);
    }
    let (certificate, key) = setup.pki.files("client", &setup.pki.client);
    Diagnosis::of(command.arg("--client-cert", certificate).arg("--client-key", key))
}

/// A clawgate without an intermediate in its own chain.
fn setup() -> Setup {
    let mut setup = Setup::new("echo:");
    setup.pki.server = Leaf::server().issued_by(&setup.pki.root, &[]);
    setup
}

#[test]
fn a_crl_that_a_client_ca_did_not_sign_is_a_fault_with_its_file() {
    let setup = setup();
    let altered = crl(&setup, &setup.pki.root, "altered.crl", true);

    let diagnosis = Diagnosis::of(setup.command("doctor", any()).arg("--crl", &altered));

    let text = diagnosis.only_fault("settings/load");
    let file = altered.display().to_string();
    says(&text, &[&file, "not signed by its key", "fetch the CRL that this CA issues"]);
}

#[test]
fn a_crl_that_a_clients_intermediate_did_not_sign_is_a_fault_with_its_file() {
    let setup = setup();
    let altered = crl(&setup, &setup.pki.intermediate, "altered.crl", true);

    let diagnosis = examined(&setup, &altered, true);

    // clawgate judges the same.
    assert_eq!(diagnosis.all("fail"), ["clients/crl", "listener/with_certificate"], "{diagnosis:#?}");
    let text = diagnosis.text("clients/crl", "fail");
    let file = altered.display().to_string();
    let what = "has the name of the CA CN=Test Intermediate, but is not signed by its key";
    says(&text, &[&file, what, "fetch the CRL that this CA issues"]);
}

#[test]
fn a_crl_that_clawgates_own_issuer_did_not_sign_is_a_fault() {
    let mut setup = setup();
    setup.pki.server = Leaf::server().issued_by(&setup.pki.intermediate, &[&setup.pki.intermediate]);
    let altered = crl(&setup, &setup.pki.intermediate, "altered.crl", true);

    let text = examined(&setup, &altered, false).only_fault("clients/crl");

    says(&text, &["altered.crl", "CN=Test Intermediate", "not signed by its key"]);
}

#[test]
fn a_crl_of_an_intermediate_that_may_not_sign_any_is_a_fault() {
    let mut setup = setup();
    let mut params = Ca::params("Mute");
    params.key_usages.pop();
    let mute = setup.pki.root.intermediate_of(params);
    setup.pki.client = Leaf::client("notes").issued_by(&mute, &[&mute]);
    // It still does: the library requires the usage that is missing in its certificate.
    let mut loud = Ca::params("Mute");
    loud.key_identifier_method = rcgen::KeyIdMethod::Sha256;
    let signer = Ca { certificate: mute.certificate, params: loud, key: mute.key };
    let file = crl(&setup, &signer, "mute.crl", false);

    let diagnosis = examined(&setup, &file, true);

    let text = diagnosis.text("clients/crl", "fail");
    says(&text, &["mute.crl", "CN=Mute may not sign CRLs", "cRLSign"]);
}

#[test]
fn a_crl_that_a_clients_intermediate_signed_is_good() {
    let setup = setup();
    let whole = crl(&setup, &setup.pki.intermediate, "whole.crl", false);

    let diagnosis = examined(&setup, &whole, true);

    diagnosis.all_good();
    says(&diagnosis.text("clients/crl", "pass"), &["CN=Test Intermediate, signed by it, 1 revoked"]);
}

#[test]
fn a_crl_of_a_ca_that_is_not_at_hand_is_a_warning_that_it_cannot_be_checked() {
    let setup = setup();
    let altered = crl(&setup, &setup.pki.intermediate, "altered.crl", true);

    let text = examined(&setup, &altered, false).only_warning("clients/crl");

    says(
        &text,
        &["CN=Test Intermediate", "which is not in clients.ca", "clawgate doctor --client-cert"],
    );
}

#[test]
fn a_crl_of_another_key_of_that_name_is_no_fault() {
    let setup = setup();
    let before = setup.pki.root.intermediate("Test Intermediate");
    let old = crl(&setup, &before, "old.crl", false);

    let diagnosis = examined(&setup, &old, true);

    let text = diagnosis.text("clients/crl", "warning");
    says(&text, &["which is not a known CA"]);
}
