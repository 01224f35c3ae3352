//! The relay: events of programs on this machine go to APIs, with credentials that these programs never have.

mod batches;
mod callers;
mod console;
mod credentials;
#[cfg(feature = "protobuf")]
mod protobuf;
mod queue;
mod rebinding;
mod reload;
mod routes;
mod tries;
mod wait;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::client::Answer;
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};

/// The token of callers.
const TOKEN: &str = "token-of-the-callers-of-the-relay";
/// The credential of the target.
const KEY: &str = "key-of-the-api-that-no-caller-may-see";

/// The settings of a target of a test: lines that each may be replaced.
struct Target(Vec<(&'static str, String)>);

impl Target {
    /// A target at this address, with a bearer token.
    fn at(pki: &Pki, address: SocketAddr) -> Self {
        let key = pki.file("api-key", KEY);
        Self(vec![
            ("name", "\"analytics\"".to_owned()),
            ("path", "\"/track\"".to_owned()),
            ("url", format!("\"http://{address}/v1/events\"")),
            ("auth", format!("{{ bearer_file = {key:?} }}")),
            ("idempotency_header", "\"Idempotency-Key\"".to_owned()),
            ("allow_plain_http", "true".to_owned()),
            ("allow_private", "[\"127.0.0.0/8\"]".to_owned()),
        ])
    }

    /// With this value of a key.
    fn set(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.retain(|(have, _)| *have != key);
        self.0.push((key, value.into()));
        self
    }

    /// Without this key.
    fn without(mut self, key: &str) -> Self {
        self.0.retain(|(have, _)| *have != key);
        self
    }

    fn toml(&self) -> String {
        let mut toml = "[[relay.target]]\n".to_owned();
        for (key, value) in &self.0 {
            writeln!(toml, "{key} = {value}").unwrap();
        }
        toml
    }
}

/// Settings with an inbox, the listener of the relay and these targets.
fn settings(pki: &Pki, targets: &[Target]) -> String {
    let (database, token) = (pki.dir().join("inbox/inbox.db"), pki.file("relay-token", TOKEN));
    let targets: String = targets.iter().map(Target::toml).collect();
    format!(
        "[inbox]\npath = {database:?}\nretry_first = \"50ms\"\nretry_max = \"500ms\"\n\n\
         [relay]\naddress = \"127.0.0.1:0\"\ntoken_file = {token:?}\n\n{targets}"
    )
}

/// A clawgate with these settings.
fn command(pki: &Pki, settings: &str) -> ClawgateCommand {
    ClawgateCommand::new(pki).arg("--config", pki.file("clawgate.toml", settings)).upstream("echo:")
}

/// A running clawgate with this target.
fn start(pki: &Pki, target: Target) -> Clawgate {
    command(pki, &settings(pki, &[target])).admin().start()
}

/// The head and the body of a POST, with these further lines of the head.
fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends bytes to the relay, and reads the answer.
fn send(clawgate: &Clawgate, bytes: &str) -> Answer {
    plain::exchange(clawgate.relay(), bytes.as_bytes()).unwrap()
}

/// Sends an event of a caller with the token, with these further lines of the head.
fn track_with(clawgate: &Clawgate, headers: &str, body: &str) -> Answer {
    let headers =
        format!("Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n{headers}");
    send(clawgate, &post("/track", &headers, body))
}

/// The same without further lines.
fn track(clawgate: &Clawgate, body: &str) -> Answer {
    track_with(clawgate, "", body)
}

/// The bodies that the API got.
fn bodies(api: &Backend) -> Vec<String> {
    let text = |body: Vec<u8>| String::from_utf8(body).unwrap();
    api.received().into_iter().map(|received| text(received.body)).collect()
}

/// The URL of an API by the name of this machine, if that leads to a private address. `localhost` is refused in the settings.
fn private_name(api: &Backend) -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let (name, port) = (name.trim(), api.address().port());
    let is_private = |address: SocketAddr| match address.ip() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback(),
    };
    let leads_there = (name, port).to_socket_addrs().ok()?.all(is_private);
    leads_there.then(|| format!("\"http://{name}:{port}/\""))
}

/// The body of an answer.
fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// All metrics.
fn metrics(clawgate: &Clawgate) -> String {
    text(&plain::get(clawgate.admin(), "/metrics"))
}

/// Waits for the events of this name.
fn events(clawgate: &Clawgate, name: &str, count: usize) -> Vec<Value> {
    clawgate.event(name, count);
    clawgate.events(name)
}
