//! A folder of CRLs: which of its files are read, warned of or refused.

use std::fs;
use std::path::PathBuf;

use super::super::command;
use super::warnings;
use crate::support::pki::{Pki, pem_block};

fn folder(pki: &Pki) -> PathBuf {
    let folder = pki.dir().join("crls");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("good.crl"), pki.root.crl(&[], 3600)).unwrap();
    folder
}

#[test]
fn what_in_a_folder_of_lists_is_none_is_warned_of() {
    let pki = Pki::new();
    let folder = folder(&pki);
    fs::write(folder.join("README"), "lists come here").unwrap();
    fs::write(folder.join("a1b2c3d4.0"), pki.root.pem()).unwrap();
    fs::create_dir(folder.join("deeper")).unwrap();
    fs::write(folder.join(".hidden"), "nothing").unwrap();

    let warnings = warnings(&pki, "--crl", &folder);

    let named = |name: &str, what: &str| {
        let said = format!("{}: {what}", folder.join(name).display());
        assert!(warnings.iter().any(|warning| warning.contains(&said)), "no {said:?} in {warnings:#?}");
    };
    named("README", "is not a CRL, and is not read: it has no PEM block");
    named("a1b2c3d4.0", "is not a CRL, and is not read: it has a certificate");
    named("deeper", "is a folder, whose content is not read");
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
}

#[test]
fn a_file_in_a_folder_that_may_be_meant_as_a_list_is_refused_whatever_its_name() {
    let pki = Pki::new();
    let folder = folder(&pki);
    let list = pki.intermediate.crl(&[0x77], 3600);
    for content in [
        list.lines().map(|line| format!(" {line}\n")).collect::<String>().into_bytes(),
        list.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        pem_block("PKCS7", b"\x30\x00").into_bytes(),
        [b"\x1f\x8b", list.as_bytes()].concat(),
    ] {
        let file = folder.join("today");
        fs::write(&file, content).unwrap();
        let output = command("check", &pki).arg("--crl", &folder).output();
        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.stderr.contains(&format!("{}: ", file.display())), "{output:?}");
    }
}
