//! Changes of files are noticed, whatever way they are changed in.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::is_served;
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};

/// A CA beside that of the PKI, and a client of its own.
fn another_ca() -> (Ca, Identity) {
    let ca = Ca::root("Other Root");
    let client = Leaf::client("theirs").issued_by(&ca, &[]);
    (ca, client)
}

/// A clawgate that has its client CAs from `ca`.
fn start(pki: &Pki, ca: &Path) -> Clawgate {
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare("run")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", ca)
        .arg("--listen", "127.0.0.1:0")
        .arg("--workers", "1")
        .upstream("echo:")
        .admin()
        .start()
}

/// Whether it has the kernel report changes of files: inotify(7).
fn has_inotify(clawgate: &Clawgate) -> bool {
    let mut open = fs::read_dir(format!("/proc/{}/fd", clawgate.pid())).unwrap();
    open.any(|file| {
        fs::read_link(file.unwrap().path()).is_ok_and(|file| file.ends_with("anon_inode:inotify"))
    })
}

fn noticed(clawgate: &Clawgate, number: usize) -> serde_json::Value {
    let line = clawgate.event("reloaded", number);
    assert_eq!(line["origin"], "changed files");
    line
}

#[test]
fn a_file_written_in_place_is_noticed() {
    let pki = Pki::new();
    let (ca, theirs) = another_ca();
    let path = pki.file("ca.pem", pki.root.pem());
    let clawgate = start(&pki, &path);
    assert!(!is_served(&pki, &clawgate, &theirs));

    pki.file("ca.pem", ca.pem());

    noticed(&clawgate, 1);
    assert!(is_served(&pki, &clawgate, &theirs) && !is_served(&pki, &clawgate, &pki.client));
}

#[test]
fn a_file_renamed_into_place_is_noticed() {
    let pki = Pki::new();
    let (ca, theirs) = another_ca();
    let path = pki.file("ca.pem", pki.root.pem());
    let clawgate = start(&pki, &path);

    let new = pki.file("ca.pem.new", ca.pem());
    fs::rename(new, path).unwrap();

    noticed(&clawgate, 1);
    assert!(is_served(&pki, &clawgate, &theirs));
}

/// What Kubernetes does to a volume made of a Secret: a new folder, and `..data` led to it at once.
fn kubernetes_writes(volume: &Path, version: &str, files: &[(&str, &str)]) {
    let folder = volume.join(version);
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
        if !volume.join(name).is_symlink() {
            symlink(format!("..data/{name}"), volume.join(name)).unwrap();
        }
    }
    symlink(version, volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
}

#[test]
fn a_secret_that_kubernetes_replaces_is_noticed_each_time_and_taken_whole() {
    let pki = Pki::new();
    let volume = tempfile::tempdir().unwrap();
    let volume = volume.path();
    let files = |identity: &Identity| (identity.chain_pem(), identity.key.serialize_pem());
    let (certificate, key) = files(&pki.server);
    let root = pki.root.pem();
    kubernetes_writes(volume, "..1", &[("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", &root)]);
    let mut clawgate = ClawgateCommand::bare("run")
        .arg("--cert", volume.join("tls.crt"))
        .arg("--key", volume.join("tls.key"))
        .arg("--client-ca", volume.join("ca.crt"))
        .arg("--listen", "127.0.0.1:0")
        .arg("--admin", "off")
        .upstream("echo:")
        .start();

    for number in 1..=3 {
        let renewed = Leaf::server().issued_by(&pki.intermediate, &[&pki.intermediate]);
        let (certificate, key) = files(&renewed);
        let version = format!("..{}", number + 1);
        kubernetes_writes(
            volume,
            &version,
            &[("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", &root)],
        );
        fs::remove_dir_all(volume.join(format!("..{number}"))).unwrap();

        let changed = noticed(&clawgate, number)["changed"].to_string();
        assert!(changed.contains("certificate "), "{changed}");
        assert!(is_served(&pki, &clawgate, &pki.client));
    }
    assert!(clawgate.all("reload_failed").is_empty());
}

#[test]
fn a_link_that_certbot_leads_to_the_renewed_certificate_is_noticed() {
    let pki = Pki::new();
    let (ca, theirs) = another_ca();
    let root = tempfile::tempdir().unwrap();
    let (live, archive) = (root.path().join("live"), root.path().join("archive"));
    fs::create_dir_all(&live).unwrap();
    fs::create_dir_all(&archive).unwrap();
    fs::write(archive.join("ca1.pem"), pki.root.pem()).unwrap();
    symlink("../archive/ca1.pem", live.join("ca.pem")).unwrap();
    let clawgate = start(&pki, &live.join("ca.pem"));

    fs::write(archive.join("ca2.pem"), ca.pem()).unwrap();
    fs::remove_file(live.join("ca.pem")).unwrap();
    symlink("../archive/ca2.pem", live.join("ca.pem")).unwrap();

    let outcome = eventually("the other CA", || {
        let last = clawgate.events("reloaded").pop()?;
        last["changed"].to_string().contains("Other Root").then_some(last)
    });
    assert_eq!(outcome["origin"], "changed files");
    assert!(is_served(&pki, &clawgate, &theirs));
}

#[test]
fn a_folder_that_is_a_link_may_be_led_elsewhere() {
    let pki = Pki::new();
    let (ca, theirs) = another_ca();
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str, pem: String| -> PathBuf {
        let folder = root.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("ca.pem"), pem).unwrap();
        folder
    };
    folder("one", pki.root.pem());
    folder("two", ca.pem());
    let current = root.path().join("current");
    symlink("one", &current).unwrap();
    let clawgate = start(&pki, &current.join("ca.pem"));

    symlink("two", root.path().join("next")).unwrap();
    fs::rename(root.path().join("next"), &current).unwrap();

    noticed(&clawgate, 1);
    assert!(is_served(&pki, &clawgate, &theirs));
}

#[test]
fn a_missing_file_is_named_changes_nothing_and_is_taken_when_it_is_back() {
    let pki = Pki::new();
    let (ca, theirs) = another_ca();
    let path = pki.file("ca.pem", pki.root.pem());
    let clawgate = start(&pki, &path);

    fs::remove_file(&path).unwrap();

    let line = clawgate.event("reload_failed", 1);
    assert!(line["detail"].as_str().unwrap().contains("ca.pem"), "{line}");
    assert_eq!((&line["origin"], &line["generation"]), (&"changed files".into(), &1.into()));
    assert!(is_served(&pki, &clawgate, &pki.client));
    let ready = plain::get(clawgate.admin(), "/readyz");
    let text = String::from_utf8(ready.body).unwrap();
    assert!(ready.status == 200 && text.contains("the last reload failed"), "{text}");
    let status = plain::get(clawgate.admin(), "/status").json();
    assert!(status["reload_failed"]["detail"].as_str().unwrap().contains("ca.pem"), "{status}");

    pki.file("ca.pem", ca.pem());

    noticed(&clawgate, 1);
    assert!(is_served(&pki, &clawgate, &theirs));
    let text = String::from_utf8(plain::get(clawgate.admin(), "/readyz").body).unwrap();
    assert!(text.starts_with("ready\n") && !text.contains("reload"), "{text}");
    assert!(plain::get(clawgate.admin(), "/status").json()["reload_failed"].is_null());
}

#[test]
fn a_reload_with_a_key_that_does_not_fit_waits_for_its_certificate() {
    let pki = Pki::new();
    let path = pki.file("ca.pem", pki.root.pem());
    let clawgate = start(&pki, &path);
    let renewed = Leaf::server().issued_by(&pki.intermediate, &[&pki.intermediate]);

    pki.file("server.key", renewed.key.serialize_pem());
    let line = clawgate.event("reload_failed", 1);
    assert!(line["detail"].as_str().unwrap().contains("does not match the certificate"), "{line}");
    assert!(is_served(&pki, &clawgate, &pki.client));

    pki.file("server.pem", renewed.chain_pem());
    noticed(&clawgate, 1);
    assert!(is_served(&pki, &clawgate, &pki.client));
}

#[test]
fn the_settings_themselves_are_watched_and_so_are_files_that_they_name_anew() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let first = pki.file("first", "one");
    let config = pki.file("gate.toml", format!("[upstream]\ntoken_file = {first:?}\n"));
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--config", config).start();

    let second = pki.file("second", "two");
    pki.file("gate.toml", format!("[upstream]\ntoken_file = {second:?}\n"));
    noticed(&clawgate, 1);
    assert!(is_served(&pki, &clawgate, &pki.client));
    assert_eq!(backend.received()[0].value("authorization"), Some("Bearer two"));

    pki.file("second", "three");
    let line = noticed(&clawgate, 2);
    assert_eq!(line["changed"], serde_json::json!(["hook token"]));
    assert!(is_served(&pki, &clawgate, &pki.client));
    assert_eq!(backend.received()[1].value("authorization"), Some("Bearer three"));
}

#[test]
fn a_webhook_senders_secret_is_watched_and_the_log_names_its_file_alone() {
    let pki = Pki::new();
    let secret = pki.file("github", "0123456789abcdef0123456789abcdef");
    let table = format!("[route.verify]\nscheme = \"github\"\nsecret_file = {secret:?}\n");
    let config = pki.file("gate.toml", format!("[[route]]\npath = \"/hooks/\"\n{table}"));
    let clawgate = ClawgateCommand::new(&pki).arg("--config", config).start();

    pki.file("github", "another secret of 32 characters.");
    let line = noticed(&clawgate, 1);

    let changed = format!("webhook key in {}", secret.display());
    assert_eq!(line["changed"], serde_json::json!([changed]));
    assert!(!line.to_string().contains("another secret"), "{line}");
}

#[test]
fn what_is_written_anew_with_the_same_content_is_no_change() {
    let pki = Pki::new();
    let (ca, _) = another_ca();
    let path = pki.file("ca.pem", pki.root.pem());
    let clawgate = start(&pki, &path);

    pki.file("ca.pem", pki.root.pem());
    pki.file("unrelated", "x");
    // Had these been noticed, the next line would not be the second generation's.
    crate::support::stay_silent(std::time::Duration::from_millis(600));
    pki.file("ca.pem", ca.pem());

    assert_eq!(noticed(&clawgate, 1)["generation"], 2);
}

#[test]
fn nothing_is_watched_where_that_is_not_wanted() {
    let pki = Pki::new();
    let (ca, _) = another_ca();
    let start = |watch| ClawgateCommand::new(&pki).upstream("echo:").arg("--watch", watch).start();
    let clawgate = start("false");
    // A change of which the kernel does not tell it cannot be noticed.
    assert!(!has_inotify(&clawgate) && has_inotify(&start("true")));

    pki.file("ca.pem", ca.pem());
    clawgate.signal("HUP");
    assert_eq!(clawgate.event("reloaded", 1)["origin"], "SIGHUP");
}
