//! `clients.crl_policy`: which CRLs are used, and whether a client without one is admitted.

use rcgen::SerialNumber;
use time::{Duration, OffsetDateTime};

use super::{Other, check, command, is_served, trusting_both};
use crate::diagnosis::{BOTH, Trial, refused_by, says};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;

#[test]
fn a_list_says_nothing_about_the_clients_of_another_ca() {
    let (pki, other) = (Pki::new(), Other::new());
    // Even a serial number that the other CA has revoked.
    let twin = Leaf::client("twin").serial(0x77).issued_by(&other.ca, &[]);
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[0x77], 3600));
    let clawgate = trusting_both(&pki, &other).arg("--crl", crl).start();

    assert!(is_served(&pki, &clawgate, &twin) && is_served(&pki, &clawgate, &other.client));
    assert!(!is_served(&pki, &clawgate, &pki.client(Leaf::client("stolen").serial(0x77))));
}

#[test]
fn a_revoked_clients_line_names_certificate_time_reason_and_file() {
    let pki = Pki::new();
    let crl = pki.file("ours.crl", pki.intermediate.crl(&[0x77], 3600));
    let stolen = pki.client(Leaf::client("stolen").serial(0x77));

    let command = ClawgateCommand::new(&pki).arg("--crl", crl);
    for line in refused_by(command, &pki, &stolen, "client_cert_revoked") {
        let parts =
            ["CN=stolen", "serial 77", "by CN=Test Intermediate at 20", "keyCompromise", "ours.crl"];
        says(&line, "detail", &parts);
        assert_eq!(line["alert_sent"], "certificate_revoked");
    }
}

#[test]
fn a_client_of_a_revoked_intermediate_is_refused_and_the_line_names_that() {
    let mut pki = Pki::new();
    let mut params = Ca::params("Revoked Intermediate");
    params.serial_number = Some(SerialNumber::from(0x51));
    let intermediate = pki.root.intermediate_of(params);
    let below = Leaf::client("below").issued_by(&intermediate, &[&intermediate]);
    let crl = pki.file("crl.pem", pki.root.crl(&[0x51], 3600));
    pki.client = Leaf::client("good").issued_by(&pki.root, &[]);

    let command = ClawgateCommand::new(&pki).arg("--crl", crl);
    for line in refused_by(command, &pki, &below, "client_cert_revoked") {
        says(&line, "detail", &["CN=Revoked Intermediate", "serial 51", "was revoked by CN=Test Root"]);
        says(&line, "hint", &["from a CA that is not revoked"]);
    }
}

#[test]
fn under_the_strict_policy_a_ca_without_a_crl_admits_nobody() {
    let mut pki = Pki::new();
    pki.client = Leaf::client("good").issued_by(&pki.root, &[]);
    let crl = pki.file("crl.pem", pki.root.crl(&[], 3600));
    let unlisted = Leaf::client("unlisted").issued_by(&pki.intermediate, &[&pki.intermediate]);

    let strict = ClawgateCommand::new(&pki).arg("--crl", crl).arg("--crl-policy", "strict");
    for line in refused_by(strict, &pki, &unlisted, "crl_unavailable") {
        says(
            &line,
            "detail",
            &["CN=unlisted", "issued by CN=Test Intermediate", "no CRL", "\"strict\""],
        );
        says(&line, "hint", &["clients.crl", "if-present"]);
    }
}

#[test]
fn under_the_strict_policy_without_any_crl_nobody_is_admitted_and_the_start_says_so() {
    let pki = Pki::new();
    let strict = || ClawgateCommand::new(&pki).upstream("echo:").arg("--crl-policy", "strict");
    let clawgate = strict().start();

    assert!(!is_served(&pki, &clawgate, &pki.client));
    assert_eq!(clawgate.failure()["reason"], "crl_unavailable");
    let warnings = clawgate.events("settings_warning");
    let said = |part: &str| warnings.iter().any(|line| line["detail"].as_str().unwrap().contains(part));
    assert!(said("CN=Test Root has no CRL") && said("none of its clients is admitted"), "{warnings:?}");
}

#[test]
fn check_says_what_a_missing_and_an_old_list_mean() {
    let pki = Pki::new();
    let summary = check(command("check", &pki));
    let said = "if-present: clients of a CA without a CRL are not checked; clients of a CA with an expired CRL are";
    assert!(summary.contains(said), "{summary}");

    let other = command("check", &pki).arg("--crl-policy", "strict").arg("--crl-expired", "warn");
    let summary = check(other);
    for part in ["strict: clients of a CA without a CRL are refused", "still used, with a warning"] {
        assert!(summary.contains(part), "no {part} in {summary}");
    }
}

#[test]
fn a_list_that_is_out_of_date_at_the_start_refuses_its_own_cas_clients_alone() {
    let (pki, other) = (Pki::new(), Other::new());
    let old = pki.file("old.crl", pki.intermediate.crl(&[], -60));
    let mut trial = Trial::of(trusting_both(&pki, &other).arg("--crl", &old));

    let warnings = trial.clawgate.events("settings_warning");
    let warning = warnings.iter().find(|line| line["origin"] == "clients.crl").expect("a warning");
    says(
        warning,
        "detail",
        &["old.crl", "CRL of CN=Test Intermediate is out of date", "no client of this CA"],
    );
    for (_, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let line = trial.refuse(client, "crl_expired");
        says(&line, "detail", &["CN=notes", "CN=Test Intermediate", "out of date", "ago", "old.crl"]);
        says(&line, "hint", &["current CRL"]);
    }
    assert!(is_served(&pki, &trial.clawgate, &other.client));
    trial.end();
}

#[test]
fn a_reload_with_a_list_that_is_out_of_date_is_taken_and_its_cas_clients_are_out() {
    let (pki, other) = (Pki::new(), Other::new());
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[], 3600));
    let clawgate = trusting_both(&pki, &other).arg("--crl", &crl).start();
    let mut open = Client::new(&pki, &clawgate).connect().unwrap();
    assert!(open.is_answered());
    let mut others = Client::with_identity(&pki, &clawgate, &other.client).connect().unwrap();

    pki.file("crl.pem", pki.intermediate.crl(&[], -60));
    clawgate.signal("HUP");
    let changed = clawgate.event("reloaded", 1)["changed"].to_string();

    let said = "CRL of CN=Test Intermediate: 0 serials revoked; the next is due at 20";
    assert!(changed.contains(said), "{changed}");
    assert_eq!(clawgate.event("connection_withdrawn", 1)["reason"], "crl_expired");
    assert!(others.is_answered());
}

#[test]
fn a_list_that_is_out_of_date_is_used_on_with_a_warning_where_that_is_wanted() {
    let pki = Pki::new();
    let crl = pki.file("old.crl", pki.intermediate.crl(&[0x77], -60));
    let stolen = pki.client(Leaf::client("stolen").serial(0x77));
    let used_on = ClawgateCommand::new(&pki).arg("--crl", crl).arg("--crl-expired", "warn");
    let mut clawgate = used_on.upstream("echo:").start();

    assert!(is_served(&pki, &clawgate, &pki.client));
    assert!(is_served(&pki, &clawgate, &pki.client));
    let line = clawgate.event("crl_expired", 1);
    assert_eq!((&line["level"], &line["issuer"]), (&"warn".into(), &"CN=Test Intermediate".into()));
    says(&line, "detail", &["is still used", "ago"]);
    assert!(!is_served(&pki, &clawgate, &stolen));
    assert_eq!(clawgate.failure()["reason"], "client_cert_revoked");
    assert_eq!(clawgate.all("crl_expired").len(), 1, "said once");
}

#[test]
fn of_two_lists_of_one_ca_the_later_counts_in_whichever_order_they_are_given() {
    let pki = Pki::new();
    let later = OffsetDateTime::now_utc() - Duration::seconds(60);
    let old = pki.file("old.crl", pki.intermediate.crl(&[0x11, 0x22], -60));
    let new = pki.intermediate.crl_with(&[0x22, 0x33], 3600, |params| params.this_update = later);
    let new = pki.file("new.crl", new);
    let client = |serial| pki.client(Leaf::client("one").serial(serial));

    for (first, second) in [(&old, &new), (&new, &old)] {
        let with = |subcommand| command(subcommand, &pki).arg("--crl", first).arg("--crl", second);
        let summary = check(with("check"));
        let said = "old.crl: is older than the CRL of CN=Test Intermediate in ";
        assert!(summary.contains(said) && !summary.contains("out of date:"), "{summary}");

        let clawgate = with("run").arg("--listen", "127.0.0.1:0").upstream("echo:").start();
        assert!(is_served(&pki, &clawgate, &client(0x11)), "put back by the later one");
        assert!(!is_served(&pki, &clawgate, &client(0x22)));
        assert!(!is_served(&pki, &clawgate, &client(0x33)));
    }
}

#[test]
fn a_crl_of_another_ca_with_the_intermediates_name_admits_none_of_its_clients() {
    let mut pki = Pki::new();
    pki.client = Leaf::client("good").issued_by(&pki.root, &[]);
    let namesake = Ca::root("Test Intermediate");
    let crl = pki.file("crl.pem", namesake.crl(&[], 3600));
    let below = Leaf::client("below").issued_by(&pki.intermediate, &[&pki.intermediate]);

    for line in refused_by(ClawgateCommand::new(&pki).arg("--crl", crl), &pki, &below, "crl_unavailable")
    {
        says(&line, "detail", &["CRL of CN=Test Intermediate", "is not signed by the key"]);
    }
}

#[test]
fn lists_of_one_name_and_two_keys_each_count_for_their_own() {
    let (pki, other) = (Pki::new(), Other::new());
    let renewed = Ca::root("Other Root");
    let client = |ca: &Ca, serial| Leaf::client("one").serial(serial).issued_by(ca, &[]);
    let crls = other.ca.crl(&[0x11], 3600) + &renewed.crl(&[0x22], 3600);
    let clawgate = trusting_both(&pki, &other)
        .arg("--client-ca", pki.file("renewed.pem", renewed.pem()))
        .arg("--crl", pki.file("crl.pem", crls))
        .start();

    assert!(!is_served(&pki, &clawgate, &client(&other.ca, 0x11)));
    assert!(is_served(&pki, &clawgate, &client(&other.ca, 0x22)));
    assert!(is_served(&pki, &clawgate, &client(&renewed, 0x11)));
    assert!(!is_served(&pki, &clawgate, &client(&renewed, 0x22)));
}
