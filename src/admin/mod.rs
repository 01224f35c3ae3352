//! The admin listener: health, metrics, status. Plain HTTP on a loopback address.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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

use crate::config::Settings;
use crate::observe::metrics::Metrics;
use crate::shutdown::Drain;

/// Longest wait for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// What there is to tell.
#[derive(Debug)]
pub struct Status {
    started: Instant,
    facts: Mutex<Value>,
    metrics: Arc<Metrics>,
    drain: Drain,
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
        "certificate": material.server_certificate,
        "client_cas": material.trust.cas.iter().map(ca).collect::<Vec<_>>(),
        "routes": settings.routes.iter().map(route).collect::<Vec<_>>(),
    })
}

impl Status {
    /// Begins with `facts`.
    pub fn new(facts: Value, metrics: Arc<Metrics>, drain: Drain) -> Self {
        Self { started: Instant::now(), facts: Mutex::new(facts), metrics, drain }
    }

    /// After a reload.
    pub fn replace(&self, facts: Value) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = facts;
    }

    fn json(&self) -> Value {
        let mut status = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        status["uptime_s"] = self.started.elapsed().as_secs().into();
        status["draining"] = self.drain.has_begun().into();
        status["connections"] = self.metrics.open_connections().into();
        status
    }

    fn answer(&self, method: &Method, path: &str) -> (StatusCode, &'static str, String) {
        const TEXT: &str = "text/plain; charset=utf-8";
        if *method != Method::GET && *method != Method::HEAD {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET or HEAD\n".to_owned());
        }
        match path {
            "/livez" => (StatusCode::OK, TEXT, "alive\n".to_owned()),
            "/readyz" if self.drain.has_begun() => {
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, "draining\n".to_owned())
            }
            "/readyz" => (StatusCode::OK, TEXT, "ready\n".to_owned()),
            "/metrics" => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                (StatusCode::OK, kind, self.metrics.encode())
            }
            "/status" => (StatusCode::OK, "application/json", format!("{:#}\n", self.json())),
            _ => (StatusCode::NOT_FOUND, TEXT, "/livez /readyz /metrics /status\n".to_owned()),
        }
    }
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
        let (code, kind, text) = status.answer(request.method(), request.uri().path());
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = code;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // A client that goes away or breaks HTTP is its own business.
    let _ = builder.serve_connection(TokioIo::new(io), service).await;
}
