//! The admin listener: health, metrics, status, reload. Plain HTTP on a loopback address.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::config::Settings;
use crate::identity::seen::SeenCertificate;
use crate::identity::unix_rfc3339;
use crate::observe::metrics::Metrics;
use crate::shutdown::Drain;

/// Longest wait for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Senders' certificates that are listed.
const EXPIRING_CLIENTS: usize = 20;
const TEXT: &str = "text/plain; charset=utf-8";
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Somebody asks for a reload, and waits for the number of the new generation, or for what is wrong.
pub type ReloadRequest = oneshot::Sender<Result<u64, String>>;

/// What there is to tell.
#[derive(Debug)]
pub struct Status {
    started: Instant,
    facts: Mutex<Value>,
    /// Of the last reload, if it failed: since when, what asked for it, and why.
    reload_failed: Mutex<Option<Value>>,
    /// The senders' certificates that expire soonest.
    expiring_clients: Mutex<Value>,
    metrics: Arc<Metrics>,
    drain: Drain,
    asks: mpsc::Sender<ReloadRequest>,
}

/// What is known of a generation.
pub fn facts(settings: &Settings, generation: u64) -> Value {
    let material = &settings.material;
    let ca =
        |ca: &crate::tls::trust::Ca| json!({ "subject": ca.subject, "not_after": ca.not_after_text });
    let route = |route: &crate::config::RouteSettings| {
        json!({
            "path": route.path.to_string(),
            "methods": route.methods.to_string(),
            "upstream": route.upstream.target.to_string(),
        })
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "generation": generation,
        "certificates": material.own.iter().map(|own| &own.certificate).collect::<Vec<_>>(),
        "client_cas": material.trust.cas.iter().map(ca).collect::<Vec<_>>(),
        "routes": settings.routes.iter().map(route).collect::<Vec<_>>(),
    })
}

impl Status {
    /// Begins with `facts`; reloads are asked for through `asks`.
    pub fn new(
        facts: Value,
        metrics: Arc<Metrics>,
        drain: Drain,
        asks: mpsc::Sender<ReloadRequest>,
    ) -> Self {
        let (facts, reload_failed) = (Mutex::new(facts), Mutex::new(None));
        let expiring_clients = Mutex::default();
        Self { started: Instant::now(), facts, reload_failed, expiring_clients, metrics, drain, asks }
    }

    /// After a reload.
    pub fn replace(&self, facts: Value) {
        *lock(&self.facts) = facts;
        *lock(&self.reload_failed) = None;
    }

    /// After a reload that changed nothing.
    pub fn reload_failed(&self, origin: &str, detail: &str) {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        *lock(&self.reload_failed) = Some(json!({ "at": at, "origin": origin, "detail": detail }));
    }

    /// The senders' certificates, the soonest to expire first.
    pub fn seen(&self, certificates: &[SeenCertificate]) {
        let text = |seconds: i64| unix_rfc3339(seconds);
        let client = |seen: &SeenCertificate| {
            json!({
                "subject": seen.subject,
                "fingerprint_sha256": seen.fingerprint_sha256,
                "not_after": text(seen.validity.until),
                "last_seen": text(seen.last),
            })
        };
        *lock(&self.expiring_clients) = certificates.iter().take(EXPIRING_CLIENTS).map(client).collect();
    }

    fn json(&self) -> Value {
        let mut status = lock(&self.facts).clone();
        status["expiring_clients"] = lock(&self.expiring_clients).clone();
        status["reload_failed"] = lock(&self.reload_failed).clone().unwrap_or_default();
        status["uptime_s"] = self.started.elapsed().as_secs().into();
        status["draining"] = self.drain.has_begun().into();
        status["connections"] = self.metrics.open_connections().into();
        status
    }

    async fn answer(&self, request: &Request<Incoming>) -> (StatusCode, &'static str, String) {
        let (method, path) = (request.method(), request.uri().path());
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
            "/readyz" => (StatusCode::OK, TEXT, self.readiness()),
            "/metrics" => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                (StatusCode::OK, kind, self.metrics.encode())
            }
            "/status" => (StatusCode::OK, "application/json", format!("{:#}\n", self.json())),
            _ => (StatusCode::NOT_FOUND, TEXT, "/livez /readyz /metrics /status /reload\n".to_owned()),
        }
    }

    /// A failed reload is no reason not to be called: what was there before goes on.
    fn readiness(&self) -> String {
        match &*lock(&self.reload_failed) {
            None => "ready\n".to_owned(),
            Some(failed) => format!(
                "ready, but the last reload failed ({}, {}):\n{}\n",
                failed["at"].as_str().unwrap_or_default(),
                failed["origin"].as_str().unwrap_or_default(),
                failed["detail"].as_str().unwrap_or_default()
            ),
        }
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
            return (StatusCode::SERVICE_UNAVAILABLE, TEXT, "the gate is ending\n".to_owned());
        }
        match outcome.await {
            Ok(Ok(generation)) => (StatusCode::OK, TEXT, format!("generation {generation}\n")),
            Ok(Err(problem)) => (StatusCode::UNPROCESSABLE_ENTITY, TEXT, problem + "\n"),
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "the gate is ending\n".to_owned()),
        }
    }
}

/// Nothing under these locks can be left half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until the control runtime ends: health must be told while the gate drains, too.
pub async fn serve(listener: TcpListener, status: Arc<Status>) {
    loop {
        match listener.accept().await {
            Ok((io, _)) => {
                let status = Arc::clone(&status);
                #[expect(
                    clippy::disallowed_methods,
                    reason = "draining does not wait for who asks about it"
                )]
                tokio::spawn(async move { connection(io, status).await });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn connection(io: TcpStream, status: Arc<Status>) {
    let service = service_fn(|request: Request<Incoming>| {
        let status = &status;
        async move {
            let (code, kind, text) = status.answer(&request).await;
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = code;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // A client that goes away or breaks HTTP is its own business.
    let _ = builder.serve_connection(TokioIo::new(io), service).await;
}
