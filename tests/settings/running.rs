//! What `check` says about the running process, and which changes need a restart.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::{command, found};
use crate::support::eventually;
use crate::support::pki::{Ca, Pki};
use crate::support::process::{Clawgate, ClawgateCommand, Output};

/// A process and its settings: `clawgate.toml` beside the rest, with an admin listener on a unix socket.
struct Process {
    pki: Pki,
    clawgate: Clawgate,
}

impl Process {
    fn started(settings: &str) -> Self {
        let pki = Pki::new();
        let clawgate = with(&pki, "run", settings).start();
        Self { pki, clawgate }
    }

    /// What `check` says, with these settings in the file.
    fn check(&self, settings: &str) -> Output {
        with(&self.pki, "check", settings).output()
    }

    fn reload(&self, settings: &str, number: usize) -> Value {
        self.pki.file("clawgate.toml", text(&self.pki, settings));
        self.clawgate.signal("HUP");
        self.clawgate.event("reloaded", number)
    }

    fn admin(&self, path: &str) -> String {
        let mut socket = UnixStream::connect(self.pki.dir().join("admin.sock")).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.admin("/status")).unwrap()
    }
}

fn text(pki: &Pki, settings: &str) -> String {
    let socket = pki.dir().join("admin.sock");
    format!("admin.address = \"unix:{}\"\nruntime.watch = false\n{settings}\n", socket.display())
}

fn with(pki: &Pki, subcommand: &str, settings: &str) -> ClawgateCommand {
    let config = pki.file("clawgate.toml", text(pki, settings));
    command(subcommand, pki).without_env("CLAWGATE_ADMIN").arg("--config", config)
}

/// What is said of the process.
fn notes(checked: &Output) -> Vec<String> {
    assert!(matches!(checked.code, Some(0)), "{checked:?}");
    let notes = found("note", &checked.stdout).into_iter();
    notes.filter_map(|note| Some(note.split_once(" in_use: ")?.1.to_owned())).collect()
}

#[test]
fn check_says_that_a_process_runs_with_these_settings_and_files() {
    let process = Process::started("clients.allow = \"cn=notes\"");

    let checked = process.check("clients.allow = \"cn=notes\"");

    assert_eq!(notes(&checked), [""; 0], "{checked:?}");
    let said = found("pass", &checked.stdout);
    assert!(
        said[0].ends_with("a process is running with these settings and files (generation 1)"),
        "{said:?}"
    );
    assert!(checked.stdout.ends_with("clawgate: all is well with the settings\n"), "{checked:?}");
}

#[test]
fn check_says_what_a_reload_and_what_a_restart_would_change() {
    let process = Process::started("clients.allow = \"cn=notes\"\nlimits.idle_timeout = \"60s\"");
    let more = process.pki.root.pem() + &Ca::root("Second Root").pem();

    process.pki.file("more.pem", more);
    let ca = process.pki.dir().join("more.pem");
    let settings =
        "clients.allow = [\"cn=notes\", \"cn=calls\"]\nlimits.idle_timeout = \"10s\"\nlimits.uri = 99";
    let checked = with(&process.pki, "check", settings).env("CLAWGATE_CLIENT_CA", &ca).output();

    let notes = notes(&checked);
    let said = |part: &str| assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:#?}");
    said("a process is running with other settings or files (generation 1): 5 differences");
    said("clients.allow: adds cn=calls");
    said("clients.ca: adds CN=Second Root, until ");
    said("limits.idle_timeout: 1m becomes 10s (needs a restart)");
    said("limits.uri: 4096 becomes 99");
    said(&format!("named now: {}", ca.display()));
    assert!(checked.stdout.contains("hint: a reload makes the change (kill -HUP PID"), "{checked:?}");
}

#[test]
fn check_says_which_files_have_changed_since_they_were_loaded_and_shows_no_secret() {
    let settings = |pki: &Pki| format!("upstream.token_file = {:?}", pki.dir().join("token"));
    let pki = Pki::new();
    let token = pki.file("token", "a-token-of-many-letters");
    let clawgate = with(&pki, "run", &settings(&pki)).start();
    let process = Process { pki, clawgate };
    let status = process.admin("/status");
    let digest = clawgate::identity::sha256(b"a-token-of-many-letters");
    assert!(!status.contains("a-token-of") && !status.contains(&digest), "{status}");

    // Written anew: the time alone tells.
    let written = fs::metadata(&token).unwrap().modified().unwrap();
    eventually("another time of the file", || {
        fs::write(&token, "b-token-of-many-letters").unwrap();
        (fs::metadata(&token).unwrap().modified().unwrap() != written).then_some(())
    });
    let checked = process.check(&settings(&process.pki));

    let notes = notes(&checked);
    let files = format!("since they were loaded: {}", token.display());
    assert!(notes[1].contains(&files), "{notes:#?}");
    assert!(!format!("{checked:?}").contains("b-token-of"), "{checked:?}");
}

#[test]
fn check_says_plainly_that_no_process_is_running() {
    let pki = Pki::new();

    let checked = with(&pki, "check", "").output();

    assert_eq!(notes(&checked), ["no process is running with this admin.address: nothing was compared"]);
}

#[test]
fn check_does_not_send_the_admin_token_and_says_that_it_does_not_compare() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "a-token-of-many-letters");
    let settings = format!("admin.token_file = {token:?}");
    let _clawgate = with(&pki, "run", &settings).start();

    let checked = with(&pki, "check", &settings).output();

    assert_eq!(
        notes(&checked),
        ["a process is running and requires a token, which is not sent to it: nothing was compared"]
    );
}

#[test]
fn what_needs_a_restart_stays_in_status_and_readiness_until_it_is_put_back() {
    let started = "limits.idle_timeout = \"60s\"";
    let process = Process::started(started);
    assert_eq!(process.status()["needs_restart"], json!([]));
    let keys = json!(["limits.idle_timeout"]);

    let line = process.reload("limits.idle_timeout = \"10s\"", 1);
    assert_eq!(line["needs_restart"], keys);
    // Another reload without a change of it does not forget it.
    let line = process.reload("limits.idle_timeout = \"10s\"\nlimits.uri = 100", 2);
    assert_eq!(line["needs_restart"], keys);
    assert_eq!(process.status()["needs_restart"], keys);
    assert_eq!(process.status()["settings"]["limits.idle_timeout"], json!(["1m"]));
    assert_eq!(process.status()["settings"]["limits.uri"], json!(["100"]));
    assert!(process.admin("/readyz").contains("needs a restart: limits.idle_timeout"));
    let checked = process.check("limits.idle_timeout = \"10s\"\nlimits.uri = 100");
    assert_eq!(found("warning", &checked.stdout).len(), 1, "{checked:?}");
    assert!(
        notes(&checked).contains(&"limits.idle_timeout: 1m becomes 10s (needs a restart)".to_owned())
    );

    let line = process.reload(started, 3);

    assert!(line["needs_restart"].is_null(), "{line}");
    assert_eq!(process.status()["needs_restart"], json!([]));
    assert!(!process.admin("/readyz").contains("restart"));
}
