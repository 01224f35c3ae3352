//! `clawgate sign` and `clawgate verify`: signed requests for people who set up webhooks.

mod command;
mod doctor;
mod presets;
mod texts;
mod verify;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand, Output};

/// Made of random bytes, in base64 so that each scheme can read it.
const SECRET: &str = "whsec_aXQgaXMgYSBzZWNyZXQgb2YgMzIgY2hhcmFjdGVycyE=";

/// A settings file with its other files.
struct Setup {
    pki: Pki,
    config: PathBuf,
    upstream: String,
}

impl Setup {
    /// `toml` are the lines of `[listen]` and the routes.
    fn new(upstream: impl Into<String>, toml: impl FnOnce(&Pki) -> String) -> Self {
        let pki = Pki::new();
        let toml = toml(&pki);
        let config = pki.file("clawgate.toml", format!("[listen]\n{toml}"));
        Self { pki, config, upstream: upstream.into() }
    }

    fn command(&self, subcommand: &str) -> ClawgateCommand {
        self.command_with(subcommand, self.pki.root.pem())
    }

    /// With this as `clients.ca`.
    fn command_with(&self, subcommand: &str, ca: String) -> ClawgateCommand {
        let (certificate, key) = self.pki.files("server", &self.pki.server);
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        ClawgateCommand::bare(subcommand)
            .arg("--config", &self.config)
            .arg("--cert", certificate)
            .arg("--key", key)
            .arg("--client-ca", self.pki.file("ca.pem", ca))
            .arg("--upstream", &self.upstream)
            .env("CLAWGATE_ADMIN", "off")
            .env("CLAWGATE_WATCH", "false")
            .env("CLAWGATE_WORKERS", "1")
            .env("CLAWGATE_LOG_REPEAT_WINDOW", "off")
    }

    fn start(&self) -> Clawgate {
        self.command("run").arg("--listen", "127.0.0.1:0").arg("--listen-signed", "127.0.0.1:0").start()
    }

    /// `clawgate sign` for the listeners of `clawgate`.
    fn sign(&self, clawgate: &Clawgate, route: &str) -> ClawgateCommand {
        self.command("sign")
            .word(route)
            .arg("--listen", clawgate.addresses()[0].to_string())
            .arg("--listen-signed", clawgate.signed().to_string())
    }
}

/// A file with a secret, which only its owner may read.
fn secret(pki: &Pki, name: &str, text: &str) -> PathBuf {
    let path = pki.file(name, text);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// A route at `/hooks/SCHEME` whose requests are signed with [`SECRET`].
fn route(pki: &Pki, scheme: &str, authenticate: &str, lines: &str) -> String {
    let file = secret(pki, scheme, SECRET);
    format!(
        "[[route]]\npath = \"/hooks/{scheme}\"\nauthenticate = \"{authenticate}\"\n[route.verify]\nscheme = \
         \"{scheme}\"\nsecret_file = [{file:?}]\n{lines}\n"
    )
}

/// What came of a command that `clawgate sign` printed.
#[derive(Debug)]
struct Sent {
    status: String,
    body: String,
}

/// Runs the command as it was printed.
#[track_caller]
fn execute(signed: &Output) -> Sent {
    assert_eq!(signed.code, Some(0), "{signed:?}");
    let mut bash = Command::new("bash");
    bash.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).args(["-c", &signed.stdout]);
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{} {output:?}", signed.stdout);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (head, body) = stdout.split_once("\r\n\r\n").unwrap_or((&stdout, ""));
    Sent { status: head.split(' ').nth(1).unwrap_or_default().to_owned(), body: body.to_owned() }
}
