//! Checks the targets of the relay: whether each can be reached at an allowed address, how long its certificate is valid, and whether
//! clawgate's credential is accepted. No event is sent: only a GET to `probe`, where the target has one.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderName;
use http::uri::PathAndQuery;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::probe::{Reply, exchange};
use crate::config::{Settings, target_url};
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::Certificate;
use crate::identity::time::unix_seconds;
use crate::relay::credentials::SecretHeader;
use crate::relay::retry::{PauseReason, Verdict};
use crate::relay::settings::{Auth, Endpoint, TargetSettings};
use crate::relay::target::RelayTarget;
use crate::upstream::{AddressRefused, Connector, Stream};
use crate::wording;

const DAY: i64 = 24 * 60 * 60;
/// The last days of a certificate, in which there is a warning. Those of public CAs are renewed a month before their end.
const LAST_DAYS: i64 = 14;

pub(super) async fn findings(settings: &Settings, now: SystemTime) -> Vec<Finding> {
    let mut found = Vec::new();
    for target in &settings.reloadable.relay.targets {
        let place = Subject::new(Area::Target, format!("{} {}", target.name, target_url(target)));
        found.extend(TargetCheck { place, settings: target, now }.findings().await);
    }
    found
}

struct TargetCheck<'a> {
    place: Subject,
    settings: &'a Arc<TargetSettings>,
    now: SystemTime,
}

impl TargetCheck<'_> {
    async fn findings(&self) -> Vec<Finding> {
        let stream = match self.dial(&self.settings.endpoint).await {
            Ok(stream) => stream,
            Err(finding) => return vec![finding],
        };
        let mut found =
            vec![self.place.pass(Check::Connect, "accepts connections at an allowed address")];
        found.extend(self.dates(&stream));
        drop(stream);
        let header = match self.credential().await {
            Ok(header) => header,
            Err(finding) => {
                found.push(finding);
                return found;
            }
        };
        if matches!(self.settings.auth, Auth::ClientCredentials { .. }) {
            found.push(self.place.pass(Check::Token, "its OAuth server gives a token"));
        }
        found.push(match &self.settings.probe {
            Some(path) => self.probe(path, header.as_ref()).await,
            None => {
                let detail = "the target has no `probe`, so nothing was asked there";
                self.place.skipped(Check::Credential, detail)
            }
        });
        found
    }

    async fn dial(&self, endpoint: &Endpoint) -> Result<Stream, Finding> {
        let connector = Connector::new(endpoint.server.clone(), endpoint.tls.as_ref());
        let connector = connector.map_err(|error| {
            let what = format!("it cannot be called: {error}");
            self.place.fail(Check::Connect, what, "correct `ca` and `certificate` of the target")
        })?;
        let connector = connector.with_address_check(endpoint.addresses.clone());
        let dialled = timeout(self.settings.timeouts.connect, connector.dial(&[])).await;
        dialled
            .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
            .map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &io::Error) -> Finding {
        let inner = error.get_ref();
        if let Some(refused) = inner.and_then(|inner| inner.downcast_ref::<AddressRefused>()) {
            return self.place.fail(Check::Address, refused.to_string(), refused.hint());
        }
        let words = wording::io(error);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            let what = format!("the TLS handshake fails: {words}");
            return self.place.fail(Check::Connect, what, PauseReason::Certificate.hint());
        }
        let hint = "check the name in the target's `url`, and whether this machine may connect to it";
        self.place.fail(Check::Connect, format!("it cannot be called: {words}"), hint)
    }

    /// How long the certificate is valid. That it is valid now is known, because the handshake succeeded.
    fn dates(&self, stream: &Stream) -> Option<Finding> {
        let certificate = Certificate::read(stream.peer_certificate()?)?;
        let days = (certificate.validity.until - unix_seconds(self.now)) / DAY;
        let until = &certificate.not_after;
        Some(if days < LAST_DAYS {
            let what = format!("its certificate is valid until {until}, which is in {days} days");
            self.place.warning(Check::Dates, what, "tell those who run it; clawgate cannot renew it")
        } else {
            self.place.pass(Check::Dates, format!("its certificate is valid until {until}"))
        })
    }

    /// The header with the credential, for which a token may be needed.
    async fn credential(&self) -> Result<Option<SecretHeader>, Finding> {
        let target = RelayTarget::new(Arc::clone(self.settings)).map_err(|error| {
            let what = format!("it cannot be called: {error}");
            self.place.fail(Check::Credential, what, "correct `auth` of the target")
        })?;
        target.credential_header().await.map_err(|error| {
            let hint = match error.verdict() {
                Verdict::Pause(reason) => reason.hint(),
                _ => {
                    "check token_url of the target's `auth`, and whether this machine may connect to it"
                }
            };
            self.place.fail(Check::Token, error.to_string(), hint)
        })
    }

    async fn probe(&self, path: &PathAndQuery, header: Option<&SecretHeader>) -> Finding {
        let stream = match self.dial(&self.settings.endpoint).await {
            Ok(stream) => stream,
            Err(finding) => return finding,
        };
        let request = self.request(path, header);
        let reply = exchange(stream, &request, self.settings.timeouts.response).await;
        let Reply::Http(answer) = reply else {
            let (detail, hint) = match reply {
                Reply::Silence => ("it does not answer to `probe`", "check `probe`, or its status page"),
                _ => ("it does not speak HTTP/1.1", PauseReason::NotHttp.hint()),
            };
            return self.place.fail(Check::Credential, detail, hint);
        };
        let detail = format!("GET {path} is answered with {}", answer.status);
        match answer.status.as_u16() {
            200..=299 => self.place.pass(Check::Credential, format!("it is accepted: {detail}")),
            401 => self.place.fail(Check::Credential, detail, PauseReason::CredentialRefused.hint()),
            403 => self.place.fail(Check::Credential, detail, PauseReason::Forbidden.hint()),
            _ => {
                let hint =
                    "set `probe` to a path where a GET with a valid credential is answered with 2xx";
                self.place.warning(Check::Credential, detail, hint)
            }
        }
    }

    fn request(&self, path: &PathAndQuery, header: Option<&SecretHeader>) -> Zeroizing<Vec<u8>> {
        let host = self.settings.endpoint.host.as_bytes();
        let head =
            format!("GET {path} HTTP/1.1\r\nUser-Agent: clawgate-doctor\r\nConnection: close\r\nHost: ");
        let name = header.map_or(&b""[..], |header| HeaderName::as_str(&header.name).as_bytes());
        let value = header.map_or(&b""[..], |header| header.value.as_bytes());
        let between: &[u8] = if header.is_some() { b": " } else { b"" };
        let end: &[u8] = if header.is_some() { b"\r\n\r\n" } else { b"\r\n" };
        // One allocation: a growing buffer would leave copies of the credential in memory that are not wiped.
        Zeroizing::new([head.as_bytes(), host, b"\r\n", name, between, value, end].concat())
    }
}
