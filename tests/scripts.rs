//! Scripts and examples work as they say.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::process::ClawgateCommand;

/// All certificates of the set; each has its key beside it.
const CERTIFICATES: [&str; 16] = [
    "ca",
    "intermediate",
    "server",
    "client",
    "client-rsa",
    "client-ed25519",
    "expired",
    "not-yet-valid",
    "other-ca",
    "same-name-ca",
    "self-signed",
    "server-auth-only",
    "v1",
    "no-intermediate",
    "revoked",
    "key-mismatch",
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the script where new files are open to everybody, unless it sees to it itself.
fn gen_certs(arguments: &[&str]) -> Output {
    let mut bash = Command::new("bash");
    bash.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(repository("scripts/gen-certs.sh"));
    bash.args(arguments).output().unwrap()
}

fn made_in(dir: &Path) -> String {
    let output = gen_certs(&[dir.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every file below `dir`, hidden ones too, with what is in it.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

#[test]
fn gen_certs_makes_the_files_it_names_and_keeps_the_keys_to_their_owner() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path().join("made/on the way");

    made_in(&dir);

    let files = content(&dir);
    let pairs = CERTIFICATES.iter().flat_map(|name| [format!("{name}.pem"), format!("{name}.key")]);
    let mut expected: Vec<String> = pairs.chain(["crl.pem".to_owned()]).collect();
    expected.sort();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), expected);
    for name in files.keys() {
        let mode = fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if name.ends_with(".key") { 0o600 } else { 0o644 }, "{name}: {mode:o}");
    }
    let help = gen_certs(&["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    for name in CERTIFICATES {
        assert!(help.contains(&format!("{name}.pem")), "{name} is not in the help");
    }
}

#[test]
fn gen_certs_replaces_nothing_without_its_flag() {
    let dir = TempDir::new().unwrap();
    made_in(dir.path());
    let before = content(dir.path());

    let output = gen_certs(&[dir.path().to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("exists. Use --force to replace the whole set"), "{said}");
    assert_eq!(content(dir.path()), before);
}

#[test]
fn gen_certs_mixes_no_new_set_with_one_file_of_an_old_one() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("v1.key"), "precious").unwrap();

    let output = gen_certs(&[dir.path().to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(content(dir.path()), BTreeMap::from([("v1.key".to_owned(), b"precious".to_vec())]));
}

#[test]
fn gen_certs_replaces_the_whole_set_when_forced_and_leaves_other_files_alone() {
    let dir = TempDir::new().unwrap();
    made_in(dir.path());
    fs::write(dir.path().join("hook-token"), "precious").unwrap();
    let before = content(dir.path());

    let output = gen_certs(&["--force", dir.path().to_str().unwrap()]);

    assert!(output.status.success(), "{output:?}");
    let after = content(dir.path());
    assert!(before.keys().eq(after.keys()));
    for (name, old) in &before {
        assert_eq!(after[name] == *old, name == "hook-token", "{name}");
    }
}

#[test]
fn gen_certs_refuses_flags_it_does_not_know() {
    let dir = TempDir::new().unwrap();

    let output = gen_certs(&["--forse", dir.path().to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(content(dir.path()), BTreeMap::new());
}

#[test]
fn the_settings_that_gen_certs_prints_are_accepted_as_they_stand() {
    let dir = TempDir::new().unwrap();
    let printed = made_in(&dir.path().join("with a blank"));
    let exports: Vec<_> =
        printed.lines().map(str::trim).filter(|line| line.starts_with("export ")).collect();

    let mut bash = Command::new("bash");
    bash.args(["-c", "eval \"$1\"; exec \"$0\" check", env!("CARGO_BIN_EXE_clawgate")]);
    let output = bash.arg(exports.join("\n")).current_dir("/").output().unwrap();

    assert!(output.status.success(), "{output:?}");
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(summary.contains("with a blank/server.pem"), "{summary}");
    assert!(summary.contains("with a blank/crl.pem"), "{summary}");
    assert!(!summary.contains("warning"), "{summary}");
    assert_eq!(exports.len(), 4, "{printed}");
}

#[test]
fn every_example_is_good_once_the_certificates_and_the_token_are_there() {
    let dir = TempDir::new().unwrap();
    made_in(&dir.path().join("certs"));
    let token = dir.path().join("certs/hook-token");
    fs::write(&token, "s3cret\n").unwrap();
    fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();

    let mut checked = Vec::new();
    for entry in fs::read_dir(repository("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let output = ClawgateCommand::bare("check").dir(dir.path()).arg("--config", &path).output();
            assert_eq!(output.code, Some(0), "{output:?}");
            assert!(output.stdout.ends_with("all is well with the settings\n"), "{output:?}");
            checked.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    checked.sort();
    assert_eq!(checked, ["full", "minimal", "several-routes"]);
}
