//! `clawgate doctor` reports no fault where there is none, and each fault under its own name.

mod balancers;
mod certificates;
mod chains;
mod clients;
#[cfg(feature = "otlp")]
mod collector;
mod crls;
mod impostors;
mod inbox;
mod listener;
#[cfg(feature = "jetstream")]
mod nats;
mod relay;
mod targets;
mod text;
mod upstream;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

const TOKEN: &str = "9f86d081884c7d659a2feaa0c55ad015";

/// The settings of one clawgate, and their files.
struct Setup {
    pki: Pki,
    upstream: String,
    token: PathBuf,
    /// More settings, as flags.
    more: Vec<(&'static str, String)>,
}

impl Setup {
    /// In front of `upstream`, everything as it should be.
    fn new(upstream: impl Into<String>) -> Self {
        let pki = Pki::new();
        let token = secret(&pki, "token", TOKEN);
        Self { pki, upstream: upstream.into(), token, more: Vec::new() }
    }

    fn with(mut self, flag: &'static str, value: impl Into<String>) -> Self {
        self.more.push((flag, value.into()));
        self
    }

    fn command(&self, subcommand: &str, listen: SocketAddr) -> ClawgateCommand {
        let (certificate, key) = self.pki.files("server", &self.pki.server);
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        self.command_with(subcommand, listen, &certificate, &key)
    }

    fn command_with(
        &self,
        subcommand: &str,
        listen: SocketAddr,
        certificate: &Path,
        key: &Path,
    ) -> ClawgateCommand {
        let mut command = ClawgateCommand::bare(subcommand)
            .arg("--cert", certificate)
            .arg("--key", key)
            .arg("--listen", listen.to_string())
            .arg("--upstream", &self.upstream)
            .arg("--hook-token-file", &self.token)
            .arg("--max-connections", "100")
            .env("CLAWGATE_WATCH", "false")
            .env("CLAWGATE_ADMIN", "off")
            .env("CLAWGATE_WORKERS", "1");
        if !self.more.iter().any(|(flag, _)| *flag == "--client-ca") {
            command = command.arg("--client-ca", self.pki.file("ca.pem", self.pki.root.pem()));
        }
        for (flag, value) in &self.more {
            command = command.arg(flag, value);
        }
        command
    }

    fn clawgate(&self) -> Clawgate {
        self.command("run", any()).start()
    }

    /// The doctor's report on a clawgate with these settings on `listen`.
    fn examined(&self, listen: SocketAddr) -> Diagnosis {
        Diagnosis::of(self.command("doctor", listen))
    }
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn secret(pki: &Pki, name: &str, text: &str) -> PathBuf {
    let path = pki.file(name, text);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// What the doctor said.
#[derive(Debug)]
struct Diagnosis {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Diagnosis {
    fn of(command: ClawgateCommand) -> Self {
        let output = command.word("--json").output();
        let report: Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let findings = report["findings"].as_array().unwrap().clone();
        for finding in &findings {
            let bad = finding["severity"] == "warning" || finding["severity"] == "fail";
            assert!(!bad || finding["hint"].is_string(), "a hint where it is needed: {finding}");
        }
        Self { code: output.code, findings }
    }

    /// `area/check` of everything with this state.
    fn all(&self, state: &str) -> Vec<String> {
        let found = self.findings.iter().filter(|finding| finding["severity"] == state);
        let name = |finding: &Value| {
            format!("{}/{}", finding["area"].as_str().unwrap(), finding["name"].as_str().unwrap())
        };
        found.map(name).collect()
    }

    /// Nothing but `name` (`area/check`) is wrong, and it is a fault; returns its detail and hint.
    #[track_caller]
    fn only_fault(&self, name: &str) -> String {
        assert_eq!(self.all("fail"), [name], "{self:#?}");
        assert_eq!(self.code, Some(1));
        self.text(name, "fail")
    }

    /// Nothing is a fault, and `name` alone is a warning; returns its detail and hint.
    #[track_caller]
    fn only_warning(&self, name: &str) -> String {
        assert_eq!(self.all("fail"), [""; 0], "{self:#?}");
        assert_eq!(self.all("warning"), [name], "{self:#?}");
        assert_eq!(self.code, Some(0));
        self.text(name, "warning")
    }

    #[track_caller]
    fn all_good(&self) {
        let bad: Vec<_> = self.all("fail").into_iter().chain(self.all("warning")).collect();
        assert_eq!((bad, self.code), (vec![], Some(0)), "{self:#?}");
    }

    /// Detail and hint of the one finding of that name and state.
    #[track_caller]
    fn text(&self, name: &str, state: &str) -> String {
        let (area, check) = name.split_once('/').unwrap();
        let mut of_name = self.findings.iter().filter(|finding| {
            finding["area"] == area && finding["name"] == check && finding["severity"] == state
        });
        let finding = of_name.next().unwrap_or_else(|| panic!("no {state} {name}: {self:#?}"));
        let hint = finding["hint"].as_str().unwrap_or_default();
        format!("{}\n{hint}", finding["detail"].as_str().unwrap())
    }
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// An upstream that answers as OpenClaw's hooks do.
fn openclaw() -> Backend {
    openclaw_with(TOKEN, 262_144)
}

fn openclaw_with(token: &'static str, limit: usize) -> Backend {
    Backend::each(move |exchange, request| {
        let authorized = request.value("authorization") == Some(&format!("Bearer {token}"));
        let (method, rest) = request.request_line().split_once(' ').unwrap();
        let path = rest.split(' ').next().unwrap();
        match (method, path) {
            ("GET", "/healthz") => {
                exchange.answer("200 OK", "application/json", r#"{"ok":true,"status":"live"}"#);
            }
            ("POST", path) if !path.starts_with("/hooks/") => {
                exchange.answer("404 Not Found", "text/plain", "Not Found");
            }
            ("POST", _) if !authorized => {
                exchange.answer("401 Unauthorized", "text/plain", "Unauthorized");
            }
            ("POST", _) if request.body.len() > limit => {
                exchange.answer("413 Payload Too Large", "application/json", r#"{"ok":false}"#);
            }
            ("POST", "/hooks/wake") => exchange.answer("200 OK", "application/json", r#"{"ok":true}"#),
            ("POST", _) => exchange.answer("404 Not Found", "text/plain", "Not Found"),
            _ => exchange.answer("200 OK", "text/html", "<html>the control UI</html>"),
        }
    })
}

#[test]
fn a_clawgate_as_it_should_be_is_all_good() {
    let backend = openclaw();
    let setup = Setup::new(backend.url());
    let clawgate = setup.clawgate();
    let (certificate, key) = setup.pki.files("client", &setup.pki.client);

    let command = setup.command("doctor", clawgate.address());
    let diagnosis = Diagnosis::of(command.arg("--client-cert", certificate).arg("--client-key", key));

    diagnosis.all_good();
    for name in [
        "certificate/chain",
        "clients/ca",
        "token/guessable",
        "machine/clock",
        "listener/no_certificate",
        "listener/with_certificate",
        "listener/plain_http",
        "listener/tls_1_0",
        "upstream/token",
        "upstream/body_limit",
    ] {
        diagnosis.text(name, "pass");
    }
}

#[test]
fn people_get_lines_and_a_sum() {
    let backend = openclaw();
    let setup = Setup::new(backend.url());
    let clawgate = setup.clawgate();

    let output = setup.command("doctor", clawgate.address()).output();

    says(&output.stdout, &["\n  pass     plain_http", "\nall good ("]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[test]
fn no_hook_that_exists_is_called_and_no_token_is_shown() {
    let backend = openclaw();
    let setup = Setup::new(backend.url());
    let clawgate = setup.clawgate();

    let output = setup.command("doctor", clawgate.address()).output();

    let lines: Vec<_> =
        backend.received().iter().map(|request| request.request_line().to_owned()).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        assert!(line.contains(" /healthz ") || line.contains(" /hooks/clawgate-doctor-"), "{line}");
    }
    assert!(!output.stdout.contains(TOKEN));
}

#[test]
fn settings_that_cannot_be_used_are_faults_one_by_one() {
    let pki = Pki::new();
    let ca = pki.file("ca.pem", pki.root.pem());
    let command = ClawgateCommand::bare("doctor").arg("--client-ca", ca).arg("--workers", "many");

    let diagnosis = Diagnosis::of(command);

    assert_eq!(diagnosis.all("fail"), ["settings/load"; 3], "{diagnosis:#?}");
    assert_eq!(diagnosis.all("pass"), [""; 0]);
    assert_eq!(diagnosis.code, Some(1));
}

#[test]
fn half_a_client_is_a_mistake_in_the_usage() {
    let output = ClawgateCommand::bare("doctor").arg("--client-cert", "client.pem").output();

    assert_eq!(output.code, Some(2));
    says(&output.stderr, &["--client-key"]);
}
