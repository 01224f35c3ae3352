//! The server's certificate and its chain, as clients verify them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rcgen::{
    BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints, PKCS_ED25519, SanType,
};
use time::{Duration, OffsetDateTime};

use super::{Diagnosis, Setup, any, says};
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::process::ClawgateCommand;

const DAY: i64 = 86_400;

/// The doctor's report on a running clawgate with this certificate.
fn examined(identity: impl FnOnce(&Setup) -> Identity) -> Diagnosis {
    let mut setup = Setup::new("echo:");
    setup.pki.server = identity(&setup);
    let clawgate = setup.clawgate();
    setup.examined(clawgate.address())
}

/// A server's certificate of an intermediate that `change` has changed, under the client CA.
fn below(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Diagnosis {
    examined(|setup| {
        let mut params = Ca::params("Issuing");
        change(&mut params);
        let issuing = setup.pki.root.intermediate_of(params);
        Leaf::server().issued_by(&issuing, &[&issuing])
    })
}

fn usual(setup: &Setup, leaf: Leaf) -> Identity {
    leaf.issued_by(&setup.pki.intermediate, &[&setup.pki.intermediate])
}

fn from_now(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::seconds(seconds)
}

#[test]
fn a_good_chain_passes_each_check_with_the_root_that_it_leads_to() {
    let diagnosis = examined(|setup| usual(setup, Leaf::server()));

    diagnosis.all_good();
    for name in ["names", "dates", "chain_dates", "purpose", "order", "key", "signature"] {
        diagnosis.text(&format!("certificate/{name}"), "pass");
    }
    let chain = diagnosis.text("certificate/chain", "pass");
    says(&chain, &["over 1 intermediate", "the root CN=Test Root", "only this root verifies it"]);
    let system = diagnosis.text("certificate/system_roots", "note");
    says(&system, &["only the roots of this system refuses it", "give clients the root CN=Test Root"]);
}

#[test]
fn a_certificate_for_clients_is_a_fault_of_purpose() {
    let text = examined(|setup| {
        let leaf = Leaf::server().with(|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        usual(setup, leaf)
    })
    .only_fault("certificate/purpose");

    says(&text, &["is not for servers", "lacks serverAuth", "extendedKeyUsage=serverAuth"]);
}

#[test]
fn a_certificate_that_may_not_sign_is_a_fault_of_purpose() {
    let text = examined(|setup| {
        let leaf = Leaf::server().with(|params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement]);
        usual(setup, leaf)
    })
    .only_fault("certificate/purpose");

    says(&text, &["keyUsage lacks digitalSignature"]);
}

#[test]
fn an_intermediate_for_clients_alone_is_a_fault_of_purpose() {
    let text = below(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
        .only_fault("certificate/purpose");

    says(&text, &["the CA CN=Issuing may not issue for servers", "by a CA for servers"]);
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_a_fault_of_its_dates() {
    // The 30 seconds are for the time from its issue to the check: the text rounds down.
    let diagnosis = examined(|setup| usual(setup, Leaf::server().valid(60 * 60 + 30, 90 * DAY)));

    // Either it or the clock is wrong.
    assert_eq!(diagnosis.all("fail"), ["certificate/dates", "machine/clock"], "{diagnosis:#?}");
    says(
        &diagnosis.text("certificate/dates", "fail"),
        &["O=Example,CN=gate is not valid before 20", "in 60 minutes"],
    );
}

#[test]
fn an_intermediate_that_has_expired_is_a_fault_though_the_leaf_lasts() {
    let text = below(|params| {
        params.not_before = from_now(-90 * DAY);
        params.not_after = from_now(-DAY);
    })
    .only_fault("certificate/chain_dates");

    says(&text, &["CN=Issuing has expired: it was valid until 20", "renewed certificate"]);
}

#[test]
fn an_intermediate_that_is_not_valid_yet_is_a_fault() {
    let diagnosis = below(|params| params.not_before = from_now(DAY));

    assert_eq!(diagnosis.all("fail"), ["certificate/chain_dates", "machine/clock"], "{diagnosis:#?}");
    says(&diagnosis.text("certificate/chain_dates", "fail"), &["CN=Issuing is not valid before 20"]);
}

#[test]
fn an_intermediate_that_is_about_to_expire_is_a_warning() {
    let text = below(|params| {
        params.not_before = from_now(-90 * DAY);
        params.not_after = from_now(10 * DAY + 60);
    })
    .only_warning("certificate/chain_dates");

    says(&text, &["CN=Issuing is valid until 20", "10 days left"]);
}

#[test]
fn a_leaf_without_its_intermediate_fails_though_the_intermediate_is_unknown_here() {
    let diagnosis = examined(|setup| Leaf::server().issued_by(&setup.pki.intermediate, &[]));

    let text = diagnosis.only_fault("certificate/chain");
    says(&text, &["only the leaf is sent", "a client that has only the root refuses it"]);
    says(&text, &["if CN=Test Intermediate is an intermediate, append its certificate", "--server-ca"]);
}

#[test]
fn an_intermediate_that_a_client_brings_is_known_to_be_one() {
    let mut setup = Setup::new("echo:");
    setup.pki.server = Leaf::server().issued_by(&setup.pki.intermediate, &[]);
    let clawgate = setup.clawgate();
    let (certificate, key) = setup.pki.files("client", &setup.pki.client);

    let command = setup.command("doctor", clawgate.address());
    let diagnosis = Diagnosis::of(command.arg("--client-cert", certificate).arg("--client-key", key));

    let text = diagnosis.only_fault("certificate/chain");
    says(&text, &["lacks the intermediate CN=Test Intermediate"]);
}

/// A server's certificate of a root of its own.
fn private(setup: &mut Setup) -> PathBuf {
    let root = Ca::root("Private Root");
    setup.pki.server = Leaf::server().issued_by(&root, &[]);
    setup.pki.file("private.pem", root.pem())
}

#[test]
fn a_root_that_is_named_for_it_verifies_the_chain() {
    let mut setup = Setup::new("echo:");
    let root = private(&mut setup);
    let clawgate = setup.clawgate();

    setup.examined(clawgate.address()).only_fault("certificate/chain");
    let diagnosis = Diagnosis::of(setup.command("doctor", clawgate.address()).arg("--server-ca", root));

    diagnosis.all_good();
    says(&diagnosis.text("certificate/chain", "pass"), &["directly to the root CN=Private Root"]);
}

#[test]
fn a_root_of_this_system_verifies_the_chain_for_clients_that_have_nothing_else() {
    let mut setup = Setup::new("echo:");
    let root = private(&mut setup);
    let clawgate = setup.clawgate();

    let command = setup.command("doctor", clawgate.address()).env("SSL_CERT_FILE", root);
    let diagnosis = Diagnosis::of(command);

    diagnosis.all_good();
    says(&diagnosis.text("certificate/system_roots", "pass"), &["verifies it, by CN=Private Root"]);
}

#[test]
fn a_chain_whose_root_is_not_known_here_is_a_warning() {
    let text = examined(|_| {
        let issuing = Ca::root("Private Root").intermediate("Issuing");
        Leaf::server().issued_by(&issuing, &[&issuing])
    })
    .only_warning("certificate/chain");

    says(&text, &["could not be verified", "issued by CN=Private Root, and no such root is known here"]);
}

#[test]
fn a_signature_that_is_not_its_issuers_is_a_fault() {
    let diagnosis = examined(|setup| {
        let namesake = setup.pki.root.intermediate("Test Intermediate");
        Leaf::server().issued_by(&namesake, &[&setup.pki.intermediate])
    });

    let text = diagnosis.only_fault("certificate/chain");
    says(
        &text,
        &["clients refuse it: a signature in the chain does not match the key of the CA with that name"],
    );
    says(&diagnosis.text("certificate/order", "warning"), &["was not issued by CN=Test Intermediate"]);
}

#[test]
fn a_ca_that_may_not_issue_what_it_has_is_a_fault_with_what_it_may_not() {
    let too_deep = examined(|setup| {
        let mut params = Ca::params("Flat");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let flat = setup.pki.root.intermediate_of(params);
        let deeper = flat.intermediate("Deeper");
        Leaf::server().issued_by(&deeper, &[&deeper, &flat])
    });
    says(&too_deep.only_fault("certificate/chain"), &["clients refuse it", "pathLenConstraint"]);

    let elsewhere = below(|params| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("elsewhere.example".into())];
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    });
    says(&elsewhere.only_fault("certificate/chain"), &["clients refuse it", "nameConstraints"]);

    let no_ca = below(|params| params.is_ca = IsCa::ExplicitNoCa);
    says(&no_ca.only_fault("certificate/chain"), &["its issuer is not a CA"]);
}

#[test]
fn a_certificate_that_clients_cannot_take_is_a_fault_with_the_reason() {
    let unknown = below(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 7], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    says(
        &unknown.only_fault("certificate/chain"),
        &["has a critical extension that clients do not know"],
    );

    let ca = examined(|setup| {
        let constraints = IsCa::Ca(BasicConstraints::Unconstrained);
        usual(setup, Leaf::server().with(|params| params.is_ca = constraints))
    });
    says(
        &ca.only_fault("certificate/chain"),
        &["it is a CA's certificate", "server's own certificate first"],
    );
}

#[test]
fn a_self_signed_certificate_is_a_warning() {
    let text = examined(|_| Leaf::server().self_signed()).only_warning("certificate/chain");

    says(&text, &["is self-signed: only a client that trusts this certificate", "have a CA issue it"]);
}

#[test]
fn a_root_that_has_expired_is_a_fault() {
    let mut setup = Setup::new("echo:");
    let mut params = Ca::params("Old Root");
    params.not_before = from_now(-90 * DAY);
    params.not_after = from_now(-DAY);
    let old = Ca::root_of(params);
    setup.pki.server = Leaf::server().issued_by(&old, &[]);
    let root = setup.pki.file("old.pem", old.pem());
    let clawgate = setup.clawgate();

    let diagnosis = Diagnosis::of(setup.command("doctor", clawgate.address()).arg("--server-ca", root));

    says(&diagnosis.only_fault("certificate/chain"), &["the root CN=Old Root, which has expired"]);
}

#[test]
fn a_key_that_many_clients_cannot_verify_is_a_warning() {
    let text = examined(|setup| usual(setup, Leaf::server().algorithm(&PKCS_ED25519)))
        .only_warning("certificate/key");

    says(&text, &["Ed25519", "ECDSA P-256"]);
}

#[test]
fn a_name_that_no_client_can_call_is_a_warning() {
    let text = examined(|setup| {
        let odd = SanType::DnsName("*.*.example".try_into().unwrap());
        let names = vec![SanType::DnsName("localhost".try_into().unwrap()), odd];
        usual(setup, Leaf::server().sans(names))
    })
    .only_warning("certificate/names");

    says(&text, &["no client can use dns:*.*.example"]);
}

/// A certificate for localhost by openssl, of a root that is made with `root` and signs with `sign`; with its root.
fn by_openssl(setup: &mut Setup, root: &str, sign: &str) -> PathBuf {
    fs::write(
        setup.pki.dir().join("leaf.ext"),
        "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n",
    )
    .unwrap();
    for arguments in [
        format!("req -x509 {root} -nodes -subj /CN=Weak -days 90 -keyout root.key -out root.pem"),
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=gate -keyout leaf.key -out leaf.csr".to_owned(),
        format!("x509 -req -in leaf.csr -CA root.pem -CAkey root.key {sign} -days 60 -extfile leaf.ext -out leaf.pem"),
    ] {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(setup.pki.dir()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
    }
    setup.pki.dir().join("root.pem")
}

fn examined_by_openssl(root: &str, sign: &str) -> Diagnosis {
    let mut setup = Setup::new("echo:");
    let root = by_openssl(&mut setup, root, sign);
    let read = |name: &str| fs::read_to_string(setup.pki.dir().join(name)).unwrap();
    let chain = setup.pki.file("chain.pem", read("leaf.pem") + &read("root.pem"));
    let key = super::secret(&setup.pki, "server.key", &read("leaf.key"));
    let clawgate: ClawgateCommand = setup.command_with("run", any(), &chain, &key);
    let clawgate = clawgate.start();
    Diagnosis::of(
        setup.command_with("doctor", clawgate.address(), &chain, &key).arg("--server-ca", root),
    )
}

#[test]
fn a_signature_with_sha_1_is_a_fault() {
    let diagnosis = examined_by_openssl("-newkey rsa:2048", "-sha1");

    let text = diagnosis.only_fault("certificate/signature");
    says(&text, &["CN=gate: it is signed with sha1WithRSAEncryption", "SHA-256"]);
    says(&diagnosis.text("certificate/chain", "skipped"), &["is not accepted"]);
}

#[test]
fn a_short_rsa_key_in_the_chain_is_a_fault() {
    let text = examined_by_openssl("-newkey rsa:1024", "-sha256").only_fault("certificate/key");

    says(&text, &["CN=Weak: its RSA key has 1024 bits; at least 2048 are needed"]);
}
