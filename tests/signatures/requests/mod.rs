//! Senders that sign their requests: the listener without client certificates, and routes that demand a signature.

mod audit;
mod body;
mod causes;
mod certificates;
mod challenges;
mod hidden_routes;
mod limits;
mod listener;
mod record;
mod replay;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;

use crate::support::client::{Answer, Client};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// The secret of the route.
const SECRET: &str = "it is a secret of 32 characters!";

/// A clawgate with a listener for signed requests, and these lines after `[listen]` in its settings file.
fn configured(pki: &Pki, upstream: &str, toml: &str) -> Clawgate {
    command(pki, upstream, toml).start()
}

fn command(pki: &Pki, upstream: &str, toml: &str) -> ClawgateCommand {
    pki.file("github", SECRET);
    let toml = format!("[listen]\nsigned_address = [\"127.0.0.1:0\"]\n{toml}");
    ClawgateCommand::new(pki).arg("--config", pki.file("clawgate.toml", &toml)).upstream(upstream)
}

/// A route at this path for requests that are signed as GitHub does, with more lines for `[[route]]`.
fn github(pki: &Pki, path: &str, lines: &str) -> String {
    let secret = pki.dir().join("github");
    format!(
        "[[route]]\npath = \"{path}\"\n{lines}\n[route.verify]\nscheme = \"github\"\nsecret_file = [{secret:?}]\n"
    )
}

/// The value of `X-Hub-Signature-256` for this body.
fn signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hmac_hex(secret, body))
}

/// HMAC with SHA-256, in hex.
fn hmac_hex(secret: &str, signed: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, signed).as_ref())
}

/// A POST with this body, and a signature in its header.
fn post(path: &str, signature: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a correctly signed POST without a client certificate.
fn send(pki: &Pki, clawgate: &Clawgate, path: &str, body: &str) -> Answer {
    let request = post(path, &signature(SECRET, body.as_bytes()), body);
    Client::without_certificate(pki, clawgate).send(&request)
}
