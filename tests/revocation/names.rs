//! Which CA a CRL belongs to: by its issuer's name in any encoding, and by the key that signed it.

use rcgen::{DistinguishedName, DnType, DnValue, string};

use super::{check, command, is_served};
use crate::diagnosis::{refused_by, says};
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;

/// A name with the organization and this common name.
fn name(o: &str, cn: DnValue) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, o);
    name.push(DnType::CommonName, cn);
    name
}

/// A root called O=Spelled, CN=Example CA in printable strings.
fn root() -> Ca {
    let mut params = Ca::params("");
    params.distinguished_name = name(
        "Spelled",
        DnValue::PrintableString(string::PrintableString::try_from("Example CA").unwrap()),
    );
    Ca::root_of(params)
}

/// The same CA with another spelling of its name.
fn spelled(mut ca: Ca, name: DistinguishedName) -> Ca {
    ca.params.distinguished_name = name;
    ca
}

#[test]
fn a_list_counts_however_its_issuers_name_is_spelled() {
    let bmp = string::BmpString::try_from("Example CA").unwrap();
    let teletex = string::TeletexString::try_from("Example CA").unwrap();
    for (number, other) in [
        name("Spelled", DnValue::Utf8String("Example CA".to_owned())),
        name("SPELLED", DnValue::Utf8String("example ca".to_owned())),
        name(" Spelled ", DnValue::Utf8String("Example  \u{a0} CA".to_owned())),
        name("Spelled", DnValue::BmpString(bmp)),
        name("Spelled", DnValue::TeletexString(teletex)),
    ]
    .into_iter()
    .enumerate()
    {
        let pki = Pki::new();
        let ca = root();
        let revoked = Leaf::client("stolen").serial(0x77).issued_by(&ca, &[]);
        let good = Leaf::client("good").serial(0x78).issued_by(&ca, &[]);
        let pem = pki.file("spelled.pem", ca.pem());
        let ca = spelled(ca, other);
        let crl = pki.file("spelled.crl", ca.crl(&[0x77], 3600));
        let crl_of_ours =
            pki.file("ours.crl", pki.root.crl(&[], 3600) + &pki.intermediate.crl(&[], 3600));

        let command = ClawgateCommand::new(&pki)
            .arg("--client-ca", &pem)
            .arg("--crl", crl)
            .arg("--crl", crl_of_ours)
            .arg("--crl-policy", "strict");
        let clawgate = command.upstream("echo:").start();
        assert!(is_served(&pki, &clawgate, &good), "{number}");
        assert!(!is_served(&pki, &clawgate, &revoked), "{number}");
        assert_eq!(clawgate.failure()["reason"], "client_cert_revoked", "{number}");
    }
}

#[test]
fn a_list_of_another_spelling_that_another_key_signed_is_an_error() {
    let pki = Pki::new();
    let ca = root();
    let pem = pki.file("spelled.pem", ca.pem());
    let namesake = spelled(root(), name("spelled", DnValue::Utf8String("EXAMPLE CA".to_owned())));
    let crl = pki.file("namesake.crl", namesake.crl(&[], 3600));

    let output = command("check", &pki).arg("--client-ca", pem).arg("--crl", crl).refused();

    assert!(output.stderr.contains("is not signed by its key"), "{}", output.stderr);
}

#[test]
fn a_list_that_fits_no_configured_ca_is_warned_of() {
    let pki = Pki::new();
    let stranger = Ca::root("Strange Root");
    let crl = pki.file("strange.crl", stranger.crl(&[], 3600));

    let summary = check(command("check", &pki).arg("--crl", crl));

    let said = "strange.crl: is a CRL of CN=Strange Root, which is not in clients.ca";
    assert!(summary.contains(said), "{summary}");
}

#[test]
fn a_list_signed_by_a_configured_ca_under_another_name_is_warned_of() {
    let pki = Pki::new();
    let mut renamed = Ca::root("Old Name");
    let crl = pki.file("old.crl", renamed.crl(&[0x77], 3600));
    renamed.certificate = Ca::params("New Name").self_signed(&renamed.key).unwrap();

    let pem = pki.file("renamed.pem", renamed.pem());
    let summary = check(command("check", &pki).arg("--client-ca", pem).arg("--crl", crl));

    let said = "old.crl: is signed by the key of the CA CN=New Name, but is a CRL of CN=Old Name";
    assert!(summary.contains(said), "{summary}");
}

#[test]
fn lists_of_configured_cas_and_of_their_known_intermediates_are_not_warned_of() {
    let pki = Pki::new();
    let crls = pki.root.crl(&[], 3600) + &pki.intermediate.crl(&[], 3600);

    let summary = check(command("check", &pki).arg("--crl", pki.file("crl.pem", crls)));

    assert!(!summary.contains("which is not in clients.ca"), "{summary}");
}

#[test]
fn a_list_of_an_intermediate_that_clients_send_counts_in_another_spelling() {
    let mut pki = Pki::new();
    pki.client = Leaf::client("good").issued_by(&pki.root, &[]);
    let mut params = Ca::params("");
    params.distinguished_name = name("Spelled", DnValue::Utf8String("Sent CA".to_owned()));
    let sent = pki.root.intermediate_of(params);
    let stolen = Leaf::client("stolen").serial(0x77).issued_by(&sent, &[&sent]);
    let sent = spelled(sent, name("SPELLED", DnValue::Utf8String("sent  ca".to_owned())));
    let crl = pki.file("sent.crl", sent.crl(&[0x77], 3600));

    for line in
        refused_by(ClawgateCommand::new(&pki).arg("--crl", crl), &pki, &stolen, "client_cert_revoked")
    {
        says(&line, "detail", &["CN=stolen", "sent.crl"]);
    }
}
