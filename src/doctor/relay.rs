//! Checks the listener of the relay: whether clawgate answers there, refuses a wrong token, accepts the one of the settings, and knows the
//! path of each target. No event is stored or sent: the requests say that their body is compressed, which no target takes.

use std::io;
use std::time::Duration;

use http::HeaderName;
use http::header::AUTHORIZATION;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::probe::{Reply, exchange};
use crate::config::{AdminAddress, Settings};
use crate::finding::{Area, Check, Finding, Subject};
use crate::random::random_hex;
use crate::relay::settings::{Callers, TargetSettings, TokenHeader};
use crate::wording;

const TIMEOUT: Duration = Duration::from_secs(5);

const RELOAD: &str = "reload clawgate (kill -HUP PID); a line reload_failed in its log says why it has not read the settings";

pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let relay = &settings.reloadable.relay;
    let (Some(address), Some(callers)) = (&settings.startup.relay, &relay.callers) else {
        return Vec::new();
    };
    let place = Subject::new(Area::Relay, address);
    if matches!(address, AdminAddress::Tcp(address) if address.port() == 0) {
        let why = "port 0 stands for any free port: give the real one with --relay";
        return vec![place.skipped(Check::Reachable, why)];
    }
    let listener = Listener { place, address, callers };
    match listener.with_wrong_token().await {
        Ok(passed) => {
            let mut found = vec![passed];
            for target in &relay.targets {
                found.push(listener.path(target).await);
            }
            found
        }
        Err(finding) => vec![finding],
    }
}

struct Listener<'a> {
    place: Subject,
    address: &'a AdminAddress,
    callers: &'a Callers,
}

impl Listener<'_> {
    /// Nothing else is asked where this fails.
    async fn with_wrong_token(&self) -> Result<Finding, Finding> {
        let path = format!("/clawgate-doctor-{}", random_hex::<8>().unwrap_or_default());
        let wrong = random_hex::<16>().unwrap_or_default();
        match self.ask(&path, wrong.as_bytes()).await? {
            401 => Ok(self.place.pass(Check::WrongToken, "answers, and refuses a wrong token")),
            404 | 415 => {
                let what = "accepts a token that is not in the settings";
                Err(self.place.fail(Check::WrongToken, what, RELOAD))
            }
            other => Err(self.something_else(&format!("a wrong token is answered with {other}"))),
        }
    }

    /// Whether the path of a target is known, with a request that is refused as soon as its target is.
    async fn path(&self, target: &TargetSettings) -> Finding {
        let (name, path) = (&target.name, &target.path);
        let status = match self.ask(path, self.callers.tokens.first()).await {
            Ok(status) => status,
            Err(finding) => return finding,
        };
        match status {
            415 => self.place.pass(Check::Path, format!("accepts the token, and has {path} for {name}")),
            401 => {
                let what = "refuses the token of relay.token_file";
                self.place.fail(Check::Token, what, RELOAD)
            }
            404 => self.place.fail(Check::Path, format!("does not have {path} for {name}"), RELOAD),
            429 | 503 => {
                let what = format!("{path} for {name} is answered with {status}");
                self.place.warning(Check::Path, what, "ask again when there is less to do")
            }
            other => self.something_else(&format!("{path} is answered with {other}")),
        }
    }

    /// The status of the answer.
    async fn ask(&self, path: &str, token: &[u8]) -> Result<u16, Finding> {
        let fail = |what: String, hint: &str| self.place.fail(Check::Reachable, what, hint);
        let start = "start clawgate, or set relay.address to the value that it runs with";
        match self.call(&self.request(path, token)).await {
            Ok(Reply::Http(answer)) => Ok(answer.status.as_u16()),
            Ok(Reply::Silence) => {
                let hint = "check the machine's load and clawgate's log";
                Err(fail("no answer within 5 s".to_owned(), hint))
            }
            Ok(Reply::Other(_) | Reply::Closed) => Err(self.something_else("it does not speak HTTP")),
            Err(error) => Err(fail(format!("nothing answers there: {}", wording::io(&error)), start)),
        }
    }

    async fn call(&self, request: &[u8]) -> io::Result<Reply> {
        match self.address {
            AdminAddress::Tcp(address) => match timeout(TIMEOUT, TcpStream::connect(address)).await {
                Ok(stream) => Ok(exchange(stream?, request, TIMEOUT).await),
                Err(_) => Ok(Reply::Silence),
            },
            AdminAddress::Unix(socket) => {
                Ok(exchange(UnixStream::connect(socket).await?, request, TIMEOUT).await)
            }
        }
    }

    fn request(&self, path: &str, token: &[u8]) -> Zeroizing<Vec<u8>> {
        let (name, scheme): (&HeaderName, &[u8]) = match &self.callers.header {
            TokenHeader::Bearer => (&AUTHORIZATION, b"Bearer "),
            TokenHeader::Named(name) => (name, b""),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: clawgate-doctor\r\nConnection: close\r\n\
             Content-Encoding: clawgate-doctor\r\nContent-Length: 0\r\n{name}: "
        );
        // One allocation: a growing buffer would leave copies of the token in memory that are not wiped.
        Zeroizing::new([head.as_bytes(), scheme, token, b"\r\n\r\n"].concat())
    }

    fn something_else(&self, why: &str) -> Finding {
        let hint = "see what listens there (ss -ltnxp), or set relay.address to the value that clawgate runs with";
        self.place.fail(Check::Reachable, format!("that is not clawgate's relay: {why}"), hint)
    }
}
