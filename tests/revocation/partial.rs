//! CRLs about a part of their CA's certificates, and CRLs with a date in the future.

use std::process::Command;

use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope};
use time::{Duration, OffsetDateTime};

use super::{check, command, is_served};
use crate::diagnosis::{refused_by, says};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

const URL: &str = "http://crl.example/1";

fn point(uri: &str, scope: Option<CrlScope>) -> Option<CrlIssuingDistributionPoint> {
    let distribution_point = CrlDistributionPoint { uris: vec![uri.to_owned()] };
    Some(CrlIssuingDistributionPoint { distribution_point, scope })
}

/// A client of `ca` whose certificate names these distribution points.
fn naming(ca: &Ca, serial: u64, uris: &[&str]) -> Identity {
    let leaf = Leaf::client("one").serial(serial).with(|params| {
        let point = |uri: &&str| CrlDistributionPoint { uris: vec![(*uri).to_owned()] };
        params.crl_distribution_points = uris.iter().map(point).collect();
    });
    leaf.issued_by(ca, &[])
}

fn clawgate(pki: &Pki, crl: impl AsRef<[u8]>, policy: &str) -> Clawgate {
    let crl = pki.file("part.crl", crl);
    let command = ClawgateCommand::new(pki).arg("--crl", crl).arg("--crl-policy", policy);
    command.upstream("echo:").start()
}

#[test]
fn under_the_strict_policy_a_list_of_a_distribution_point_is_about_those_that_name_it() {
    let pki = Pki::new();
    let crl = pki.root.crl_with(&[0x11], 3600, |params| {
        params.issuing_distribution_point = point(URL, Some(CrlScope::UserCertsOnly));
    });
    let client = |uris: &[&str]| naming(&pki.root, 0x22, uris);

    let strict = clawgate(&pki, crl, "strict");
    assert!(is_served(&pki, &strict, &client(&[URL])));
    assert!(is_served(&pki, &strict, &client(&["http://crl.example/2", URL])));
    for (number, other) in (1..).zip([client(&["http://crl.example/2"]), client(&[])]) {
        assert!(!is_served(&pki, &strict, &other));
        let line = strict.event("handshake_failed", number);
        assert_eq!(line["reason"], "crl_unavailable");
        says(&line, "detail", &["part.crl", "covers other certificates than"]);
    }
}

#[test]
fn else_it_revokes_whom_it_names_and_says_nothing_of_others() {
    let pki = Pki::new();
    let crl = pki.root.crl_with(&[0x11], 3600, |params| {
        params.issuing_distribution_point = point(URL, Some(CrlScope::UserCertsOnly));
    });

    let if_present = clawgate(&pki, crl, "if-present");
    assert!(is_served(&pki, &if_present, &naming(&pki.root, 0x22, &["http://crl.example/2"])));
    assert!(is_served(&pki, &if_present, &naming(&pki.root, 0x22, &[])));
    assert!(is_served(&pki, &if_present, &pki.client), "the intermediate is no user's certificate");
    assert!(!is_served(&pki, &if_present, &naming(&pki.root, 0x11, &["http://crl.example/2"])));
    assert_eq!(if_present.failure()["reason"], "client_cert_revoked");
}

/// A CRL made by openssl with this in its issuingDistributionPoint, which revokes nobody.
fn of_openssl(pki: &Pki, ca: &Ca, point: &str) -> Vec<u8> {
    pki.file("ca.pem.only", ca.pem());
    pki.file("ca.key", ca.key.serialize_pem());
    pki.file("index.txt", "");
    pki.file("number", "01\n");
    let config = "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n\
         default_crl_days=9\n[ext]\nauthorityKeyIdentifier=keyid\nissuingDistributionPoint=critical,@idp\n[idp]\n";
    pki.file("ca.cnf", config.to_owned() + point + "\n");
    let arguments =
        "ca -config ca.cnf -gencrl -cert ca.pem.only -keyfile ca.key -out made.crl -crlexts ext";
    let output =
        Command::new("openssl").args(arguments.split(' ')).current_dir(pki.dir()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    std::fs::read(pki.dir().join("made.crl")).unwrap()
}

#[test]
fn a_list_about_all_users_certificates_is_about_each_whatever_it_names() {
    let pki = Pki::new();
    let users = of_openssl(&pki, &pki.root, "onlyuser=TRUE");

    let strict = clawgate(&pki, &users, "strict");
    assert!(is_served(&pki, &strict, &naming(&pki.root, 0x22, &[])));
    assert!(is_served(&pki, &strict, &naming(&pki.root, 0x22, &[URL])));
    assert!(!is_served(&pki, &strict, &pki.client), "the intermediate is no user's certificate");
}

#[test]
fn lists_about_users_and_about_cas_make_up_a_whole_one() {
    let pki = Pki::new();
    let mut all = of_openssl(&pki, &pki.root, "onlyuser=TRUE");
    all.extend(of_openssl(&pki, &pki.root, "onlyCA=TRUE"));
    all.extend(pki.intermediate.crl(&[], 3600).into_bytes());

    let strict = clawgate(&pki, all, "strict");
    assert!(is_served(&pki, &strict, &naming(&pki.root, 0x22, &[])));
    assert!(is_served(&pki, &strict, &pki.client));
}

#[test]
fn a_list_about_attribute_certificates_is_refused_by_its_name() {
    let pki = Pki::new();
    let crl = pki.file("attributes.crl", of_openssl(&pki, &pki.root, "onlyAA=TRUE"));

    let output = command("run", &pki).arg("--crl", crl).refused();

    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("covers only attribute certificates"), "{}", output.stderr);
}

/// A CRL of `ca` that says that it is issued so long from now.
fn dated(ca: &Ca, serials: &[u64], ahead: Duration) -> Vec<u8> {
    ca.crl_with(serials, 864_000, |params| params.this_update = OffsetDateTime::now_utc() + ahead)
}

#[test]
fn a_crl_with_a_date_in_the_future_admits_nobody_and_is_a_warning() {
    let mut pki = Pki::new();
    let client = naming(&pki.root, 0x22, &[]);
    let other = Ca::root("Good Root");
    pki.client = Leaf::client("good").issued_by(&other, &[]);
    let good = pki.file("good.pem", other.pem());
    let crl = pki.file("ahead.crl", dated(&pki.root, &[0x11], Duration::days(1)));

    let with = |command: ClawgateCommand| command.arg("--client-ca", &good).arg("--crl", &crl);
    let summary = check(with(command("check", &pki)));
    let said = "ahead.crl: the CRL of CN=Test Root is dated in the future, 20";
    assert!(summary.contains(said), "{summary}");
    for line in refused_by(with(ClawgateCommand::new(&pki)), &pki, &client, "crl_unavailable") {
        says(
            &line,
            "detail",
            &[
                "CRL of CN=Test Root",
                "ahead.crl",
                "is dated in the future: it says that it was issued at 20",
            ],
        );
    }
}

#[test]
fn what_a_list_that_is_dated_ahead_revokes_is_revoked_and_the_one_before_it_counts() {
    let pki = Pki::new();
    let mut crls = dated(&pki.root, &[0x11], Duration::days(1));
    let now = pki.root.crl(&[0x22], 3600);
    let ahead = pki.file("ahead.crl", std::mem::take(&mut crls));
    let command = ClawgateCommand::new(&pki).arg("--crl", ahead).arg("--crl", pki.file("now.crl", now));
    let clawgate = command.upstream("echo:").start();

    assert!(!is_served(&pki, &clawgate, &naming(&pki.root, 0x11, &[])));
    assert!(!is_served(&pki, &clawgate, &naming(&pki.root, 0x22, &[])));
    assert!(is_served(&pki, &clawgate, &naming(&pki.root, 0x33, &[])));
}

#[test]
fn a_list_of_a_ca_whose_clock_is_a_little_ahead_is_used_with_a_warning() {
    let pki = Pki::new();
    let crl = pki.file("soon.crl", dated(&pki.root, &[0x11], Duration::seconds(200)));

    let summary = check(command("check", &pki).arg("--crl", &crl));
    assert!(
        summary.contains("is dated in the future, 20") && summary.contains("it is used, because"),
        "{summary}"
    );
    let clawgate = ClawgateCommand::new(&pki).arg("--crl", crl).upstream("echo:").start();
    assert!(is_served(&pki, &clawgate, &naming(&pki.root, 0x22, &[])));
    assert!(!is_served(&pki, &clawgate, &naming(&pki.root, 0x11, &[])));
}
