//! A clawgate that shapes bodies, and requests for it.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;

use crate::support::client::{Answer, Client};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// The path of the shaped route.
pub const PATH: &str = "/hooks/meetings";

/// The secret of a signed route.
pub const SECRET: &str = "it is a secret of 32 characters!";

/// The key of pseudonyms.
pub const KEY: &str = "a key of many random characters";

/// A route with these lines in `[[route]]`, and these in `[route.shape]`.
pub fn route(lines: &str, shape: &str) -> String {
    format!("[[route]]\npath = \"{PATH}\"\n{lines}\n[route.shape]\n{shape}\n")
}

/// A clawgate with these settings. `@` stands for the folder of `pki`.
pub fn command(pki: &Pki, upstream: &str, toml: &str) -> ClawgateCommand {
    pki.file("key", KEY);
    pki.file("github", SECRET);
    pki.file("token", "openclaw-hook-token-of-the-tests");
    let toml = toml.replace('@', pki.dir().to_str().unwrap());
    ClawgateCommand::new(pki).arg("--config", pki.file("clawgate.toml", toml)).upstream(upstream)
}

/// A clawgate with one shaped route for clients with certificates.
pub fn start(pki: &Pki, upstream: &str, shape: &str) -> Clawgate {
    command(pki, upstream, &route("", shape)).start()
}

/// A POST to the route, with these lines of the head.
pub fn post(head: &str, body: &str) -> String {
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a body.
pub fn send(pki: &Pki, clawgate: &Clawgate, body: &str) -> Answer {
    Client::new(pki, clawgate).send(&post("", body))
}

/// GitHub's header with the signature of this body.
pub fn signature(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = HEXLOWER.encode(hmac::sign(&key, body.as_bytes()).as_ref());
    format!("X-Hub-Signature-256: sha256={signature}\r\n")
}

/// A listener for signed requests, and the key for pseudonyms.
pub const LISTEN: &str =
    "listen.signed_address = [\"127.0.0.1:0\"]\nprivacy.hash_key_file = \"@/key\"\n";

/// The lines of a route that demands GitHub's signature; `more` are further ones for `[[route]]`.
pub fn signed(more: &str) -> String {
    format!(
        "authenticate = \"signature\"\n{more}\n[route.verify]\nscheme = \"github\"\nsecret_file = \"@/github\""
    )
}

/// A meeting as Fathom describes one, with a transcript of about this length in bytes.
pub fn meeting(transcript: usize) -> String {
    let turn = r#"{"speaker":{"display_name":"Ann"},"text":"and so on","timestamp":"00:00:01"}"#;
    let turns = vec![turn; 1.max(transcript / (turn.len() + 1))].join(",");
    format!(
        r#"{{"title":"Planning","recording_id":9007199254740993,"transcript":[{turns}],"default_summary":{{"markdown_formatted":"short"}}}}"#
    )
}

/// The same without its transcript.
pub const WITHOUT_TRANSCRIPT: &str = r#"{"title":"Planning","recording_id":9007199254740993,"default_summary":{"markdown_formatted":"short"}}"#;
