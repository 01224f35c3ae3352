//! Answers to requests to the admin listener.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Instant, SystemTime};

use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::access;
use super::console::{Console, Who};
use super::generation::GenerationStatus;
use super::inbox::InboxStatus;
use super::lock::lock;
use super::readiness::Answer;
use super::reload::ReloadRequest;
use super::reply::Reply;
use crate::checks::expiry::Expiring;
use crate::console::data::FailedReload;
use crate::identity::client_cert_inventory::SeenCertificate;
use crate::identity::unix_rfc3339;
use crate::live::Live;
use crate::pipeline::RelaySnapshot;
use crate::platform::plain_listener::Caller;
use crate::relay::state::TargetState;
use crate::shutdown::Drain;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;

/// How many client certificates are listed.
const EXPIRING_CLIENTS: usize = 20;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN_METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The state that the admin listener shows.
#[derive(Debug)]
pub struct Status {
    pub(super) started: Instant,
    pub(super) generation: Mutex<GenerationStatus>,
    /// The last reload, if it failed.
    pub(super) failed_reload: Mutex<Option<FailedReload>>,
    /// The client certificates that expire first, as JSON.
    expiring_clients: Mutex<Value>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) drain: Drain,
    pub(super) reload_requests: mpsc::Sender<ReloadRequest>,
    pub(super) refusals: Arc<Recent>,
    pub(super) inbox: OnceLock<Arc<InboxStatus>>,
    relay: OnceLock<Arc<Live<RelaySnapshot>>>,
    pub(super) console: Console,
}

impl Status {
    /// Begins with `generation`. Requests for a reload are sent to `reload_requests`.
    pub fn new(
        generation: GenerationStatus,
        metrics: Arc<Metrics>,
        drain: Drain,
        reload_requests: mpsc::Sender<ReloadRequest>,
        refusals: Arc<Recent>,
        console: Console,
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
            relay: OnceLock::new(),
            console,
        }
    }

    /// Shows the inbox from now on.
    pub fn show_inbox(&self, inbox: Arc<InboxStatus>) {
        // It is set at the start only.
        let _ = self.inbox.set(inbox);
    }

    /// Shows the targets of the relay from now on.
    pub fn show_relay(&self, relay: Arc<Live<RelaySnapshot>>) {
        let _ = self.relay.set(relay);
    }

    /// What is known of the targets of the relay.
    pub(super) fn targets(&self) -> Vec<TargetState> {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let snapshot = self.relay.get().map(|relay| relay.load());
        let targets = snapshot.iter().flat_map(|snapshot| &snapshot.targets);
        targets.map(|target| target.client.target().state(now, clock)).collect()
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

    /// Shows what expires, and the client certificates that were seen, both in the order of their expiry.
    pub(crate) fn expires(&self, all: &[Expiring], seen: &[SeenCertificate]) {
        let client = |seen: &SeenCertificate| {
            json!({
                "subject": seen.subject,
                "fingerprint_sha256": seen.fingerprint_sha256,
                "not_after": unix_rfc3339(seen.validity.until),
                "last_seen": unix_rfc3339(seen.last),
            })
        };
        *lock(&self.expiring_clients) = seen.iter().take(EXPIRING_CLIENTS).map(client).collect();
        self.console.expires(all);
    }

    fn json(&self) -> Value {
        let mut status = lock(&self.generation).json.clone();
        status["refusals"] = self.refusals.all().into();
        status["expiring_clients"] = lock(&self.expiring_clients).clone();
        status["reload_failed"] = json!(*lock(&self.failed_reload));
        status["inbox"] = self.inbox.get().map(|inbox| inbox.json()).into();
        status["relay_targets"] = json!(self.targets());
        status["uptime_s"] = self.started.elapsed().as_secs().into();
        status["draining"] = self.drain.has_begun().into();
        status["connections"] = self.metrics.open_connections().into();
        status
    }

    /// Answers one request of `caller`.
    pub(super) async fn answer(self: &Arc<Self>, request: Request<Incoming>, caller: Caller) -> Reply {
        let (method, path) = (request.method(), request.uri().path());
        let token = lock(&self.generation).token.clone();
        let refusal = access::refusal(token.as_ref(), request.headers());
        let is_authorized = refusal.is_none();
        if !matches!(path, "/livez" | "/readyz")
            && let Some(refusal) = refusal
        {
            return refusal;
        }
        let who = Who { caller, token: token.is_some() };
        if path == "/reload" {
            return self.reload(&request, who).await;
        }
        if let Some(word) = path.strip_prefix("/actions/") {
            let word = word.to_owned();
            return self.act(&word, request, who).await;
        }
        if path == "/confirm" {
            return self.ask(request, who).await;
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
            "/metrics" if accepts_open_metrics(&request) => {
                Reply::ok(OPEN_METRICS, self.metrics.open_metrics())
            }
            "/metrics" => Reply::ok(PLAIN_METRICS, self.metrics.plain()),
            "/status" => Reply::ok("application/json", format!("{:#}\n", self.json())),
            _ => self.console_page(&request, who).await.unwrap_or_else(|| {
                Reply::text(StatusCode::NOT_FOUND, "/ /livez /readyz /metrics /status /reload\n")
            }),
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
}

/// Whether the client asks for OpenMetrics, as Prometheus does. All others get the older format.
fn accepts_open_metrics(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted
        .iter()
        .any(|value| value.to_str().is_ok_and(|value| value.contains("application/openmetrics-text")))
}
