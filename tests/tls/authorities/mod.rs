//! Which certificates a CA may issue (RFC 5280 section 6.1.4).

mod name_constraints;
mod revoked;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use super::{admits, clawgate};
use crate::diagnosis::{refused_by, says};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;

/// A usual root with one change.
fn root(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Ca {
    let mut params = Ca::params(name);
    change(&mut params);
    Ca::root_of(params)
}

/// The same for a CA below `above`.
fn below(above: &Ca, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Ca {
    let mut params = Ca::params(name);
    change(&mut params);
    above.intermediate_of(params)
}

/// The command of a clawgate that trusts these and the usual root.
fn trusting(pki: &Pki, cas: &[&Ca]) -> ClawgateCommand {
    let pem: String = cas.iter().map(|ca| ca.pem()).collect();
    ClawgateCommand::new(pki).arg("--client-ca", pki.file("more.pem", pem))
}

/// A clawgate that trusts `ca` and the usual root refuses `identity` with this reason and these words.
#[track_caller]
fn refuses(pki: &Pki, ca: &Ca, identity: &Identity, reason: &str, detail: &[&str]) {
    for line in refused_by(trusting(pki, &[ca]), pki, identity, reason) {
        says(&line, "detail", detail);
    }
}

/// A clawgate that trusts these and the usual root admits `identity`.
#[track_caller]
fn lets_in(pki: &Pki, cas: &[&Ca], identity: &Identity) {
    admits(pki, &trusting(pki, cas).upstream("echo:").start(), identity);
}

fn client(ca: &Ca) -> Identity {
    Leaf::client("one").issued_by(ca, &[])
}

#[test]
fn a_configured_ca_has_no_more_cas_below_it_than_it_allows() {
    let pki = Pki::new();
    let narrow = root("Narrow Root", |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let intermediate = narrow.intermediate("Too Deep");
    let deep = Leaf::client("deep").issued_by(&intermediate, &[&intermediate]);

    lets_in(&pki, &[&narrow], &client(&narrow));
    let said = ["CN=deep", "CN=Narrow Root", "which allows 0 CAs below it (pathlen), and there are 1"];
    refuses(&pki, &narrow, &deep, "client_chain_invalid", &said);
}

#[test]
fn a_ca_with_its_own_name_below_it_counts_for_no_path_length() {
    let pki = Pki::new();
    let old = root("Rolling Root", |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let new = old.intermediate("Rolling Root");

    lets_in(&pki, &[&old], &Leaf::client("one").issued_by(&new, &[&new]));
}

#[test]
fn a_configured_ca_whose_key_may_not_sign_certificates_admits_nobody() {
    let pki = Pki::new();
    let mute = root("Mute Root", |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    });

    let said = ["the CA CN=Mute Root, which may not sign certificates", "keyCertSign"];
    refuses(&pki, &mute, &client(&mute), "client_chain_invalid", &said);
}

#[test]
fn an_intermediate_whose_key_may_not_sign_certificates_admits_nobody() {
    let pki = Pki::new();
    let mute = below(&pki.root, "Mute Intermediate", |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    });
    let client = Leaf::client("one").issued_by(&mute, &[&mute]);

    for line in refused_by(ClawgateCommand::new(&pki), &pki, &client, "client_chain_invalid") {
        says(&line, "detail", &["the intermediate CN=Mute Intermediate", "keyCertSign"]);
        says(&line, "hint", &["keyUsage=keyCertSign"]);
        assert_eq!(line["alert_sent"], "certificate_unknown", "{line}");
    }
}

#[test]
fn a_ca_for_other_purposes_than_client_certificates_admits_nobody() {
    let pki = Pki::new();
    let for_servers = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]
    };
    let servers = root("Servers Root", for_servers);
    let said = ["the CA CN=Servers Root, which may not issue to clients", "clientAuth"];
    refuses(&pki, &servers, &client(&servers), "client_chain_invalid", &said);

    let intermediate = below(&pki.root, "Servers Intermediate", for_servers);
    let one = Leaf::client("one").issued_by(&intermediate, &[&intermediate]);
    let said = ["the intermediate CN=Servers Intermediate", "may not issue to clients"];
    refuses(&pki, &servers, &one, "client_chain_invalid", &said);

    let both = root("Both Root", |params| {
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    });
    lets_in(&pki, &[&both], &client(&both));
}

#[test]
fn a_configured_ca_with_an_unknown_critical_extension_admits_nobody() {
    let pki = Pki::new();
    let with = |critical| {
        root("Odd Root", |params| {
            let mut odd = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 7], vec![5, 0]);
            odd.set_criticality(critical);
            params.custom_extensions.push(odd);
        })
    };
    let odd = with(true);

    let said = ["the CA CN=Odd Root, which has the critical extension 1.3.6.1.4.1.99999.7"];
    refuses(&pki, &odd, &client(&odd), "client_chain_invalid", &said);
    let harmless = with(false);
    lets_in(&pki, &[&harmless], &client(&harmless));
}

#[test]
fn a_configured_ca_that_is_not_valid_yet_admits_nobody() {
    let pki = Pki::new();
    let early = root("Early Root", |params| {
        params.not_before = OffsetDateTime::now_utc() + Duration::days(1);
    });

    refuses(
        &pki,
        &early,
        &client(&early),
        "client_chain_expired",
        &["CN=Early Root is not valid before 20"],
    );
}

#[test]
fn the_start_warns_of_each_ca_that_admits_nobody() {
    let pki = Pki::new();
    let early = root("Early Root", |params| {
        params.not_before = OffsetDateTime::now_utc() + Duration::days(1);
    });
    let mute = root("Mute Root", |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let clawgate = trusting(&pki, &[&early, &mute]).upstream("echo:").start();

    let warnings = clawgate.events("settings_warning");
    let said = |what: &str| warnings.iter().any(|line| line["detail"].as_str().unwrap().contains(what));
    assert!(said("CN=Early Root is not valid before"), "{warnings:?}");
    assert!(said("CN=Mute Root may not sign certificates"), "{warnings:?}");
    admits(&pki, &clawgate, &pki.client);
}

#[test]
fn a_ca_that_may_issue_is_found_behind_one_of_the_same_name_and_key_that_may_not() {
    let pki = Pki::new();
    let good = Ca::root("Twice Root");
    let mut params = Ca::params("Twice Root");
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    params.not_after = OffsetDateTime::now_utc() + Duration::days(9999);
    let mut mute = Ca::root("Twice Root");
    mute.certificate = params.self_signed(&good.key).unwrap();

    lets_in(&pki, &[&mute, &good], &client(&good));
    lets_in(&pki, &[&good, &mute], &client(&good));
    refuses(&pki, &mute, &client(&good), "client_chain_invalid", &["may not sign certificates"]);
}

#[test]
fn a_version_1_certificate_that_a_ca_has_issued_is_no_ca() {
    let pki = Pki::new();
    let (certificate, key) = (pki.file("root.pem", pki.root.pem()), pki.root.key.serialize_pem());
    let key = pki.file("root.key", key);
    let openssl = |arguments: &[&str]| {
        let output =
            std::process::Command::new("openssl").args(arguments).current_dir(pki.dir()).output();
        assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
    };
    let p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=v1"];
    openssl(&[&["req", "-keyout", "v1.key", "-out", "v1.csr"][..], &p256[..]].concat());
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    openssl(&["x509", "-req", "-in", "v1.csr", "-CA", certificate, "-CAkey", key, "-out", "v1.pem"]);

    let output = ClawgateCommand::new(&pki).arg("--client-ca", pki.dir().join("v1.pem")).refused();

    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("(CN=v1) is not a CA"), "{}", output.stderr);
}

#[test]
fn a_netscape_certificate_type_must_be_a_clients() {
    let pki = Pki::new();
    let with = |bits: u8| {
        let kind =
            CustomExtension::from_oid_content(&[2, 16, 840, 1, 113730, 1, 1], vec![3, 2, 6, bits]);
        pki.client(Leaf::client("old").extension(kind))
    };

    admits(&pki, &clawgate(&pki), &with(0x80));
    for line in refused_by(ClawgateCommand::new(&pki), &pki, &with(0x40), "client_cert_wrong_purpose") {
        says(&line, "detail", &["nsCertType"]);
    }
}
