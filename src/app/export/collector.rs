//! An OpenTelemetry collector: takes spans over OTLP/HTTP, in protobuf.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::config::TraceSettings;
use crate::telemetry::spans::Carrier;
use crate::upstream::{Connector, ConnectorError};
use crate::wording;

/// How long the collector may take for one batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before a batch is sent again that the collector might take later.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// Why a collector cannot be called at all.
#[derive(Debug, Error)]
pub(super) enum CollectorError {
    /// TLS cannot be prepared.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The system has no runtime, or no random numbers, to give.
    #[error("{}", wording::io(.0))]
    System(#[from] io::Error),
    /// Its address does not fit into a header.
    #[error("its address does not fit into a header field")]
    Address(#[from] http::Error),
}

/// Calls a collector, and waits for its answers: on a thread that does nothing else.
#[derive(Debug)]
pub(super) struct Collector {
    connector: Connector,
    /// Its whole address, for the log.
    /// As it is shown.
    url: String,
    host: HeaderValue,
    path: String,
    authorization: Option<HeaderValue>,
    resource: ResourceAttributesWithSchema,
    runtime: Runtime,
    /// Kept from one batch to the next.
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
    /// Whether it took the last batch, or there was none yet.
    well: AtomicBool,
}

/// Why a batch was not taken.
struct Refusal {
    what: String,
    /// Whether it might be a little later.
    passing: bool,
}

impl Collector {
    /// The one of `settings`.
    ///
    /// # Errors
    /// When there is no runtime to be had, or rustls does not take what is said of TLS.
    pub(crate) fn new(settings: &TraceSettings) -> Result<Self, CollectorError> {
        let TraceSettings { collector: target, path, secure, token, service, .. } = settings;
        let authorization = token.as_ref().map(|token| token.authorization().clone());
        let address = target.to_string();
        let authority = address.split_once("://").map_or(&*address, |(_, authority)| authority);
        Ok(Self {
            connector: Connector::new(target.clone(), secure.as_ref())?,
            url: settings.shown(),
            host: HeaderValue::from_str(authority).map_err(http::Error::from)?,
            path: path.clone(),
            authorization,
            resource: (&resource(service)?).into(),
            runtime: Builder::new_current_thread().enable_all().build()?,
            connection: Mutex::new(None),
            well: AtomicBool::new(true),
        })
    }

    /// Sends a batch, once more where that may help. Where the collector was away before, it does not: spans
    /// would wait behind it.
    async fn send(&self, batch: &Bytes) -> Result<u64, String> {
        let mut sent = self.post(batch).await;
        if sent.as_ref().is_err_and(|refusal| refusal.passing) && self.well.load(Ordering::Relaxed) {
            sleep(PAUSE).await;
            sent = self.post(batch).await;
        }
        sent.map_err(|refusal| refusal.what)
    }

    async fn post(&self, batch: &Bytes) -> Result<u64, Refusal> {
        let kept = self.connection().take();
        if let Some(mut kept) = kept
            && kept.ready().await.is_ok()
            // The collector may close it just now. Spans that come twice are known by their identifiers.
            && let Ok(answered) = self.exchange(kept, batch).await
        {
            return answered;
        }
        let fresh = self.connect().await.map_err(passing)?;
        self.exchange(fresh, batch).await.map_err(|error| passing(io::Error::other(error)))?
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let io = self.connector.dial(&[]).await?;
        let (client, connection) = http1::handshake(TokioIo::new(io)).await.map_err(io::Error::other)?;
        self.runtime.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = wording::http(&error), "a connection to the collector ended");
            }
        });
        Ok(client)
    }

    /// The inner result is the collector's word.
    async fn exchange(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        batch: &Bytes,
    ) -> hyper::Result<Result<u64, Refusal>> {
        let response = connection.send_request(self.request(batch.clone())).await?;
        let status = response.status();
        let Ok(body) = Limited::new(response.into_body(), MAX_ANSWER).collect().await else {
            return Ok(Err(refusal(status, "the answer broke off, or is too long")));
        };
        *self.connection() = Some(connection);
        if !status.is_success() {
            return Ok(Err(refusal(status, "")));
        }
        // An answer that cannot be read does not take the success back.
        let answer = ExportTraceServiceResponse::decode(body.to_bytes()).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        Ok(Ok(u64::try_from(rejected).unwrap_or(0)))
    }

    fn request(&self, batch: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(batch));
        *request.method_mut() = Method::POST;
        // It was read as part of an address.
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("clawgate/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    fn connection(&self) -> std::sync::MutexGuard<'_, Option<SendRequest<Full<Bytes>>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier for Collector {
    fn collector(&self) -> &str {
        &self.url
    }

    fn carry(&self, spans: Vec<SpanData>) -> Result<u64, String> {
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let batch = Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        let sent = self.runtime.block_on(async { timeout(PATIENCE, self.send(&batch)).await });
        let sent = sent.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        self.well.store(sent.is_ok(), Ordering::Relaxed);
        sent
    }
}

/// Who sends the spans. The environment has no say (`OTEL_RESOURCE_ATTRIBUTES`).
fn resource(service: &str) -> io::Result<Resource> {
    Ok(Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes([
            KeyValue::new("service.name", service.to_owned()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance()?),
        ])
        .build())
}

/// A random UUID (RFC 9562 section 5.4), another at each start.
fn instance() -> io::Result<String> {
    let mut bytes = [0; 16];
    let random = aws_lc_rs::rand::SystemRandom::new();
    aws_lc_rs::rand::SecureRandom::fill(&random, &mut bytes).map_err(io::Error::other)?;
    let value = u128::from_be_bytes(bytes) & !(0xf << 76) | 4 << 76;
    let hex = format!("{:032x}", value & !(3 << 62) | 2 << 62);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}

fn passing(error: io::Error) -> Refusal {
    Refusal { what: format!("it cannot be reached: {}", wording::io(&error)), passing: true }
}

/// OTLP: "Retryable response codes".
fn refusal(status: StatusCode, detail: &str) -> Refusal {
    let passing = matches!(status.as_u16(), 429 | 502..=504);
    let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    Refusal { what: format!("it answered {status}{detail}"), passing }
}
