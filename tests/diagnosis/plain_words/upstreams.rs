//! Upstreams that cannot be reached, or do not answer with HTTP.

use serde_json::Value;

use super::{is_plain, is_plain_json, log_is_plain};
use crate::support::backend::{Backend, Exchange};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::{eventually, plain, relay, unused_port};

/// As many requests to `command`'s upstream, each on a connection of its own; the answers, the log, and what the admin
/// listener says.
#[track_caller]
fn tells_plainly(pki: &Pki, what: &str, command: ClawgateCommand, requests: usize) {
    let mut clawgate = command.admin().arg("--upstream-response-timeout", "300ms").start();
    for _ in 0..requests {
        let mut connection = Client::new(pki, &clawgate).connect().unwrap();
        connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        is_plain(what, &connection.rest().0);
    }
    for path in ["/status", "/readyz"] {
        let answer = plain::get(clawgate.admin(), path);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => is_plain_json(what, &value),
            Err(_) => is_plain(what, &text),
        }
    }
    eventually("a line for each request", || {
        (clawgate.events("request").len() == requests).then_some(())
    });
    clawgate.signal("KILL");
    clawgate.wait();
    log_is_plain(&clawgate.lines());
}

#[test]
fn upstreams_that_do_not_answer_with_http_are_logged_in_plain_words() {
    let pki = Pki::new();
    let answers: [&'static [u8]; 16] = [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    ];
    let backend = Backend::script(move |mut exchange: Exchange| {
        if exchange.request().is_none() {
            return;
        }
        match answers.get(exchange.number) {
            Some(answer) => exchange.write(answer),
            None => exchange
                .write(format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(200_000)).as_bytes()),
        }
    });
    let command = ClawgateCommand::new(&pki).upstream(backend.url());
    tells_plainly(&pki, "what is no HTTP", command, answers.len() + 1);
    assert!(backend.connections() > answers.len(), "{}", backend.connections());
}

#[test]
fn unreachable_upstreams_are_logged_in_plain_words() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let closed = unused_port();
    let missing = pki.dir().join("no.sock");
    for upstream in [
        format!("http://{closed}"),
        format!("unix:{}", missing.display()),
        "http://no.such.name.invalid:1".to_owned(),
    ] {
        tells_plainly(&pki, &upstream, ClawgateCommand::new(&pki).upstream(&upstream), 1);
    }

    let ca = pki.file("upstream-ca.pem", pki.root.pem());
    let other = pki.file("other-ca.pem", Ca::root("Another Root").pem());
    let good = relay::tls(&pki.server, backend.address());
    let expired = relay::tls(&pki.client(Leaf::server().valid(-9 * 86400, -86400)), backend.address());
    let client = relay::tls(&pki.client, backend.address());
    for (what, address, ca) in [
        ("TLS where there is none", backend.address(), &ca),
        ("another CA", good, &other),
        ("an expired certificate", expired, &ca),
        ("a certificate for clients", client, &ca),
    ] {
        let command =
            ClawgateCommand::new(&pki).upstream(format!("https://localhost:{}", address.port()));
        tells_plainly(&pki, what, command.arg("--upstream-ca", ca), 1);
    }
    let plain_to_tls = ClawgateCommand::new(&pki).upstream(format!("http://{good}"));
    tells_plainly(&pki, "plain HTTP where there is TLS", plain_to_tls, 1);
}
