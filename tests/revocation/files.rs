//! Files and folders of CRLs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use x509_parser::asn1_rs::{Any, FromDer};

use super::{check, command, is_served};
use crate::diagnosis::{refused_by, says};
use crate::support::pki::{Ca, Leaf, Pki, der};
use crate::support::process::ClawgateCommand;

/// A start with this list is refused, and the message names the file, what is wrong and what to do.
#[track_caller]
fn refuses(pki: &Pki, crl: &Path, named: &Path, what: &str, hint: &str) {
    let output = command("run", pki).arg("--crl", crl).refused();
    assert_eq!(output.code, Some(78), "{output:?}");
    let said = format!("  --crl\n    {}: {what}", named.display());
    assert!(output.stderr.contains(&said), "{said:?} is not in {}", output.stderr);
    assert!(output.stderr.contains(&format!("hint: {hint}")), "{}", output.stderr);
}

#[test]
fn a_crl_is_recognised_as_pem_or_der_by_its_content() {
    let pki = Pki::new();
    let revoked = pki.client(Leaf::client("stolen").serial(0x77));
    let der = pki.file("der.pem", pki.intermediate.crl_with(&[0x77], 3600, |_| ()));
    let pem = pki.file("pem.der", pki.intermediate.crl(&[0x77], 3600));

    for file in [der, pem] {
        refused_by(ClawgateCommand::new(&pki).arg("--crl", file), &pki, &revoked, "client_cert_revoked");
    }
}

#[test]
fn a_folder_is_read_with_whatever_in_it_is_a_list() {
    let pki = Pki::new();
    let folder = pki.dir().join("crls");
    let elsewhere = pki.dir().join("elsewhere");
    fs::create_dir_all(folder.join("deeper")).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    fs::write(folder.join("README"), "lists come here").unwrap();
    fs::write(folder.join("key.bin"), pki.client.key.serialize_der()).unwrap();
    fs::write(folder.join(".half-written.crl"), "-----BEGIN X509 CRL-----\nMII").unwrap();
    fs::write(folder.join("deeper/x.crl"), "not looked at").unwrap();
    fs::write(folder.join("root.r0"), pki.root.crl(&[0x99], 3600)).unwrap();
    fs::write(elsewhere.join("list"), pki.intermediate.crl_with(&[0x77], 3600, |_| ())).unwrap();
    symlink(elsewhere.join("list"), folder.join("intermediate")).unwrap();

    let summary = check(command("check", &pki).arg("--crl", &folder));
    for part in ["CN=Test Root: 1 revoked, next one due 20", "CN=Test Intermediate: 1 revoked"] {
        assert!(summary.contains(part), "no {part} in {summary}");
    }

    let clawgate = ClawgateCommand::new(&pki).arg("--crl", &folder).upstream("echo:").start();
    assert!(!is_served(&pki, &clawgate, &pki.client(Leaf::client("stolen").serial(0x77))));
    assert!(!is_served(&pki, &clawgate, &Leaf::client("direct").serial(0x99).issued_by(&pki.root, &[])));
    assert!(is_served(&pki, &clawgate, &pki.client));
}

#[test]
fn a_folder_as_kubernetes_mounts_it_is_read_once_and_swapped_whole() {
    let pki = Pki::new();
    let folder = pki.dir().join("volume");
    fs::create_dir_all(folder.join("..first")).unwrap();
    fs::create_dir_all(folder.join("..second")).unwrap();
    fs::write(folder.join("..first/crl.pem"), pki.intermediate.crl(&[], 3600)).unwrap();
    fs::write(folder.join("..second/crl.pem"), pki.intermediate.crl(&[0x77], 3600)).unwrap();
    symlink("..first", folder.join("..data")).unwrap();
    symlink("..data/crl.pem", folder.join("crl.pem")).unwrap();
    let client = pki.client(Leaf::client("soon-revoked").serial(0x77));
    let clawgate = ClawgateCommand::new(&pki).arg("--crl", &folder).upstream("echo:").start();
    assert!(is_served(&pki, &clawgate, &client));

    symlink("..second", folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    assert!(!is_served(&pki, &clawgate, &client));
    says(&clawgate.failure(), "detail", &["revoked by CN=Test Intermediate", "crl.pem"]);
}

#[test]
fn a_file_of_a_folder_that_must_be_a_list_and_is_not_is_named() {
    let pki = Pki::new();
    let folder = pki.dir().join("crls");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("good.crl"), pki.root.crl(&[], 3600)).unwrap();
    let bad = folder.join("bad.pem");
    let whole = pki.intermediate.crl(&[], 3600);

    fs::write(&bad, &whole[..whole.len() / 2]).unwrap();
    refuses(&pki, &folder, &bad, "is broken PEM", "write the file again");
    fs::write(&bad, pki.root.pem()).unwrap();
    refuses(&pki, &folder, &bad, "has no CRL: it has a certificate", "give the CA's revocation list");
    fs::write(&bad, "").unwrap();
    refuses(&pki, &folder, &bad, "has no CRL: the file is empty", "give the CA's revocation list");
    fs::remove_file(&bad).unwrap();
    let bad = folder.join("no-extension");
    fs::write(&bad, &whole[..whole.len() / 2]).unwrap();
    refuses(&pki, &folder, &bad, "is broken PEM", "write the file again");
    fs::remove_file(&bad).unwrap();
    let bad = folder.join("dangling");
    symlink("nowhere", &bad).unwrap();
    refuses(&pki, &folder, &bad, "cannot be read: No such file", "check the path");
}

#[test]
fn a_folder_without_a_list_is_refused() {
    let pki = Pki::new();
    let folder = pki.dir().join("crls");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("README"), "lists come here").unwrap();

    refuses(&pki, &folder, &folder, "is a folder without a CRL", "put the CAs' revocation lists there");
}

#[test]
fn a_list_that_its_ca_did_not_sign_is_refused() {
    let pki = Pki::new();
    let namesake = Ca::root("Test Root");
    let file = pki.file("forged.crl", namesake.crl(&[], 3600));
    let what = "has the name of the CA CN=Test Root, but is not signed by its key";
    refuses(&pki, &file, &file, what, "fetch the CRL that this CA issues");

    let mut der = pki.root.crl_with(&[0x77], 3600, |_| ());
    *der.last_mut().unwrap() ^= 1;
    let file = pki.file("altered.crl", der);
    refuses(&pki, &file, &file, what, "fetch the CRL");
}

#[test]
fn a_ca_that_may_not_sign_lists_has_none() {
    let mut pki = Pki::new();
    let mut params = Ca::params("Mute Root");
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    // rcgen itself would not sign a list for it.
    let silent = Ca::root_of(params.clone());
    params.key_usages.push(rcgen::KeyUsagePurpose::CrlSign);
    let crl = Ca { certificate: silent.certificate, params, key: silent.key };
    let file = pki.file("mute.crl", crl.crl(&[], 3600));
    pki.root = crl;

    let what = "its CA CN=Mute Root may not sign CRLs (its keyUsage lacks cRLSign)";
    refuses(&pki, &file, &file, what, "have the CA's certificate issued again with keyUsage=");
}

/// A list made by openssl, with these extensions.
fn of_openssl(pki: &Pki, name: &str, extensions: &str) -> std::path::PathBuf {
    pki.file("root.pem", pki.root.pem());
    pki.file("root.key", pki.root.key.serialize_pem());
    pki.file("index.txt", "");
    pki.file("number", "01\n");
    pki.file(
        "ca.cnf",
        "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n\
         default_crl_days=9\n[ext]\nauthorityKeyIdentifier=keyid\n"
            .to_owned()
            + extensions,
    );
    let crlexts = if extensions == "none" { "" } else { " -crlexts ext" };
    let arguments =
        format!("ca -config ca.cnf -gencrl -cert root.pem -keyfile root.key -out {name}{crlexts}");
    let output =
        Command::new("openssl").args(arguments.split(' ')).current_dir(pki.dir()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    pki.dir().join(name)
}

#[test]
fn kinds_of_lists_that_are_not_supported_are_refused_by_their_names() {
    let pki = Pki::new();
    let point = |more: &str| {
        format!(
            "issuingDistributionPoint=critical,@idp\n[idp]\nfullname=URI:http://crl.example/1\n{more}\n"
        )
    };
    for (extensions, what, hint) in [
        ("2.5.29.27=critical,DER:020101", "is a delta CRL", "give the complete CRL"),
        (&point("indirectCRL=TRUE"), "is an indirect CRL", "give the CRL that each CA issues"),
        (
            &point("onlysomereasons=keyCompromise"),
            "covers only some revocation reasons",
            "give the complete CRL",
        ),
        (
            "1.3.6.1.4.1.99999.7=critical,DER:0500",
            "has the critical extension 1.3.6.1.4.1.99999.7, which is not supported",
            "give the complete CRL",
        ),
        (&point("onlyAA=TRUE"), "covers only attribute certificates", "take it out of clients.crl"),
    ] {
        let file = of_openssl(&pki, "kind.crl", extensions);
        refuses(&pki, &file, &file, what, hint);
    }
    let whole = of_openssl(&pki, "whole.crl", &point(""));
    check(command("check", &pki).arg("--crl", whole));
}

#[test]
fn a_list_without_extensions_is_not_called_damaged() {
    let pki = Pki::new();
    let whole = pki.root.crl_with(&[], 3600, |_| ());
    let (_, crl) = x509_parser::parse_x509_crl(&whole).unwrap();
    let mut rest = Any::from_der(crl.tbs_cert_list.as_ref()).unwrap().1.data;
    let mut fields = Vec::new();
    while let [tag, ..] = rest {
        let (after, _) = Any::from_der(rest).unwrap();
        // The extensions are the last field, with the tag [0].
        if *tag != 0xa0 {
            fields.extend(&rest[..rest.len() - after.len()]);
        }
        rest = after;
    }
    let file = pki.file("bare.crl", pki.root.sign(&der(0x30, &fields)));

    refuses(&pki, &file, &file, "has no extensions, and so neither a CRL number", "have it issued with");
}

#[test]
fn a_list_of_version_1_is_refused_with_the_way_to_a_better_one() {
    let pki = Pki::new();
    let config =
        "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=9\n";
    of_openssl(&pki, "first.crl", "");
    pki.file("ca.cnf", config);
    let arguments = "ca -config ca.cnf -gencrl -cert root.pem -keyfile root.key -out v1.crl";
    let mut openssl = Command::new("openssl");
    let output = openssl.args(arguments.split(' ')).current_dir(pki.dir()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let file = pki.dir().join("v1.crl");

    refuses(&pki, &file, &file, "is a CRL of version 1", "have it issued as version 2");
}

#[test]
fn a_list_that_is_put_into_the_folder_holds_by_itself() {
    let pki = Pki::new();
    let folder = pki.dir().join("crls");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("root.crl"), pki.root.crl(&[], 3600)).unwrap();
    let client = pki.client(Leaf::client("soon-revoked").serial(0x77));
    let clawgate = ClawgateCommand::new(&pki).arg("--crl", &folder).upstream("echo:").start();
    assert!(is_served(&pki, &clawgate, &client));

    let new = pki.file("new", pki.intermediate.crl(&[0x77], 3600));
    fs::rename(new, folder.join("intermediate.crl")).unwrap();
    clawgate.event("reloaded", 1);

    assert!(!is_served(&pki, &clawgate, &client));
}
