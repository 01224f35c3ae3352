//! Sends requests to the routes that verify signatures, through the running clawgate's listeners: one whose signature fits no
//! key, which must be refused, and on demand one with a valid signature, which is delivered.

use std::io;
use std::time::{Duration, SystemTime};

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue};

use super::caller::Caller;
use super::listener::server_at;
use super::own_server::call;
use super::probe::{Answer, Reply};
use crate::config::{RouteSettings, Settings};
use crate::explain::Server;
use crate::finding::{Area, Check, Finding, Subject};
use crate::random::random_hex;
use crate::signature::{OutgoingRequest, SignError};
use crate::signing::{FoundRoute, TestBody, TestRequest, demands_certificate, find_route, listener};
use crate::telemetry::RequestReason;
use crate::wording;

/// How long clawgate and the upstream may take to answer a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const RELOAD: &str = "reload it (kill -HUP PID, systemctl reload clawgate, POST /reload); a line reload_failed in its log says \
                      why it has not";

/// What the checks of all routes have in common.
pub(super) struct RouteChecks<'a> {
    pub(super) settings: &'a Settings,
    pub(super) caller: Option<&'a Caller>,
    /// Whether requests with a valid signature are sent too.
    pub(super) sends_signed: bool,
    pub(super) now: SystemTime,
}

impl RouteChecks<'_> {
    pub(super) async fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for route in &self.settings.reloadable.routes {
            if route.verify.is_some() {
                found.extend(self.of_route(route).await);
            }
        }
        found
    }

    async fn of_route(&self, route: &RouteSettings) -> Vec<Finding> {
        let place = Subject::new(Area::Route, &route.path);
        let skipped = |why: String| vec![place.skipped(Check::WrongSignature, why)];
        let target = target(&route.path.to_string());
        let found = match find_route(&self.settings.reloadable.routes, None, &target) {
            Ok(found) => found,
            Err(error) => return skipped(error.to_string()),
        };
        if found.verify.audit {
            return skipped(
                "AUDIT ONLY: a request with a wrong signature would be delivered".to_owned(),
            );
        }
        if demands_certificate(route) && self.caller.is_none() {
            let why = "give --client-cert and --client-key: the route also demands a client certificate";
            return skipped(why.to_owned());
        }
        let server = match listener(self.settings, route) {
            Ok(address) => server_at(self.settings, address),
            Err(error) => return skipped(error.to_string()),
        };
        let Some(server) = server else {
            return skipped("clawgate's certificate has no name to call it by".to_owned());
        };
        let call =
            RouteCall { checks: self, place: &place, found: &found, server: &server, target: &target };
        let wrong = call.with_wrong_signature().await;
        let mut findings = vec![wrong];
        if self.sends_signed {
            findings.push(call.with_valid_signature().await);
        }
        findings
    }
}

/// A path that the route has: of those below a path, one with a random name, where no hook is.
fn target(path: &str) -> String {
    if !path.ends_with('/') {
        return path.to_owned();
    }
    format!("{path}clawgate-doctor-{}", random_hex::<8>().unwrap_or_default())
}

/// A route that is called.
struct RouteCall<'a> {
    checks: &'a RouteChecks<'a>,
    place: &'a Subject,
    found: &'a FoundRoute<'a>,
    server: &'a Server,
    target: &'a str,
}

impl RouteCall<'_> {
    async fn with_wrong_signature(&self) -> Finding {
        let check = Check::WrongSignature;
        let request =
            self.test_request().and_then(|test| test.sign_falsely(self.found, self.checks.now));
        let reply = match request {
            Ok(request) => self.send(request).await,
            Err(error) => Err(error),
        };
        let answer = match self.answer(check, reply) {
            Ok(answer) => answer,
            Err(finding) => return finding,
        };
        let status = answer.status.as_u16();
        match reason(&answer) {
            Some(reason) if reason == RequestReason::SignatureInvalid.as_str() => {
                self.place.pass(check, format!("is refused ({status} {reason})"))
            }
            Some(reason) => self.other_refusal(check, status, &reason),
            None => self.place.fail(
                check,
                format!("a request with a wrong signature reaches the upstream, which answers {status}"),
                RELOAD,
            ),
        }
    }

    async fn with_valid_signature(&self) -> Finding {
        let check = Check::ValidSignature;
        let signed = match self.test_request() {
            Ok(test) => test.sign(self.found, None, self.checks.now),
            Err(error) => return self.place.skipped(check, error.to_string()),
        };
        let request = match signed {
            Ok(request) => request,
            Err(SignError::PrivateKey) => {
                return self.place.skipped(check, "only the sender has the private key to sign with");
            }
            Err(error) => return self.place.skipped(check, error.to_string()),
        };
        let answer = match self.answer(check, self.send(request).await) {
            Ok(answer) => answer,
            Err(finding) => return finding,
        };
        let status = answer.status;
        match reason(&answer) {
            Some(reason) => self.other_refusal(check, status.as_u16(), &reason),
            None if self.found.route.inbox.is_some() && status.is_success() => {
                self.place.pass(check, format!("is stored or delivered, and answered with {status}"))
            }
            None if status.is_success() => {
                self.place.pass(check, format!("is delivered, and the upstream answers {status}"))
            }
            None => self.place.note(check, format!("is delivered, but the upstream answers {status}")),
        }
    }

    fn test_request(&self) -> io::Result<TestRequest> {
        let public_url = self.checks.settings.reloadable.public_url.as_deref();
        TestRequest::new(self.found, self.target, public_url, TestBody::default())
    }

    async fn send(&self, request: OutgoingRequest) -> io::Result<Reply> {
        let credentials = self.checks.caller.map(|caller| &caller.credentials);
        let credentials = credentials.filter(|_| demands_certificate(self.found.route));
        let request = text(request, self.server);
        call(self.checks.settings, self.server, credentials, &request, ANSWER_TIMEOUT).await
    }

    fn answer(&self, check: Check, reply: io::Result<Reply>) -> Result<Answer, Finding> {
        match reply {
            Ok(Reply::Http(answer)) => Ok(answer),
            Ok(_) => {
                let hint = "look at clawgate's log, and whether --client-cert is admitted if the route demands one";
                Err(self.place.warning(check, "is not answered", hint))
            }
            Err(error) => {
                let detail = format!("cannot be sent to {}: {}", self.server, wording::io(&error));
                Err(self.place.skipped(check, detail))
            }
        }
    }

    /// What it means that clawgate refuses for another reason.
    fn other_refusal(&self, check: Check, status: u16, reason: &str) -> Finding {
        let detail = format!("is refused ({status} {reason})");
        let known = |wanted: RequestReason| reason == wanted.as_str();
        if known(RequestReason::TooManyFailedSignatures) {
            let hint =
                "wait a minute, or look in the log who else sends wrong signatures from this address";
            self.place.warning(check, detail, hint)
        } else if known(RequestReason::IdentityNotAllowed) {
            let hint = "give another --client-cert, or look at the route's rules (clawgate explain)";
            self.place.warning(check, detail, hint)
        } else if check == Check::ValidSignature && known(RequestReason::UpstreamUnavailable) {
            self.place.note(check, detail)
        } else {
            self.place.fail(check, detail, RELOAD)
        }
    }
}

/// The reason in clawgate's own answers.
fn reason(answer: &Answer) -> Option<String> {
    Some(answer.headers.get("x-clawgate-reason")?.to_str().ok()?.to_owned())
}

/// The request as HTTP/1.1.
fn text(request: OutgoingRequest, server: &Server) -> Vec<u8> {
    let OutgoingRequest { method, target, mut headers, body, .. } = request;
    let host = format!("{}:{}", server.name.to_str(), server.port);
    if let Ok(host) = HeaderValue::from_str(&host) {
        headers.insert(HOST, host);
    }
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut text = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in &headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&body);
    text
}
