//! The admin console: its page without a browser. `scripts/console-e2e.sh` drives it in one.

mod actions;
#[path = "../../examples/console_data/mod.rs"]
mod console_data;
mod cost;
mod headline;
mod hostile;
mod page;
mod panels;
mod size;
mod stored_events;
mod terminal;
mod top;

use std::net::SocketAddr;

use crate::inbox::support::{command, inbox, stored};
use crate::support::client::{Answer, Client};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

/// A clawgate with an inbox at `/hooks/agent`, and a denylist that the console may add lines to.
fn with_inbox(pki: &Pki, upstream: &str) -> ClawgateCommand {
    let denylist = pki.file("denylist", "# nobody yet\n");
    let admin = format!(
        "[admin]\nedit_denylist = true\n[clients]\ndenylist = {denylist:?}\n{}{}",
        inbox(pki, ""),
        stored("/hooks/agent", "")
    );
    command(pki, upstream, &admin).admin()
}

/// The text of a page.
fn text(address: SocketAddr, path: &str) -> String {
    let answer = plain::get(address, path);
    assert_eq!(answer.status, 200, "{path}");
    String::from_utf8(answer.body).unwrap()
}

/// The nonce of the forms of a page.
fn nonce(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"nonce\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// A form, as a browser sends it. `fields` are header fields, each with its line end.
fn send_form(address: SocketAddr, action: &str, fields: &str, body: &str) -> Answer {
    post_form(address, &format!("/actions/{action}"), fields, body)
}

/// The same for any path.
fn post_form(address: SocketAddr, path: &str, fields: &str, body: &str) -> Answer {
    plain::exchange(address, form(address, path, fields, body).as_bytes()).unwrap()
}

/// The bytes of a form.
fn form(address: SocketAddr, path: &str, fields: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\n{fields}Connection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The page that asks before an action.
fn confirm(clawgate: &Clawgate, action: &str, target: &str) -> String {
    let address = clawgate.admin();
    let nonce = nonce(&text(address, "/"));
    let body = format!("nonce={nonce}&action={action}&target={target}");
    let answer = post_form(address, "/confirm", &format!("Origin: http://{address}\r\n"), &body);
    String::from_utf8(answer.body).unwrap()
}

/// Sends a form of the page itself; returns what the page that follows says about it.
pub fn act(clawgate: &Clawgate, action: &str, target: &str) -> String {
    let address = clawgate.admin();
    let nonce = nonce(&text(address, "/"));
    let answer = send_form(
        address,
        action,
        &format!("Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n"),
        &format!("nonce={nonce}&target={target}"),
    );
    assert_eq!(answer.status, 303, "{action}: {}", String::from_utf8_lossy(&answer.body));
    let page = text(address, answer.header("location").unwrap());
    let (_, rest) = page.split_once("<p class=\"outcome").unwrap();
    let (outcome, _) = rest.split_once("</p>").unwrap();
    outcome.split_once('>').unwrap().1.to_owned()
}

/// A client of the CA.
fn client(pki: &Pki, clawgate: &Clawgate, name: &str) -> Client {
    Client::with_identity(pki, clawgate, &pki.client(Leaf::client(name)))
}

/// The section with this `id`.
fn panel(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!("<section id=\"{id}\"")).unwrap();
    rest.split_once("</section>").unwrap().0.to_owned()
}

/// The page, once its panel `id` has `part`.
fn page_with(clawgate: &Clawgate, id: &str, part: &str) -> String {
    eventually("the panel", || {
        let page = text(clawgate.admin(), "/");
        panel(&page, id).contains(part).then_some(page)
    })
}
