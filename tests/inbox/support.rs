//! A clawgate with an inbox.

use crate::support::client::{Answer, Client};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// The hook token that the upstream gets.
pub const TOKEN: &str = "openclaw-hook-token-of-the-tests";

/// Settings with an inbox in the folder of `pki`; `lines` follow in `[inbox]`.
pub fn inbox(pki: &Pki, lines: &str) -> String {
    format!("[inbox]\npath = {:?}\n{lines}\n", pki.dir().join("inbox").join("inbox.db"))
}

/// A route whose events are stored; `lines` follow in `[[route]]`.
pub fn stored(path: &str, lines: &str) -> String {
    format!("[[route]]\npath = \"{path}\"\ndelivery = \"inbox\"\n{lines}\n")
}

/// A clawgate with these settings, and a token for the upstream.
pub fn command(pki: &Pki, upstream: &str, toml: &str) -> ClawgateCommand {
    let token = pki.file("token", TOKEN);
    ClawgateCommand::new(pki)
        .arg("--config", pki.file("clawgate.toml", toml))
        .arg("--hook-token-file", token)
        .upstream(upstream)
}

/// The same with one route, `/hooks/agent`, started.
pub fn start(pki: &Pki, upstream: &str, lines: &str) -> Clawgate {
    command(pki, upstream, &(inbox(pki, "") + &stored("/hooks/agent", lines))).start()
}

/// A POST to `/hooks/agent`.
pub fn post(headers: &str, body: &str) -> String {
    post_to("/hooks/agent", headers, body)
}

pub fn post_to(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request of the client `fathom`.
pub fn send(pki: &Pki, clawgate: &Clawgate, request: &str) -> Answer {
    let identity = pki.client(Leaf::client("fathom"));
    Client::with_identity(pki, clawgate, &identity).send(request)
}
