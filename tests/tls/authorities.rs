//! What CA certificates let their holders issue (RFC 5280 section 6.1.4).

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use super::{admits, gate};
use crate::diagnosis::{refused_by, says};
use crate::support::gate::GateCommand;
use crate::support::pki::{Ca, Identity, Leaf, Pki};

/// A root that says what a usual one does, but for a change.
fn root(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Ca {
    let mut params = Ca::params(name);
    change(&mut params);
    Ca::root_of(params)
}

/// A CA below `above`, made likewise.
fn below(above: &Ca, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Ca {
    let mut params = Ca::params(name);
    change(&mut params);
    above.intermediate_of(params)
}

/// A gate in the making that trusts these besides the usual root.
fn trusting(pki: &Pki, cas: &[&Ca]) -> GateCommand {
    let pem: String = cas.iter().map(|ca| ca.pem()).collect();
    GateCommand::new(pki).arg("--client-ca", pki.file("more.pem", pem))
}

/// `identity` is refused by a gate that trusts `ca` besides the usual root; the words that say so.
#[track_caller]
fn refuses(pki: &Pki, ca: &Ca, identity: &Identity, reason: &str, detail: &[&str]) {
    for line in refused_by(trusting(pki, &[ca]), pki, identity, reason) {
        says(&line, "detail", detail);
    }
}

/// `identity` is let in by a gate that trusts these besides the usual root.
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
fn a_configured_ca_whose_key_may_not_sign_certificates_lets_nobody_in() {
    let pki = Pki::new();
    let mute = root("Mute Root", |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    });

    let said = ["the CA CN=Mute Root, which may not sign certificates", "keyCertSign"];
    refuses(&pki, &mute, &client(&mute), "client_chain_invalid", &said);
}

#[test]
fn an_intermediate_whose_key_may_not_sign_certificates_lets_nobody_in() {
    let pki = Pki::new();
    let mute = below(&pki.root, "Mute Intermediate", |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    });
    let client = Leaf::client("one").issued_by(&mute, &[&mute]);

    for line in refused_by(GateCommand::new(&pki), &pki, &client, "client_chain_invalid") {
        says(&line, "detail", &["the intermediate CN=Mute Intermediate", "keyCertSign"]);
        says(&line, "hint", &["keyUsage=keyCertSign"]);
        assert_eq!(line["alert_sent"], "certificate_unknown", "{line}");
    }
}

#[test]
fn a_ca_that_is_for_other_purposes_than_clients_lets_nobody_in() {
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
fn a_configured_ca_with_an_unknown_critical_extension_lets_nobody_in() {
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
fn a_configured_ca_that_is_not_valid_yet_lets_nobody_in() {
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
fn the_start_warns_of_each_ca_that_lets_nobody_in() {
    let pki = Pki::new();
    let early = root("Early Root", |params| {
        params.not_before = OffsetDateTime::now_utc() + Duration::days(1);
    });
    let mute = root("Mute Root", |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let gate = trusting(&pki, &[&early, &mute]).upstream("echo:").start();

    let warnings = gate.events("settings_warning");
    let said = |what: &str| warnings.iter().any(|line| line["detail"].as_str().unwrap().contains(what));
    assert!(said("CN=Early Root is not valid before"), "{warnings:?}");
    assert!(said("CN=Mute Root may not sign certificates"), "{warnings:?}");
    admits(&pki, &gate, &pki.client);
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

fn only(subtree: GeneralSubtree) -> NameConstraints {
    NameConstraints { permitted_subtrees: vec![subtree], excluded_subtrees: Vec::new() }
}

/// A CA that may issue for good.test alone, and one that may not issue for bad.test.
fn constrained() -> [Ca; 2] {
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let permitted = root("Good Only", |params| params.name_constraints = Some(only(dns("good.test"))));
    let excluded = root("All But Bad", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: vec![dns("bad.test")],
        });
    });
    [permitted, excluded]
}

/// A client of `ca` that has common names alone.
fn named(ca: &Ca, cns: &[&str]) -> Identity {
    let mut leaf = Leaf::client("x").sans(Vec::new());
    leaf.params.distinguished_name = rcgen::DistinguishedName::new();
    // A DistinguishedName of rcgen has each type once.
    for (kind, cn) in [DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])].iter().zip(cns) {
        leaf.params.distinguished_name.push(kind.clone(), *cn);
    }
    leaf.issued_by(ca, &[])
}

#[test]
fn a_common_name_that_looks_like_a_host_name_is_bound_by_dns_name_constraints() {
    let pki = Pki::new();
    let [permitted, excluded] = constrained();

    for cn in ["b.other.test", "B.OTHER.TEST", "evilgood.test"] {
        let said =
            ["the CA CN=Good Only, which may not issue for the common name", cn, "nameConstraints"];
        refuses(&pki, &permitted, &named(&permitted, &[cn]), "client_chain_invalid", &said);
    }
    let said = ["CN=All But Bad, which may not issue for the common name a.bad.test"];
    refuses(&pki, &excluded, &named(&excluded, &["a.bad.test"]), "client_chain_invalid", &said);
    for (ca, cn) in [
        (&permitted, "a.good.test"),
        (&permitted, "notes"),
        (&permitted, "Notes of Mr. Smith"),
        (&excluded, "a.other.test"),
    ] {
        lets_in(&pki, &[ca], &named(ca, &[cn]));
    }
}

#[test]
fn each_of_several_common_names_is_bound() {
    let pki = Pki::new();
    let [permitted, _] = constrained();

    for cns in [["a.good.test", "b.other.test"], ["b.other.test", "a.good.test"]] {
        let client = named(&permitted, &cns);
        refuses(&pki, &permitted, &client, "client_chain_invalid", &["common name b.other.test"]);
    }
}

#[test]
fn a_common_name_beside_a_dns_name_is_none_of_a_host_as_for_openssl() {
    let pki = Pki::new();
    let [permitted, _] = constrained();
    let dns = |name: &str| vec![SanType::DnsName(name.try_into().unwrap())];
    let with = |name: &str| Leaf::client("b.other.test").sans(dns(name)).issued_by(&permitted, &[]);

    lets_in(&pki, &[&permitted], &with("a.good.test"));
    refuses(&pki, &permitted, &with("a.other.test"), "client_chain_invalid", &["nameConstraints"]);
}

#[test]
fn the_constraints_of_an_intermediate_bind_common_names_too() {
    let pki = Pki::new();
    let narrow = below(&pki.root, "Narrow Intermediate", |params| {
        params.name_constraints = Some(only(GeneralSubtree::DnsName("good.test".to_owned())));
    });
    let sent = |leaf: Identity| Identity {
        chain: vec![leaf.chain[0].clone(), narrow.certificate.der().to_vec()],
        key: leaf.key,
    };

    admits(&pki, &gate(&pki), &sent(named(&narrow, &["a.good.test"])));
    let other = sent(named(&narrow, &["b.other.test"]));
    for line in refused_by(GateCommand::new(&pki), &pki, &other, "client_chain_invalid") {
        says(&line, "detail", &["the intermediate CN=Narrow Intermediate", "common name b.other.test"]);
    }
}

#[test]
fn an_e_mail_address_in_the_subject_is_bound_by_constraints_about_such() {
    let pki = Pki::new();
    let ca = root("Mail CA", |params| {
        params.name_constraints = Some(only(GeneralSubtree::Rfc822Name("good.test".to_owned())));
    });
    let email = DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]);
    let mut leaf = Leaf::client("one").sans(Vec::new());
    leaf.params.distinguished_name.push(email, "eve@other.test");

    let said = ["the CA CN=Mail CA, which may not issue for the e-mail address eve@other.test"];
    refuses(&pki, &ca, &leaf.issued_by(&ca, &[]), "client_chain_invalid", &said);
    lets_in(&pki, &[&ca], &Leaf::client("one").sans(Vec::new()).issued_by(&ca, &[]));
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

    let output = GateCommand::new(&pki).arg("--client-ca", pki.dir().join("v1.pem")).refused();

    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("(CN=v1) is no CA"), "{}", output.stderr);
}

#[test]
fn a_netscape_certificate_type_must_be_a_clients() {
    let pki = Pki::new();
    let with = |bits: u8| {
        let kind =
            CustomExtension::from_oid_content(&[2, 16, 840, 1, 113730, 1, 1], vec![3, 2, 6, bits]);
        pki.client(Leaf::client("old").extension(kind))
    };

    admits(&pki, &gate(&pki), &with(0x80));
    for line in refused_by(GateCommand::new(&pki), &pki, &with(0x40), "client_cert_wrong_purpose") {
        says(&line, "detail", &["nsCertType"]);
    }
}

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
    fn command(&self, serials: &[u64]) -> GateCommand {
        let crls = self.pki.root.crl(serials, 3600) + &self.intermediate.crl(&[], 3600);
        trusting(&self.pki, &[&self.intermediate]).arg("--crl", self.pki.file("crl.pem", crls))
    }
}

#[test]
fn a_configured_ca_that_another_one_has_revoked_lets_nobody_in() {
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
            &["CN=Issuing CA", "was issued by CN=Test Root, of which there is no CRL"],
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

    let gate = trusting(&pki, &[&lone]).arg("--crl", crl).upstream("echo:").start();
    admits(&pki, &gate, &client(&lone));
}
