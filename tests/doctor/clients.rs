//! Client CAs, CRLs and rules: faults, and notes about what may be on purpose.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use rcgen::KeyUsagePurpose;
use time::{Duration, OffsetDateTime};

use super::{Diagnosis, Setup, says};
use crate::support::pki::{Ca, Pki};

/// The doctor's report with another client CA beside the root.
fn with_ca(ca: &Ca) -> Diagnosis {
    with_pem(&ca.pem())
}

fn with_pem(pem: &str) -> Diagnosis {
    let setup = Setup::new("echo:");
    let bundle = setup.pki.file("bundle.pem", setup.pki.root.pem() + pem).display().to_string();
    let setup = setup.with("--client-ca", bundle);
    let clawgate = setup.clawgate();
    setup.examined(clawgate.address())
}

fn days_from_now(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(days)
}

#[test]
fn a_ca_that_is_not_valid_yet_is_a_fault() {
    let mut params = Ca::params("Early Root");
    params.not_before = days_from_now(2);
    let diagnosis = with_ca(&Ca::root_of(params));

    assert_eq!(diagnosis.all("fail"), ["clients/ca", "machine/clock"], "{diagnosis:#?}");
    let text = diagnosis.text("clients/ca", "fail");
    says(&text, &["CN=Early Root is not valid before 20", "it admits nobody until then"]);
}

#[test]
fn a_ca_that_is_about_to_expire_is_a_warning() {
    let mut params = Ca::params("Late Root");
    params.not_before = days_from_now(-300);
    params.not_after = days_from_now(10);
    let text = with_ca(&Ca::root_of(params)).only_warning("clients/ca");

    says(&text, &["CN=Late Root is valid until 20", "then it admits nobody", "add its successor"]);
}

#[test]
fn a_ca_that_may_not_issue_is_a_fault() {
    let mut params = Ca::params("Mute Root");
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let text = with_ca(&Ca::root_of(params)).only_fault("clients/ca");

    says(&text, &["CN=Mute Root may not sign certificates", "it admits nobody"]);
}

#[test]
fn a_ca_that_is_there_twice_is_a_warning() {
    let ca = Ca::root("Twice");
    let text = with_pem(&(ca.pem() + &ca.pem())).only_warning("clients/ca");

    says(&text, &["CN=Twice is configured twice", "remove one of them"]);
}

#[test]
fn an_intermediate_with_a_sha_1_signature_is_a_fault() {
    let pki = Pki::new();
    fs::write(pki.dir().join("ca.ext"), "basicConstraints=critical,CA:TRUE\n").unwrap();
    for arguments in [
        "req -x509 -newkey rsa:2048 -nodes -subj /CN=Old -days 90 -keyout root.key -out root.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=Below -keyout below.key -out below.csr",
        "x509 -req -sha1 -in below.csr -CA root.pem -CAkey root.key -days 60 -extfile ca.ext -out below.pem",
    ] {
        let mut openssl = Command::new("openssl");
        let output = openssl.args(arguments.split(' ')).current_dir(pki.dir()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
    }
    let pem = fs::read_to_string(pki.dir().join("below.pem")).unwrap();

    let text = with_pem(&pem).only_fault("clients/ca");

    says(&text, &["CN=Below: it is signed with sha1WithRSAEncryption", "make a new CA"]);
}

#[test]
fn no_allow_rule_and_no_crl_are_notes() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();

    let diagnosis = setup.examined(clawgate.address());

    diagnosis.all_good();
    says(
        &diagnosis.text("clients/allow", "note"),
        &["no allow rule: any certificate of the client CAs"],
    );
    says(&diagnosis.text("clients/crl", "note"), &["there is no CRL", "clients.crl"]);
}

#[test]
fn rules_and_a_crl_of_each_ca_pass() {
    let setup = Setup::new("echo:").with("--allow", "cn=notes");
    let crl = setup.pki.file("root.crl", setup.pki.root.crl(&[], 90 * 86_400)).display().to_string();
    let setup = setup.with("--crl", crl);
    let clawgate = setup.clawgate();

    let diagnosis = setup.examined(clawgate.address());

    diagnosis.all_good();
    says(&diagnosis.text("clients/allow", "pass"), &["cn=notes"]);
    says(&diagnosis.text("clients/crl", "pass"), &["CN=Test Root, signed by it, 0 revoked"]);
}

#[test]
fn a_ca_without_a_crl_under_the_strict_policy_is_a_fault() {
    let setup = Setup::new("echo:").with("--crl-policy", "strict");
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("clients/crl");

    says(&text, &["the CA CN=Test Root has no CRL", "none of its clients is admitted"]);
}

#[test]
fn a_crl_that_is_out_of_date_is_a_fault_or_a_warning_as_the_policy_says() {
    let setup = Setup::new("echo:");
    let crl = setup.pki.file("old.crl", setup.pki.root.crl(&[], -60)).display().to_string();
    let setup = setup.with("--crl", crl);
    let clawgate = setup.clawgate();

    let refused = setup.examined(clawgate.address());
    let used = setup.command("doctor", clawgate.address()).arg("--crl-expired", "warn");

    says(&refused.only_fault("clients/crl"), &["out of date", "no client of this CA is admitted"]);
    says(&Diagnosis::of(used).only_warning("clients/crl"), &["out of date", "is still used"]);
}

#[test]
fn a_folder_that_everybody_can_write_to_is_a_fault() {
    let mut setup = Setup::new("echo:");
    let folder = setup.pki.dir().join("open");
    fs::create_dir(&folder).unwrap();
    let ca = folder.join("ca.pem");
    fs::write(&ca, setup.pki.root.pem()).unwrap();
    for (path, mode) in [(setup.pki.dir(), 0o755), (folder.as_path(), 0o777), (ca.as_path(), 0o644)] {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    setup.more.push(("--client-ca", ca.display().to_string()));
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("files/writable");
    says(&text, &["can be replaced by every user", "every user can write to its folder", "chmod o-w"]);

    // As in /tmp: only who owns the file can replace it there.
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o1777)).unwrap();
    setup.examined(clawgate.address()).all_good();
}

#[test]
fn a_ca_file_that_a_group_can_change_is_a_warning() {
    let mut setup = Setup::new("echo:");
    let ca = setup.pki.file("shared-ca.pem", setup.pki.root.pem());
    fs::set_permissions(setup.pki.dir(), PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&ca, PermissionsExt::from_mode(0o664)).unwrap();
    shared(&ca);
    setup.more.push(("--client-ca", ca.display().to_string()));
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_warning("files/writable");

    says(&text, &["can be changed by its group", "chmod g-w"]);
}

/// Gives a file to a group that is not its owner's own: any as root, else one of the user's.
fn shared(path: &std::path::Path) {
    use std::os::unix::fs::MetadataExt;

    let owner = fs::metadata(path).unwrap().uid();
    let groups = Command::new("id").arg("-G").output().unwrap().stdout;
    let groups = String::from_utf8(groups).unwrap();
    let own = groups.split_whitespace().map(|group| group.parse().unwrap());
    let mut others = std::iter::once(4321).chain(own).filter(|group: &u32| *group != owner);
    assert!(others.any(|group| chown(path, None, Some(group)).is_ok()), "a second group: {groups}");
}
