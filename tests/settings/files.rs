//! Wrong files of certificates, keys and CRLs.

use std::path::Path;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair};
use time::OffsetDateTime;

use super::{command, found, refused, summary};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki, pem_block};
use crate::support::process::Output;

/// A start with that file is refused, and the message names the flag, the file, what is wrong and
/// what to do.
fn refuses(pki: &Pki, flag: &str, file: &Path, what: &str, hint: &str) {
    let said = format!("  {flag}\n    {}: {what}", file.display());
    refused(command("run", pki).arg(flag, file), &[&said, &format!("\n    hint: {hint}")]);
}

/// The first `part` of a text.
fn cut(text: &str, part: f64) -> &str {
    &text[..(text.len() as f64 * part) as usize]
}

#[test]
fn a_ca_bundle_without_a_ca_is_refused() {
    let pki = Pki::new();
    let key = pki.client.key.serialize_pem();
    let csr = CertificateParams::default().serialize_request(&pki.client.key).unwrap();
    for (name, content, holds) in [
        ("empty.pem", "", "the file is empty"),
        ("blank.pem", "\n \n", "the file is empty"),
        ("text.pem", "the CA comes here\n", "it has no PEM block"),
        ("key.pem", &key, "it has a private key"),
        ("csr.pem", &csr.pem().unwrap(), "it has a certificate request"),
    ] {
        let file = pki.file(name, content);
        let what = format!("has no certificate: {holds}");
        refuses(&pki, "--client-ca", &file, &what, "give the certificate of the CA that issues");
    }
}

#[test]
fn an_empty_bundle_is_refused_beside_a_good_one() {
    let pki = Pki::new();
    let good = pki.file("good.pem", pki.root.pem());
    let empty = pki.file("empty.pem", "");

    let both = command("run", &pki).arg("--client-ca", good).arg("--client-ca", &empty);

    refused(both, &[&format!("{}: has no certificate", empty.display())]);
}

#[test]
fn a_clients_certificate_in_place_of_its_ca_is_refused() {
    let pki = Pki::new();
    let alone = pki.file("leaf.pem", pki.client(Leaf::client("calls")).chain_pem());
    let hint = "give the certificate of the CA that issued the clients' certificates, not a client's certificate";
    refuses(&pki, "--client-ca", &alone, "its certificate 1 (", hint);

    let behind = pki.file("behind.pem", pki.root.pem() + &pki.server.chain_pem());
    let what = "its certificate 2 (O=Example,CN=gate) is not a CA";
    refuses(&pki, "--client-ca", &behind, what, hint);
}

#[test]
fn a_bundle_whose_cas_have_all_expired_is_refused_and_one_among_others_is_warned_of() {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    let mut params = Ca::params("Old Root");
    params.not_before = OffsetDateTime::now_utc() - time::Duration::days(20);
    params.not_after = OffsetDateTime::now_utc() - time::Duration::days(10);
    let old = params.self_signed(&key).unwrap().pem();

    let alone = pki.file("old.pem", &old);
    refuses(&pki, "--client-ca", &alone, "every CA in it has expired", "renew the CA");

    let both = pki.file("both.pem", old + &pki.root.pem());
    let checked = command("check", &pki).arg("--client-ca", both).output();
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let failed = found("FAIL", &checked.stdout);
    assert!(failed[0].starts_with("clients ca: CN=Old Root has expired"), "{failed:?}");
    assert!(failed[0].ends_with("it admits nobody"), "{failed:?}");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let pki = Pki::new();
    let file = pki.file("other.key", pki.client.key.serialize_pem());
    let what = format!("does not match the certificate in {}", pki.dir().join("server.pem").display());
    refuses(&pki, "--key", &file, &what, "give the key that the certificate was requested with");
}

#[test]
fn an_encrypted_key_is_refused_in_its_new_and_its_old_form() {
    let pki = Pki::new();
    let plain = pki.file("plain.key", pki.server.key.serialize_pem());
    for (name, arguments) in [
        ("pkcs8.key", &["pkcs8", "-topk8", "-passout", "pass:x"][..]),
        ("sec1.key", &["ec", "-aes128", "-passout", "pass:x"][..]),
    ] {
        let file = pki.dir().join(name);
        let mut openssl = Command::new("openssl");
        openssl.args(arguments).arg("-in").arg(&plain).arg("-out").arg(&file);
        assert!(openssl.output().unwrap().status.success());

        let what = "is an encrypted private key";
        refuses(&pki, "--key", &file, what, "decrypt it: openssl pkey -in KEY -out PLAIN_KEY");
    }
}

#[test]
fn a_key_file_without_a_key_and_a_certificate_file_without_a_certificate_are_refused() {
    let pki = Pki::new();
    let (certificate, key) = pki.files("swapped", &pki.server);
    let what = "has no private key: it has a certificate";
    refuses(&pki, "--key", &certificate, what, "give the key of clawgate's certificate");
    let what = "has no certificate: it has a private key";
    refuses(&pki, "--cert", &key, what, "give clawgate's certificate, followed by");
}

#[test]
fn a_certificate_that_is_for_no_name_is_refused() {
    let pki = Pki::new();
    let mut nameless = Leaf::server().sans(vec![]).issued_by(&pki.intermediate, &[&pki.intermediate]);
    nameless.key = KeyPair::from_pem(&pki.server.key.serialize_pem()).unwrap();
    let leaf = Leaf::server().sans(vec![]).params.signed_by(&nameless.key, &pki.intermediate.issuer());
    nameless.chain[0] = leaf.unwrap().der().to_vec();
    let (file, _) = pki.files("nameless", &nameless);

    refuses(
        &pki,
        "--cert",
        &file,
        "has no DNS or IP alternative name",
        "have it issued with subjectAltName=DNS:",
    );
}

#[test]
fn a_certificate_that_has_expired_is_warned_of_and_used() {
    let pki = Pki::new();
    let (file, key) = pki.files("expired", &Leaf::server().valid(-7200, -3600).self_signed());
    let with = |subcommand| command(subcommand, &pki).arg("--cert", &file).arg("--key", &key);

    let checked = with("check").output();
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let failed = found("FAIL", &checked.stdout);
    let place = format!("certificate {} dates: ", file.display());
    assert!(
        failed[0].starts_with(&place) && failed[0].contains("has expired: it was valid until 20"),
        "{failed:?}"
    );
    assert!(checked.stdout.contains("hint: renew it"), "{checked:?}");
    assert!(
        checked.stdout.ends_with("clawgate: the settings can be used, but 1 check fails, 1 warning\n"),
        "{checked:?}"
    );

    let clawgate = with("run").start();
    let events = clawgate.events("settings_warning");
    let warning = events.iter().find(|event| event["origin"] == "tls.certificate").expect("a warning");
    assert_eq!(warning["level"], "warn");
    assert!(warning["detail"].as_str().unwrap().contains("has expired"), "{warning}");
    assert!(warning["hint"].as_str().unwrap().starts_with("renew it"), "{warning}");
    assert_eq!(Client::new(&pki, &clawgate).trusting().post("/hooks/wake", "{}").status, 200);
}

#[test]
fn a_certificate_of_the_future_and_a_chain_out_of_order_are_warned_of() {
    let pki = Pki::new();
    let (file, key) = pki.files("future", &Leaf::server().valid(3600, 7200).self_signed());
    let future = command("check", &pki).arg("--cert", &file).arg("--key", &key).output();
    assert_eq!(future.code, Some(1), "{future:?}");
    assert!(found("FAIL", &future.stdout)[0].contains("is not valid before 20"), "{future:?}");

    let mut chain = Leaf::server().issued_by(&pki.intermediate, &[&pki.root, &pki.intermediate]);
    let (file, key) = pki.files("disorder", &chain);
    let disorder = summary(command("check", &pki).arg("--cert", &file).arg("--key", &key));
    let warnings = found("warning", &disorder);
    assert!(warnings[0].contains("was not issued by CN=Test Root, which follows it"), "{disorder}");
    assert!(disorder.contains("hint: move certificate 3 to the place of certificate 2"), "{disorder}");
    assert!(disorder.ends_with("clawgate: the settings can be used, with 1 warning\n"), "{disorder}");

    chain.chain.swap(1, 2);
    let (file, key) = pki.files("order", &chain);
    let order = summary(command("check", &pki).arg("--cert", &file).arg("--key", &key));
    assert!(order.ends_with("all is well with the settings\n"), "{order}");
}

#[test]
fn a_chain_with_the_leaf_in_another_place_is_refused_with_the_place() {
    let mut pki = Pki::new();
    for (place, number) in [(1, 2), (2, 3)] {
        pki.server = Leaf::server().issued_by(&pki.intermediate, &[&pki.intermediate, &pki.root]);
        pki.server.chain.swap(0, place);
        let (file, key) = pki.files("swapped", &pki.server);

        let output = command("check", &pki).arg("--cert", &file).arg("--key", key).output();

        assert_eq!(output.code, Some(78), "{output:?}");
        let said = format!("is in the wrong order: the key matches certificate {number}, not the first");
        assert!(output.stderr.contains("1 problem") && output.stderr.contains(&said), "{output:?}");
        assert!(output.stderr.contains(&format!("hint: put certificate {number} first")), "{output:?}");
    }
}

#[test]
fn check_takes_a_root_that_only_clients_have() {
    let pki = Pki::new();
    let company = Ca::root_of(Ca::params("Company Root"));
    let (file, key) = pki.files("of-the-company", &Leaf::server().issued_by(&company, &[]));
    let checked = || command("check", &pki).arg("--cert", &file).arg("--key", &key);

    let alone = checked().output();
    let with_root = checked().arg("--server-ca", pki.file("company.pem", company.pem())).output();

    assert!(
        alone.stdout.contains("if it is a root that clients have, name it with --server-ca"),
        "{alone:?}"
    );
    assert_eq!((alone.code, with_root.code), (Some(1), Some(0)), "{with_root:?}");
}

#[test]
fn check_says_what_clients_will_not_take_of_the_servers_certificate_and_which_ca_is_not_valid_yet() {
    let pki = Pki::new();
    let leaf = Leaf::server().with(|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    let (file, key) = pki.files("for-clients", &leaf.issued_by(&pki.intermediate, &[]));
    let mut params = Ca::params("Early Root");
    params.not_before = OffsetDateTime::now_utc() + time::Duration::days(2);
    let bundle = pki.file("bundle.pem", pki.root.pem() + &Ca::root_of(params).pem());

    let command =
        command("check", &pki).arg("--cert", &file).arg("--key", key).arg("--client-ca", bundle);
    let checked = command.output();

    let failed = found("FAIL", &checked.stdout);
    let place = format!("certificate {}", file.display());
    assert!(failed[0].starts_with(&format!("{place} purpose: is not for servers")), "{failed:?}");
    assert!(failed[1].starts_with(&format!("{place} chain: only the leaf is sent")), "{failed:?}");
    assert!(failed[2].starts_with("clients ca: CN=Early Root is not valid before 20"), "{failed:?}");
    assert!(
        checked.stdout.ends_with("clawgate: the settings can be used, but 3 checks fail\n"),
        "{checked:?}"
    );
    assert_eq!(checked.code, Some(1));
}

#[test]
fn check_and_doctor_have_the_same_findings() {
    let pki = Pki::new();
    // Not a whole number of hours, so that both commands count the same.
    let late = Leaf::server().valid(-90 * 86_400, 86_400 + 1800).issued_by(&pki.root, &[]);
    let (file, key) = pki.files("late", &late);
    let with = |subcommand| command(subcommand, &pki).arg("--cert", &file).arg("--key", &key);

    let (checked, doctor) = (with("check").output(), with("doctor").output());

    for severity in ["warning", "note"] {
        let of_files = |output: &Output| -> Vec<_> {
            let found = found(severity, &output.stdout).into_iter();
            found
                .filter(|finding| finding.starts_with("certificate") || finding.starts_with("clients"))
                .collect()
        };
        let found = of_files(&checked);
        assert!(!found.is_empty(), "{checked:?}");
        assert_eq!(found, of_files(&doctor));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_whatever_it_is_for() {
    let pki = Pki::new();
    let missing = pki.dir().join("missing.pem");
    for flag in ["--cert", "--key", "--client-ca", "--crl"] {
        refuses(&pki, flag, &missing, "cannot be read: No such file", "check the path");
    }
    for flag in ["--cert", "--key", "--client-ca"] {
        refuses(&pki, flag, pki.dir(), "cannot be read: Is a directory", "name a readable file");
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused_whatever_it_is_for() {
    let pki = Pki::new();
    let hint = "write the file again";
    let crl = pki.intermediate.crl(&[], 3600);
    let two_cas = pki.root.pem() + &pki.intermediate.pem();
    for (flag, whole, part) in [
        ("--cert", pki.server.chain_pem(), 0.25),
        ("--cert", pki.server.chain_pem(), 0.75),
        ("--key", pki.server.key.serialize_pem(), 0.5),
        ("--client-ca", pki.root.pem(), 0.5),
        ("--client-ca", two_cas, 0.75),
        ("--crl", crl, 0.5),
    ] {
        let file = pki.file("cut.pem", cut(&whole, part));
        refuses(&pki, flag, &file, "is broken PEM", hint);
    }
}

#[test]
fn certificate_and_key_may_share_a_file_with_windows_line_ends_and_text() {
    let pki = Pki::new();
    let sections =
        format!("Bag Attributes\n{}{}", pki.server.key.serialize_pem(), pki.server.chain_pem());
    let both = pki.file("both.pem", sections.replace('\n', "\r\n"));
    let ca = pki.file("windows.pem", format!("our CA:\n{}", pki.root.pem()).replace('\n', "\r\n"));

    let command = command("run", &pki).arg("--cert", &both).arg("--key", &both).arg("--client-ca", ca);
    let clawgate = command.start();

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn a_file_whose_content_is_damaged_is_refused() {
    let pki = Pki::new();
    let cut = pki.file("cut.pem", pem_block("CERTIFICATE", &pki.server.chain[0][..100]));
    let what =
        "is broken PEM: line 1: begins a certificate that is incomplete or has extra bytes after it";
    refuses(&pki, "--client-ca", &cut, what, "write the file again");

    let file = pki.file("damaged.pem", pem_block("CERTIFICATE", b"\x30\x03\x02\x01\x05"));

    refuses(&pki, "--cert", &file, "has a first certificate that is not X.509", "write the file again");
    refuses(&pki, "--client-ca", &file, "its certificate 1 is not X.509", "write the file again");
}

#[test]
fn a_file_without_a_revocation_list_is_refused() {
    let pki = Pki::new();
    let none = pki.file("none.crl", pki.root.pem());
    let what = "has no CRL: it has a certificate";
    refuses(&pki, "--crl", &none, what, "give the CA's revocation list, in PEM or DER");
}
