//! Configured CAs that another configured CA has issued, and may have revoked.

use rcgen::SerialNumber;
use time::{Duration, OffsetDateTime};

use super::super::admits;
use super::{below, client, root, trusting};
use crate::diagnosis::{refused_by, says};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;

/// The usual root with an intermediate of serial number 0x51, both configured, and a client below.
struct Configured {
    pki: Pki,
    intermediate: Ca,
    client: Identity,
}

impl Configured {
    fn new() -> Self {
        let mut pki = Pki::new();
        let serial = SerialNumber::from(0x51);
        let intermediate = below(&pki.root, "Issuing CA", |params| params.serial_number = Some(serial));
        let client = Leaf::client("below").issued_by(&intermediate, &[&intermediate]);
        pki.client = Leaf::client("good").issued_by(&pki.root, &[]);
        Self { pki, intermediate, client }
    }

    /// With a CRL of the root that revokes `serials`, and an empty one of the intermediate.
    fn command(&self, serials: &[u64]) -> ClawgateCommand {
        let crls = self.pki.root.crl(serials, 3600) + &self.intermediate.crl(&[], 3600);
        trusting(&self.pki, &[&self.intermediate]).arg("--crl", self.pki.file("crl.pem", crls))
    }
}

#[test]
fn a_configured_ca_that_another_one_has_revoked_admits_nobody() {
    let case = Configured::new();

    admits(&case.pki, &case.command(&[0x52]).upstream("echo:").start(), &case.client);
    for policy in ["if-present", "strict"] {
        let command = case.command(&[0x51]).arg("--crl-policy", policy);
        for line in refused_by(command, &case.pki, &case.client, "client_cert_revoked") {
            says(&line, "detail", &["CN=Issuing CA", "serial 51", "was revoked by CN=Test Root"]);
            assert_eq!(line["alert_sent"], "certificate_revoked", "{line}");
        }
    }
}

#[test]
fn under_the_strict_policy_a_configured_ca_needs_a_crl_of_the_configured_ca_that_issued_it() {
    let case = Configured::new();
    let crl = case.pki.file("own.crl", case.intermediate.crl(&[], 3600));
    let other = Ca::root("Good Root");
    let mut pki = Pki::new();
    pki.client = client(&other);
    let command = || {
        let crl_of_other = pki.file("other.crl", other.crl(&[], 3600));
        trusting(&pki, &[&case.intermediate, &other])
            .arg("--crl", &crl)
            .arg("--crl-policy", "strict")
            .arg("--crl", crl_of_other)
    };

    // On its own it is trusted as it is.
    admits(&pki, &command().upstream("echo:").start(), &case.client);
    let root = pki.file("root.pem", case.pki.root.pem());
    for line in refused_by(command().arg("--client-ca", root), &pki, &case.client, "crl_unavailable") {
        says(
            &line,
            "detail",
            &["CN=Issuing CA", "was issued by CN=Test Root, for which there is no CRL"],
        );
    }
}

#[test]
fn a_configured_ca_is_out_with_the_one_above_its_issuer() {
    let pki = Pki::new();
    let top = Ca::root("Top Root");
    let serial = SerialNumber::from(0x61);
    let middle = below(&top, "Middle CA", |params| params.serial_number = Some(serial));
    let bottom = middle.intermediate("Bottom CA");
    let client = Leaf::client("below").issued_by(&bottom, &[]);
    let crl = pki.file("top.crl", top.crl(&[0x61], 3600));
    let command = trusting(&pki, &[&bottom, &middle, &top]).arg("--crl", crl);

    for line in refused_by(command, &pki, &client, "client_cert_revoked") {
        says(&line, "detail", &["CN=Middle CA", "was revoked by CN=Top Root"]);
    }
}

#[test]
fn a_revoked_cross_certificate_does_no_harm_where_the_same_ca_stands_for_itself() {
    let pki = Pki::new();
    let [one, other] = ["One Root", "Other Root"].map(Ca::root);
    let mut cross = Ca::params("One Root");
    cross.serial_number = Some(SerialNumber::from(0x71));
    cross.not_after = OffsetDateTime::now_utc() + Duration::days(9999);
    let mut by_other = Ca::root("One Root");
    by_other.certificate = cross.signed_by(&one.key, &other.issuer()).unwrap();
    let crl = pki.file("other.crl", other.crl(&[0x71], 3600));
    let with = |cas: &[&Ca]| trusting(&pki, cas).arg("--crl", &crl);

    let both = with(&[&by_other, &one, &other]).upstream("echo:").start();
    admits(&pki, &both, &client(&one));
    refused_by(with(&[&by_other, &other]), &pki, &client(&one), "client_cert_revoked");
}

#[test]
fn cas_that_have_issued_each_other_are_each_good_until_revoked() {
    let pki = Pki::new();
    let [mut one, mut other] = ["One CA", "Other CA"].map(Ca::root);
    let mut params = Ca::params("One CA");
    params.serial_number = Some(SerialNumber::from(0x81));
    one.certificate = params.signed_by(&one.key, &other.issuer()).unwrap();
    other.certificate = Ca::params("Other CA").signed_by(&other.key, &one.issuer()).unwrap();
    let with = |serials: &[u64]| {
        let crls = one.crl(&[], 3600) + &other.crl(serials, 3600);
        trusting(&pki, &[&one, &other]).arg("--crl", pki.file("crl.pem", crls))
    };

    admits(&pki, &with(&[]).upstream("echo:").start(), &client(&one));
    refused_by(with(&[0x81]), &pki, &client(&one), "client_cert_revoked");
}

#[test]
fn a_root_on_its_own_crl_is_trusted_on() {
    let pki = Pki::new();
    let lone = root("Lone Root", |params| params.serial_number = Some(SerialNumber::from(1)));
    let crl = pki.file("lone.crl", lone.crl(&[1], 3600));

    let clawgate = trusting(&pki, &[&lone]).arg("--crl", crl).upstream("echo:").start();
    admits(&pki, &clawgate, &client(&lone));
}
