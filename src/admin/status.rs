//! Answers to requests to the admin listener.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Instant, SystemTime};

use http::header;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::access;
use super::generation::GenerationStatus;
use super::inbox::InboxStatus;
use super::lock::lock;
use super::readiness::Answer;
use super::reply::Reply;
use crate::identity::client_cert_inventory::SeenCertificate;
use crate::identity::unix_rfc3339;
use crate::shutdown::Drain;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;

/// How many client certificates are listed.
const EXPIRING_CLIENTS: usize = 20;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN_METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A request for a reload: where to send its outcome.
pub type ReloadRequest = oneshot::Sender<ReloadOutcome>;

/// How a reload went.
#[derive(Debug)]
pub enum ReloadOutcome {
    /// The new settings are in use, as the generation of this number.
    Adopted(u64),
    /// Nothing changed; says what is wrong, as text for the operator.
    Failed(String),
}

/// The state that the admin listener shows.
#[derive(Debug)]
pub struct Status {
    started: Instant,
    generation: Mutex<GenerationStatus>,
    /// The last reload, if it failed.
    failed_reload: Mutex<Option<FailedReload>>,
    /// The client certificates that expire first, as JSON.
    expiring_clients: Mutex<Value>,
    metrics: Arc<Metrics>,
    drain: Drain,
    reload_requests: mpsc::Sender<ReloadRequest>,
    refusals: Arc<Recent>,
    inbox: OnceLock<Arc<InboxStatus>>,
}

#[derive(Clone, Debug, Serialize)]
struct FailedReload {
    /// RFC 3339.
    at: String,
    /// What triggered the reload.
    origin: &'static str,
    detail: String,
}

impl Status {
    /// Begins with `generation`. Requests for a reload are sent to `reload_requests`.
    pub fn new(
        generation: GenerationStatus,
        metrics: Arc<Metrics>,
        drain: Drain,
        reload_requests: mpsc::Sender<ReloadRequest>,
        refusals: Arc<Recent>,
    ) -> Self {
        Self {
            started: Instant::now(),
            generation: Mutex::new(generation),
            failed_reload: Mutex::default(),
            expiring_clients: Mutex::default(),
            metrics,
            drain,
            reload_requests,
            refusals,
            inbox: OnceLock::new(),
        }
    }

    /// Shows the inbox from now on.
    pub fn show_inbox(&self, inbox: Arc<InboxStatus>) {
        // It is set at the start only.
        let _ = self.inbox.set(inbox);
    }

    /// Shows `generation` after a reload.
    ///
    /// A listener that was started with a token requires one until clawgate ends, whatever the settings say by then:
    /// its address does not change either.
    pub fn replace(&self, mut generation: GenerationStatus) {
        let mut present = lock(&self.generation);
        generation.token = generation.token.or_else(|| present.token.take());
        *present = generation;
        drop(present);
        *lock(&self.failed_reload) = None;
    }

    /// Shows that the last reload failed.
    pub fn reload_failed(&self, origin: &'static str, detail: String) {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        *lock(&self.failed_reload) = Some(FailedReload { at, origin, detail });
    }

    /// Shows the client certificates that were seen, given in the order of their expiry.
    pub fn seen(&self, certificates: &[SeenCertificate]) {
        let client = |seen: &SeenCertificate| {
            json!({
                "subject": seen.subject,
                "fingerprint_sha256": seen.fingerprint_sha256,
                "not_after": unix_rfc3339(seen.validity.until),
                "last_seen": unix_rfc3339(seen.last),
            })
        };
        *lock(&self.expiring_clients) = certificates.iter().take(EXPIRING_CLIENTS).map(client).collect();
    }

    fn json(&self) -> Value {
        let mut status = lock(&self.generation).json.clone();
        status["refusals"] = self.refusals.all().into();
        status["expiring_clients"] = lock(&self.expiring_clients).clone();
        status["reload_failed"] = json!(*lock(&self.failed_reload));
        status["inbox"] = self.inbox.get().map(|inbox| inbox.json()).into();
        status["uptime_s"] = self.started.elapsed().as_secs().into();
        status["draining"] = self.drain.has_begun().into();
        status["connections"] = self.metrics.open_connections().into();
        status
    }

    /// Answers one request.
    pub(super) async fn answer(&self, request: &Request<Incoming>) -> Reply {
        let (method, path) = (request.method(), request.uri().path());
        let refusal = access::refusal(lock(&self.generation).token.as_ref(), request.headers());
        let is_authorized = refusal.is_none();
        if !matches!(path, "/livez" | "/readyz")
            && let Some(refusal) = refusal
        {
            return refusal;
        }
        if path == "/reload" {
            return self.reload(request).await;
        }
        if *method != Method::GET && *method != Method::HEAD {
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        }
        match path {
            "/livez" => Reply::text(StatusCode::OK, "alive\n"),
            "/readyz" if self.drain.has_begun() => {
                Reply::text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            }
            "/readyz" => self.readiness(is_authorized).await,
            "/metrics" if accepts_open_metrics(request) => {
                Reply::ok(OPEN_METRICS, self.metrics.open_metrics())
            }
            "/metrics" => Reply::ok(PLAIN_METRICS, self.metrics.plain()),
            "/status" => Reply::ok("application/json", format!("{:#}\n", self.json())),
            _ => Reply::text(StatusCode::NOT_FOUND, "/livez /readyz /metrics /status /reload\n"),
        }
    }

    /// Everybody gets one line. Only clients that may read the status get names, dates, upstreams and settings, and
    /// upstreams are called only for them.
    async fn readiness(&self, is_authorized: bool) -> Reply {
        let readiness = lock(&self.generation).readiness.clone();
        let Answer { is_ready, mut text } = readiness.verdict();
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if !is_authorized {
            return Reply::text(status, text);
        }
        text.push_str(&readiness.details().await);
        let needs_restart = lock(&self.generation).needs_restart.join(", ");
        if !needs_restart.is_empty() {
            text.push_str(&format!(
                "needs a restart: {needs_restart} (changed since the start, and not in use yet)\n"
            ));
        }
        // After a failed reload clawgate is still ready: it serves with the settings from before.
        if let Some(FailedReload { at, origin, detail }) = &*lock(&self.failed_reload) {
            text.push_str(&format!("the last reload failed ({at}, {origin}):\n{detail}\n"));
        }
        Reply::text(status, text)
    }

    async fn reload(&self, request: &Request<Incoming>) -> Reply {
        if *request.method() != Method::POST {
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "POST\n");
        }
        // A web page can make a browser on this machine send a POST, but not without this header.
        if request.headers().contains_key(header::ORIGIN) {
            return Reply::text(StatusCode::FORBIDDEN, "not for browsers\n");
        }
        let ending = || Reply::text(StatusCode::SERVICE_UNAVAILABLE, "clawgate is ending\n");
        let (reply, outcome) = oneshot::channel();
        if self.reload_requests.send(reply).await.is_err() {
            return ending();
        }
        match outcome.await {
            Ok(ReloadOutcome::Adopted(generation)) => {
                Reply::text(StatusCode::OK, format!("generation {generation}\n"))
            }
            Ok(ReloadOutcome::Failed(detail)) => {
                Reply::text(StatusCode::UNPROCESSABLE_ENTITY, detail + "\n")
            }
            Err(_) => ending(),
        }
    }
}

/// Whether the client asks for OpenMetrics, as Prometheus does. All others get the older format.
fn accepts_open_metrics(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted
        .iter()
        .any(|value| value.to_str().is_ok_and(|value| value.contains("application/openmetrics-text")))
}
