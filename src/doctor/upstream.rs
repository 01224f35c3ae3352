//! Checks the upstreams: whether each can be reached, serves OpenClaw's hooks, and accepts the token.
//!
//! Calls a hook with a random name. No such hook exists, so the call has no effect. The answer shows what is wrong,
//! because OpenClaw checks the path first, then the token, then the body, and last whether the hook exists.

use std::io::{self, ErrorKind};
use std::time::SystemTime;

use http::Method;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::meaning::Meaning;
use super::probe::{Reply, exchange};
use crate::config::{RouteSettings, Settings, UpstreamSettings};
use crate::explain::Server;
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::time::unix_seconds;
use crate::proxy_protocol::LOCAL_V2;
use crate::random::random_hex;
use crate::upstream::{Connector, Forwarded, Forwarding, IdentityForm, Misconfiguration, Target};
use crate::{explain, wording};

/// The largest body that is sent to find out whether the upstream accepts it.
const LARGEST: u64 = 4 * 1024 * 1024;
/// How much the upstream's clock may differ from this machine's, in seconds.
const CLOCK_SKEW: u64 = 60;
/// OpenClaw answers this path without a token.
const HEALTH: &str = "/healthz";

pub(super) async fn findings(settings: &Settings, now: SystemTime) -> Vec<Finding> {
    let mut seen: Vec<(&UpstreamSettings, String)> = Vec::new();
    let mut found = Vec::new();
    for route in settings.reloadable.routes.iter().filter(|route| route.relay.is_none()) {
        let folder = folder(&route.path.to_string());
        let target = (&route.upstream, folder);
        if !seen.contains(&target) {
            found.extend(UpstreamCheck::new(route, &target.1, now).findings().await);
            seen.push(target);
        }
    }
    found
}

/// The folder for a hook with a random name: the one that the route's own hook is in.
fn folder(path: &str) -> String {
    match path {
        // The route is for all paths; `/hooks/` is OpenClaw's default.
        "/" => "/hooks/".to_owned(),
        path => path.get(..=path.rfind('/').unwrap_or(0)).unwrap_or("/").to_owned(),
    }
}

struct UpstreamCheck<'a> {
    place: Subject,
    upstream: &'a UpstreamSettings,
    max_body: u64,
    /// Whether the route allows POST, which hooks use.
    posts: bool,
    folder: &'a str,
    now: SystemTime,
}

impl<'a> UpstreamCheck<'a> {
    fn new(route: &'a RouteSettings, folder: &'a str, now: SystemTime) -> Self {
        Self {
            place: Subject::new(Area::Upstream, format!("{} {folder}", route.upstream.target)),
            upstream: &route.upstream,
            max_body: route.max_body,
            posts: route.methods.contains(&Method::POST),
            folder,
            now,
        }
    }

    async fn findings(&self) -> Vec<Finding> {
        if self.upstream.target == Target::Echo {
            return vec![
                self.place.pass(Check::Connect, "clawgate itself answers; nothing is forwarded"),
            ];
        }
        let health = match self.call("GET", HEALTH, false, b"").await {
            Ok(reply) => reply,
            Err(finding) => return vec![finding],
        };
        let mut found = vec![self.place.pass(Check::Connect, "accepts connections")];
        found.extend(self.clock(&health));
        if let Some(finding) = self.not_http(&health) {
            found.push(finding);
            return found;
        }
        if !self.posts {
            found.push(
                self.place.skipped(Check::Hook, "the route does not allow POST, so no hook was called"),
            );
            return found;
        }
        // Without random bytes the name is fixed, which works too: no hook has that name.
        let name = random_hex::<8>().unwrap_or_default();
        let path = format!("{}clawgate-doctor-{name}", self.folder);
        // The call with the right token comes last: it resets OpenClaw's count of our failed calls.
        let (bare, full) =
            match (self.post(&path, false, b"{}").await, self.post(&path, true, b"{}").await) {
                (Ok(bare), Ok(full)) => (Meaning::of(&bare), Meaning::of(&full)),
                (Err(finding), _) | (_, Err(finding)) => return vec![finding],
            };
        let is_openclaw = is_openclaw(&health);
        found.push(self.judge(bare, full, is_openclaw));
        if full == Meaning::NotFound && bare == Meaning::Unauthorized {
            found.extend(self.body_limit(&path).await);
        }
        found
    }

    /// What the two answers mean: `bare` to a call without a token, `full` to a call with clawgate's token, if it has
    /// one.
    fn judge(&self, bare: Meaning, full: Meaning, is_openclaw: bool) -> Finding {
        let place = &self.place;
        let has_token = self.upstream.token.is_some();
        let origin = self.upstream.token_origin.as_str();
        match (full, bare) {
            (Meaning::Attribution, _) if self.upstream.forwarding != Forwarding::default() => place.fail(
                Check::Attribution,
                "OpenClaw refuses the forwarding headers that clawgate adds: 403 proxy_attribution_required",
                "list clawgate's address in OpenClaw's gateway.trustedProxies, or remove upstream.forwarded and xfcc",
            ),
            (Meaning::Attribution, _) => {
                let detail = "OpenClaw refuses forwarding headers: 403 proxy_attribution_required";
                place.fail(Check::Attribution, detail, Misconfiguration::ProxyAttribution.hint(None))
            }
            (Meaning::Draining, _) => place.fail(
                Check::Hook,
                "it answers 503: it is starting, draining or suspended",
                "wait until it is up (openclaw gateway status), then look again",
            ),
            (Meaning::LockedOut, _) => place.fail(
                Check::Token,
                "it answers 429: too many calls with a wrong token",
                format!("make {origin} the same as OpenClaw's hooks.token, and wait a minute"),
            ),
            (Meaning::Unauthorized, _) if has_token => place.fail(
                Check::Token,
                format!("OpenClaw refuses the token from {origin} (401)"),
                Misconfiguration::Unauthorized.hint(Some(origin)),
            ),
            (Meaning::Unauthorized, _) => {
                place.pass(Check::Token, "it requires a token, which clients must send themselves: clawgate adds none")
            }
            (Meaning::NotFound, Meaning::Unauthorized) => {
                place.pass(Check::Token, "it requires a token, and accepts clawgate's (404 for a hook that does not exist)")
            }
            (Meaning::NotFound | Meaning::WebPage, _) if is_openclaw => place.fail(
                Check::Hook,
                format!("this is OpenClaw's gateway, but there are no hooks at {}", self.folder),
                format!("switch them on (hooks.enabled), and make hooks.path there and the route's path here the same: \
                         this one is {}", self.folder),
            ),
            (Meaning::WebPage, _) => place.fail(
                Check::Hook,
                "it answers with a web page, so this is not a hook",
                Misconfiguration::WebPage.hint(None),
            ),
            (Meaning::NotFound, _) if has_token => place.warning(
                Check::Hook,
                "it does not check the token: 404 with and without it. It is probably not OpenClaw",
                "check that upstream.url has the port of the gateway (OpenClaw: 18789), not of another service",
            ),
            (Meaning::NotFound, _) => place.pass(Check::Hook, "it answers (404 for a hook that does not exist)"),
            (Meaning::Accepted(status), _) => place.warning(
                Check::Hook,
                format!("it answers {status} to a hook that does not exist"),
                "check that upstream.url has the port of the hooks: this server accepts every call",
            ),
            (Meaning::Silent, _) => place.fail(
                Check::Hook,
                "it accepts the request, but does not answer",
                "check its load, its log, and whether another program listens on its port",
            ),
            (Meaning::TooLarge, _) => place.warning(
                Check::BodyLimit,
                "it refuses a body of 2 bytes (413)",
                Misconfiguration::BodyLimit.hint(None),
            ),
            (Meaning::Other(status), _) => place.warning(
                Check::Hook,
                format!("it answers {status} to a hook that does not exist"),
                "look at its log; OpenClaw answers 404",
            ),
            (Meaning::NotHttp, _) => place.fail(
                Check::Hook,
                "its answer is not HTTP",
                "check that upstream.url has the gateway's port",
            ),
        }
    }

    /// The finding if the answer is not HTTP, for example because OpenClaw expects TLS and is called without.
    fn not_http(&self, health: &Reply) -> Option<Finding> {
        if matches!(health, Reply::Http(_)) {
            return None;
        }
        if let Some(server) = self.server()
            && explain::observe(server.clone(), None, &[]).agreed.is_some()
        {
            let hint = format!(
                "set upstream.url to https://{server}, and upstream.ca to the CA of its certificate"
            );
            return Some(self.place.fail(
                Check::Protocol,
                "it speaks TLS, but upstream.url says http",
                hint,
            ));
        }
        Some(match health {
            Reply::Silence => self.place.fail(
                Check::Protocol,
                "it accepts the connection, but does not answer",
                "check its load, its log, and whether another program listens on its port",
            ),
            _ => self.place.fail(
                Check::Protocol,
                "it does not speak HTTP",
                "check that upstream.url has the gateway's port",
            ),
        })
    }

    fn server(&self) -> Option<Server> {
        let (Target::Http { host, port } | Target::Https { host, port }) = &self.upstream.target else {
            return None;
        };
        let name = ServerName::try_from(host.clone()).ok()?;
        Some(Server { host: host.clone(), name, port: *port })
    }

    /// Whether the upstream accepts bodies as large as the route allows.
    async fn body_limit(&self, path: &str) -> Option<Finding> {
        let size = self.max_body.min(LARGEST);
        let padding = usize::try_from(size).ok()?.checked_sub(8)?;
        let body = format!(r#"{{"x":"{}"}}"#, "a".repeat(padding));
        let reply = self.post(path, true, body.as_bytes()).await.ok()?;
        Some(match Meaning::of(&reply) {
            Meaning::TooLarge => self.place.warning(
                Check::BodyLimit,
                format!("it refuses a body of {size} bytes (413), which the route allows"),
                Misconfiguration::BodyLimit.hint(None),
            ),
            _ if size < self.max_body => self.place.skipped(
                Check::BodyLimit,
                format!("{} bytes are too many to send as a test", self.max_body),
            ),
            _ => self
                .place
                .pass(Check::BodyLimit, format!("accepts the {size} bytes that the route allows")),
        })
    }

    fn clock(&self, reply: &Reply) -> Option<Finding> {
        let Reply::Http(answer) = reply else { return None };
        let date = answer.headers.get(http::header::DATE)?.to_str().ok()?;
        let theirs = unix_seconds(httpdate::parse_http_date(date).ok()?);
        let apart = theirs.abs_diff(unix_seconds(self.now));
        Some(if apart > CLOCK_SKEW {
            let detail = format!("its clock and this one are {apart} s apart");
            self.place.warning(Check::Clock, detail, "synchronize both clocks (timedatectl)")
        } else {
            self.place.pass(Check::Clock, "the same as this machine's")
        })
    }

    async fn post(&self, path: &str, with_token: bool, body: &[u8]) -> Result<Reply, Finding> {
        self.call("POST", path, with_token, body).await
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        with_token: bool,
        body: &[u8],
    ) -> Result<Reply, Finding> {
        let connector = Connector::new(self.upstream.target.clone(), self.upstream.secure.as_ref());
        let connector = connector.map_err(|error| {
            self.place.fail(
                Check::Connect,
                format!("cannot be called: {error}"),
                "correct upstream.ca or upstream.url",
            )
        })?;
        let request = self.request(method, path, with_token, body);
        // The upstream refuses a connection without a PROXY header. LOCAL says that there is no client behind it.
        let preface: &[u8] = if self.upstream.forwarding.proxy_protocol { LOCAL_V2 } else { &[] };
        match timeout(self.upstream.connect_timeout, connector.dial(preface)).await {
            Ok(Ok(stream)) => Ok(exchange(stream, &request, self.upstream.response_timeout).await),
            Ok(Err(error)) => Err(self.unreachable(&error).await),
            Err(_) => Err(self.unreachable(&ErrorKind::TimedOut.into()).await),
        }
    }

    fn request(&self, method: &str, path: &str, with_token: bool, body: &[u8]) -> Zeroizing<Vec<u8>> {
        let host = self.server().map_or_else(|| "localhost".to_owned(), |server| server.to_string());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: clawgate-doctor\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let forwarding = forwarding(self.upstream.forwarding);
        let token = self.upstream.token.as_ref().filter(|_| with_token);
        let token = token.map_or(&b""[..], |token| token.authorization().as_bytes());
        let field: &[u8] = if token.is_empty() { b"" } else { b"Authorization: " };
        let end: &[u8] = if token.is_empty() { b"\r\n" } else { b"\r\n\r\n" };
        // One allocation: a growing buffer would leave copies of the token in memory that are not wiped.
        Zeroizing::new([head.as_bytes(), forwarding.as_bytes(), field, token, end, body].concat())
    }

    async fn unreachable(&self, error: &io::Error) -> Finding {
        let https = matches!(self.upstream.target, Target::Https { .. });
        if https && error.kind() != ErrorKind::ConnectionRefused {
            if self.speaks_plain_http().await {
                let server = self.server().map_or_else(String::new, |server| server.to_string());
                let hint =
                    format!("set upstream.url to http://{server}, or enable TLS there (gateway.tls)");
                return self.place.fail(
                    Check::Connect,
                    "it does not speak TLS, but upstream.url says https",
                    hint,
                );
            }
            if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                let hint = "name the CA of its certificate in upstream.ca, and call it by a name that the certificate has";
                return self.place.fail(
                    Check::Connect,
                    format!("the TLS handshake fails: {}", wording::io(error)),
                    hint,
                );
            }
        }
        let hint = match error.kind() {
            ErrorKind::ConnectionRefused => {
                "start it (openclaw gateway run), or set upstream.url to its address (OpenClaw: port 18789)"
            }
            ErrorKind::NotFound => "check upstream.url: there is no such socket or host",
            ErrorKind::PermissionDenied => "let clawgate's user connect to the socket",
            ErrorKind::TimedOut => "check the address, and the firewalls on the path",
            _ => "check upstream.url, and that the upstream is running",
        };
        self.place.fail(
            Check::Connect,
            format!("it cannot be reached there: {}", wording::io(error)),
            hint,
        )
    }

    async fn speaks_plain_http(&self) -> bool {
        let Some(server) = self.server() else { return false };
        let limit = self.upstream.connect_timeout;
        let plain = TcpStream::connect((server.host.as_str(), server.port));
        let Ok(Ok(stream)) = timeout(limit, plain).await else { return false };
        let request = self.request("GET", HEALTH, false, b"");
        matches!(exchange(stream, &request, limit).await, Reply::Http(_))
    }
}

/// The forwarding fields that clawgate would send, with a client address for documentation (RFC 5737). An upstream that
/// does not trust clawgate refuses them.
fn forwarding(forwarding: Forwarding) -> String {
    let mut fields = match forwarding.forwarded {
        Forwarded::Off => String::new(),
        Forwarded::XForwarded => "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n".to_owned(),
        Forwarded::Rfc7239 => "Forwarded: for=192.0.2.1;proto=https\r\n".to_owned(),
    };
    if forwarding.identity.contains(IdentityForm::Xfcc) {
        fields.push_str("X-Forwarded-Client-Cert: Subject=\"CN=clawgate-doctor\"\r\n");
    }
    fields
}

/// Whether the answer is that of OpenClaw's health check, which needs no token.
fn is_openclaw(health: &Reply) -> bool {
    let Reply::Http(answer) = health else { return false };
    let json: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    json.is_some_and(|json| json["status"] == "live" && json["ok"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_that_is_tried_lies_beside_the_routes_own() {
        assert_eq!(folder("/hooks/"), "/hooks/");
        assert_eq!(folder("/hooks/wake"), "/hooks/");
        assert_eq!(folder("/webhook"), "/");
        assert_eq!(folder("/"), "/hooks/");
    }
}
