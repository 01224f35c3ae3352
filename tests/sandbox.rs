//! The sandbox: clawgate has access only to its files and to the ports of its upstreams.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// Settings in a file, so that they can be changed; and clawgate that has them.
fn with_file(pki: &Pki, more: &str, sandbox: bool) -> Clawgate {
    pki.files("server", &pki.server);
    pki.file("ca.pem", pki.root.pem());
    write(pki, "ca.pem", more);
    ClawgateCommand::bare("run")
        .dir(pki.dir())
        .arg("--config", "gate.toml")
        .arg("--sandbox", sandbox.to_string())
        .env("CLAWGATE_ADMIN", "off")
        .env("CLAWGATE_WORKERS", "2")
        .env("CLAWGATE_WATCH", "false")
        .start()
}

fn write(pki: &Pki, ca: &str, more: &str) {
    let text = format!(
        "[listen]\naddress = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n\
         [clients]\nca = [\"{ca}\"]\n{more}\n"
    );
    pki.file("gate.toml", text);
}

fn upstream(url: &str) -> String {
    format!("[upstream]\nurl = \"{url}\"")
}

/// `NoNewPrivs` of each of its threads, which comes with Landlock and is inherited in the same way.
fn no_new_privileges(clawgate: &Clawgate) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", clawgate.pid())).unwrap();
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).unwrap();
    let line = |status: String| {
        status.lines().find_map(|line| line.strip_prefix("NoNewPrivs:\t")).unwrap().to_owned()
    };
    tasks.map(|task| line(status(task.unwrap()))).collect()
}

#[test]
fn the_log_says_what_holds_and_it_holds_for_every_thread() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = with_file(&pki, &upstream(&backend.url()), true);

    let line = clawgate.event("sandbox", 1);

    assert_eq!(line["landlock"], "enforced", "{line}");
    assert_eq!(line["no_new_privileges"], true);
    let folder = pki.dir().canonicalize().unwrap().display().to_string();
    assert_eq!(line["reads"], serde_json::json!([folder]));
    assert_eq!(line["connects"], serde_json::json!([backend.address().port()]));
    let threads = no_new_privileges(&clawgate);
    assert!(threads.len() >= 3, "{threads:?}");
    assert!(threads.iter().all(|bit| bit == "1"), "{threads:?}");
}

#[test]
fn a_reload_that_names_a_file_elsewhere_is_refused_and_says_why() {
    let pki = Pki::new();
    let clawgate = with_file(&pki, &upstream("echo:"), true);

    write(&pki, "/etc/passwd", &upstream("echo:"));
    clawgate.signal("HUP");

    let failed = clawgate.event("reload_failed", 1);
    let detail = failed["detail"].as_str().unwrap();
    for part in
        ["/etc/passwd", "Permission denied", "the sandbox lets clawgate read below", "runtime.sandbox"]
    {
        assert!(detail.contains(part), "no `{part}` in {detail}");
    }
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn a_link_in_a_folder_of_crls_that_leads_elsewhere_is_explained_too() {
    let (pki, elsewhere) = (Pki::new(), Pki::new());
    let more = format!("crl = [\"crls\"]\n{}", upstream("echo:"));
    fs::create_dir(pki.dir().join("crls")).unwrap();
    pki.file("crls/old.crl", pki.intermediate.crl(&[], 3600));
    let clawgate = with_file(&pki, &more, true);

    let new = elsewhere.file("new.crl", pki.root.crl(&[], 3600));
    symlink(new, pki.dir().join("crls/new.crl")).unwrap();
    clawgate.signal("HUP");

    let failed = clawgate.event("reload_failed", 1);
    let detail = failed["detail"].as_str().unwrap();
    for part in ["crls/new.crl", "Permission denied", "the sandbox lets clawgate read below"] {
        assert!(detail.contains(part), "no `{part}` in {detail}");
    }
}

#[test]
fn without_the_sandbox_the_same_file_is_read() {
    let pki = Pki::new();
    let clawgate = with_file(&pki, &upstream("echo:"), false);
    assert_eq!(clawgate.event("sandbox", 1)["landlock"], "off");
    assert!(no_new_privileges(&clawgate).iter().all(|bit| bit == "0"));

    write(&pki, "/etc/passwd", &upstream("echo:"));
    clawgate.signal("HUP");

    let detail = clawgate.event("reload_failed", 1)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("/etc/passwd") && !detail.contains("Permission denied"), "{detail}");
}

#[test]
fn a_file_that_is_put_in_the_place_of_another_is_read() {
    let pki = Pki::new();
    let clawgate = with_file(&pki, &upstream("echo:"), true);
    let other = Pki::new();

    let new = pki.file("new.pem", pki.root.pem() + &other.root.pem());
    fs::rename(new, pki.dir().join("ca.pem")).unwrap();
    clawgate.signal("HUP");

    clawgate.event("reloaded", 1);
}

#[test]
fn a_reload_with_another_upstream_port_is_refused_and_says_why() {
    let pki = Pki::new();
    let (old, new) = (Backend::ok(), Backend::ok());
    let clawgate = with_file(&pki, &upstream(&old.url()), true);

    write(&pki, "ca.pem", &upstream(&new.url()));
    clawgate.signal("HUP");

    let failed = clawgate.event("reload_failed", 1);
    let detail = failed["detail"].as_str().unwrap();
    let port = format!("port {} was not in the settings at the start", new.address().port());
    for part in [port.as_str(), "restart clawgate", "runtime.sandbox"] {
        assert!(detail.contains(part), "no `{part}` in {detail}");
    }
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    assert_eq!((old.received().len(), new.received().len()), (1, 0));
}

#[test]
fn an_upstream_with_a_host_name_is_found() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let url = format!("http://localhost:{}", backend.address().port());
    let clawgate = with_file(&pki, &upstream(&url), true);

    assert_eq!(clawgate.event("sandbox", 1)["landlock"], "enforced");
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn as_many_files_may_be_open_as_there_may_be_at_all() {
    let pki = Pki::new();
    let clawgate = with_file(&pki, &upstream("echo:"), true);

    let limits = fs::read_to_string(format!("/proc/{}/limits", clawgate.pid())).unwrap();

    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
}
