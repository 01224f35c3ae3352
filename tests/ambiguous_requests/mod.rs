//! Requests that can be read in two ways, or that try to avoid a check, are refused and do not reach the upstream.

mod framing;
mod head;
mod host;
mod target;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client, Connection};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate before an upstream that must not be reached, and what was logged of it so far.
struct Scene {
    pki: Pki,
    backend: Backend,
    clawgate: Clawgate,
    requests: usize,
}

impl Scene {
    fn new() -> Self {
        let pki = Pki::new();
        let backend = Backend::ok();
        let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
        Self { pki, backend, clawgate, requests: 0 }
    }

    fn connect(&self) -> Connection {
        Client::new(&self.pki, &self.clawgate).connect().unwrap()
    }

    /// Sends `request` on a connection of its own and expects this refusal: at the client, in the log,
    /// and not at the upstream.
    fn refuses(&mut self, request: impl AsRef<[u8]>, status: u16, reason: &str) -> (Answer, Connection) {
        let shown = String::from_utf8_lossy(request.as_ref()).chars().take(200).collect::<String>();
        let mut connection = self.connect();
        connection.write(request.as_ref());
        let answer = connection.answer();
        assert_eq!(answer.status, status, "{shown:?}");
        assert_eq!(answer.reason(), reason, "{shown:?}");
        self.requests += 1;
        let line = self.clawgate.event("request", self.requests);
        assert_eq!(line["status"], status, "{shown:?}");
        assert_eq!(line["reason"], reason, "{shown:?}");
        assert_eq!(line["id"], answer.json()["id"], "{shown:?}");
        assert_eq!(self.backend.connections(), 0, "{shown:?}");
        (answer, connection)
    }

    /// The same where nothing can be understood after the request.
    fn breaks_off(&mut self, request: impl AsRef<[u8]>, status: u16, reason: &str) {
        let (answer, mut connection) = self.refuses(request, status, reason);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.is_closed());
    }
}

/// A request with these fields after a Host, and what follows them.
fn post(rest: &str) -> String {
    format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\n{rest}")
}

/// A request for `target` without a body.
fn to(target: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
}
