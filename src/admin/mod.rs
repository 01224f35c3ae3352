//! The admin listener: health, metrics, status, reload. Plain HTTP for this machine's own people, or with a token.

mod access;
mod connections;
mod listener;
mod readiness;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use http::header;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use self::listener::Listener;
use self::readiness::Readiness;
use crate::config::{BearerToken, InUse, Settings};
use crate::identity::client_cert_inventory::SeenCertificate;
use crate::identity::unix_rfc3339;
use crate::shutdown::Drain;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;

/// Senders' certificates that are listed.
const EXPIRING_CLIENTS: usize = 20;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN_METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

pub use self::listener::Bound;

/// Somebody asks for a reload, and waits for the number of the new generation, or for what is wrong.
pub type ReloadRequest = oneshot::Sender<Result<u64, String>>;

/// What there is to tell.
#[derive(Debug)]
pub struct Status {
    started: Instant,
    facts: Mutex<Facts>,
    /// Of the last reload, if it failed: since when, what asked for it, and why.
    reload_failed: Mutex<Option<Value>>,
    /// The clients' certificates that expire soonest.
    expiring_clients: Mutex<Value>,
    metrics: Arc<Metrics>,
    drain: Drain,
    asks: mpsc::Sender<ReloadRequest>,
    refusals: Arc<Recent>,
}

/// What is known of a generation.
#[derive(Debug)]
pub struct Facts {
    json: Value,
    readiness: Readiness,
    /// Settings that differ from what runs until a restart.
    needs_restart: Vec<String>,
    token: Option<BearerToken>,
}

impl Facts {
    /// What `settings` say; `started` are those that the process was started with.
    pub fn new(settings: &Settings, started: &InUse, generation: u64) -> Self {
        let needs_restart = started.needs_restart(&settings.in_use);
        let mut json = facts(settings, generation);
        json["needs_restart"] = needs_restart.clone().into();
        json["settings"] = json!(started.reloaded(&settings.in_use));
        Self {
            json,
            readiness: Readiness::of(&settings.reloadable),
            needs_restart,
            token: settings.reloadable.admin_token.clone(),
        }
    }
}

fn facts(settings: &Settings, generation: u64) -> Value {
    let material = &settings.reloadable.material;
    let ca = |ca: &crate::pki::Ca| json!({ "subject": ca.subject, "not_after": ca.not_after_text });
    let route = |route: &crate::config::RouteSettings| {
        json!({
            "path": route.path.to_string(),
            "methods": route.methods.to_string(),
            "upstream": route.upstream.target.to_string(),
        })
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "generation": generation,
        "certificates": material.own.iter().map(|own| &own.certificate).collect::<Vec<_>>(),
        "client_cas": material.trust.cas.iter().map(ca).collect::<Vec<_>>(),
        "routes": settings.reloadable.routes.iter().map(route).collect::<Vec<_>>(),
    })
}

impl Status {
    /// Begins with `facts`; reloads are asked for through `asks`, `refusals` are told of.
    pub fn new(
        facts: Facts,
        metrics: Arc<Metrics>,
        drain: Drain,
        asks: mpsc::Sender<ReloadRequest>,
        refusals: Arc<Recent>,
    ) -> Self {
        let (facts, reload_failed) = (Mutex::new(facts), Mutex::new(None));
        let expiring_clients = Mutex::default();
        let started = Instant::now();
        Self { started, facts, reload_failed, expiring_clients, metrics, drain, asks, refusals }
    }

    /// After a reload.
    ///
    /// A listener that was opened with a token asks for one until clawgate ends: its address stays as it is, too,
    /// whatever the settings say by now.
    pub fn replace(&self, mut facts: Facts) {
        let mut present = lock(&self.facts);
        facts.token = facts.token.or_else(|| present.token.take());
        *present = facts;
        drop(present);
        *lock(&self.reload_failed) = None;
    }

    /// After a reload that changed nothing.
    pub fn reload_failed(&self, origin: &str, detail: &str) {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        *lock(&self.reload_failed) = Some(json!({ "at": at, "origin": origin, "detail": detail }));
    }

    /// The clients' certificates, the soonest to expire first.
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
        let mut status = lock(&self.facts).json.clone();
        status["refusals"] = self.refusals.all().into();
        status["expiring_clients"] = lock(&self.expiring_clients).clone();
        status["reload_failed"] = lock(&self.reload_failed).clone().unwrap_or_default();
        status["uptime_s"] = self.started.elapsed().as_secs().into();
        status["draining"] = self.drain.has_begun().into();
        status["connections"] = self.metrics.open_connections().into();
        status
    }

    async fn answer(&self, request: &Request<Incoming>) -> (StatusCode, &'static str, String) {
        let (method, path) = (request.method(), request.uri().path());
        let refusal = access::refusal(lock(&self.facts).token.as_ref(), request.headers());
        let may_know_all = refusal.is_none();
        if !matches!(path, "/livez" | "/readyz")
            && let Some(refusal) = refusal
        {
            return refusal;
        }
        if path == "/reload" {
            return self.reload(request).await;
        }
        if *method != Method::GET && *method != Method::HEAD {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET or HEAD\n".to_owned());
        }
        match path {
            "/livez" => (StatusCode::OK, TEXT, "alive\n".to_owned()),
            "/readyz" if self.drain.has_begun() => {
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, "draining\n".to_owned())
            }
            "/readyz" => self.readiness(may_know_all).await,
            "/metrics" => {
                if asks_for_open_metrics(request) {
                    (StatusCode::OK, OPEN_METRICS, self.metrics.open_metrics())
                } else {
                    (StatusCode::OK, PLAIN_METRICS, self.metrics.plain())
                }
            }
            "/status" => (StatusCode::OK, "application/json", format!("{:#}\n", self.json())),
            _ => (StatusCode::NOT_FOUND, TEXT, "/livez /readyz /metrics /status /reload\n".to_owned()),
        }
    }

    /// In one line for everybody. The names, dates, upstreams and settings behind it are for those alone who may also
    /// ask for the status; nor are the upstreams called for others.
    async fn readiness(&self, may_know_all: bool) -> (StatusCode, &'static str, String) {
        let readiness = lock(&self.facts).readiness.clone();
        let readiness::Answer { is_ready, mut text } = readiness.verdict();
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if !may_know_all {
            return (status, TEXT, text);
        }
        text.push_str(&readiness.details().await);
        let needs_restart = lock(&self.facts).needs_restart.join(", ");
        if !needs_restart.is_empty() {
            text.push_str(&format!(
                "needs a restart: {needs_restart} (changed since the start, and not in use yet)\n"
            ));
        }
        // A failed reload is no reason not to be called: what was there before goes on.
        if let Some(failed) = &*lock(&self.reload_failed) {
            let said = |name: &str| failed[name].as_str().unwrap_or_default().to_owned();
            text.push_str(&format!(
                "the last reload failed ({}, {}):\n{}\n",
                said("at"),
                said("origin"),
                said("detail")
            ));
        }
        (status, TEXT, text)
    }

    async fn reload(&self, request: &Request<Incoming>) -> (StatusCode, &'static str, String) {
        if *request.method() != Method::POST {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, "POST\n".to_owned());
        }
        // A page in a browser on this machine can make it send a POST, but not without this.
        if request.headers().contains_key(header::ORIGIN) {
            return (StatusCode::FORBIDDEN, TEXT, "not for browsers\n".to_owned());
        }
        let (reply, outcome) = oneshot::channel();
        if self.asks.send(reply).await.is_err() {
            return (StatusCode::SERVICE_UNAVAILABLE, TEXT, "clawgate is ending\n".to_owned());
        }
        match outcome.await {
            Ok(Ok(generation)) => (StatusCode::OK, TEXT, format!("generation {generation}\n")),
            Ok(Err(problem)) => (StatusCode::UNPROCESSABLE_ENTITY, TEXT, problem + "\n"),
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "clawgate is ending\n".to_owned()),
        }
    }
}

/// Prometheus names it among others; whoever names nothing gets the older format.
fn asks_for_open_metrics(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted
        .iter()
        .any(|value| value.to_str().is_ok_and(|value| value.contains("application/openmetrics-text")))
}

/// Nothing under these locks can be left half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until the control runtime ends: health must be told while clawgate drains, too.
///
/// # Errors
/// When the socket cannot be used.
pub fn serve(bound: Bound, status: Arc<Status>) -> io::Result<impl Future<Output = ()> + Send> {
    let listener = Listener::new(bound)?;
    Ok(connections::accept(listener, status))
}
