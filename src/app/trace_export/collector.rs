//! The client of an OpenTelemetry collector: sends spans over OTLP/HTTP, as protobuf.

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
use crate::telemetry::trace::SpanSink;
use crate::upstream::{Connector, ConnectorError};
use crate::wording;

/// How long the collector may take for one batch, with the second attempt.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before the second attempt.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The longest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Why a client for a collector cannot be created.
#[derive(Debug, Error)]
pub(super) enum CollectorError {
    /// TLS cannot be prepared.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// No runtime or no random numbers.
    #[error("{}", wording::io(.0))]
    System(#[from] io::Error),
    /// Its address does not fit into a header.
    #[error("its address does not fit into a header field")]
    Address(#[from] http::Error),
}

/// Calls a collector and blocks until it answers. For a thread that does nothing else.
#[derive(Debug)]
pub(super) struct Collector {
    connector: Connector,
    /// Its address without secrets, for the log.
    url: String,
    host: HeaderValue,
    path: String,
    authorization: Option<HeaderValue>,
    resource: ResourceAttributesWithSchema,
    runtime: Runtime,
    /// Reused for the next batch.
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
    /// Whether it accepted the last batch, or there was no batch yet.
    is_up: AtomicBool,
}

/// Why the collector did not accept a batch.
#[derive(Debug, Error)]
pub(super) enum ExportError {
    /// It cannot be reached, or the connection failed.
    #[error("it cannot be reached: {}", wording::io(.0))]
    Unreachable(#[from] io::Error),
    /// It answered with an error.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// Its answer is incomplete or too long.
    #[error("it answered {0}: the answer broke off, or is too long")]
    Body(StatusCode),
    /// It did not answer.
    #[error("no answer within {} s", BATCH_TIMEOUT.as_secs())]
    Timeout,
}

impl ExportError {
    /// Whether the same batch may succeed a little later. Statuses: OTLP, "Retryable response codes".
    fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status(status) | Self::Body(status) => matches!(status.as_u16(), 429 | 502..=504),
            Self::Timeout => false,
        }
    }
}

impl Collector {
    /// A client of the collector in `settings`. Does not call it.
    ///
    /// # Errors
    /// When no runtime can be made, or rustls does not accept the TLS settings.
    pub(super) fn new(settings: &TraceSettings) -> Result<Self, CollectorError> {
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
            is_up: AtomicBool::new(true),
        })
    }

    /// Sends a batch, with a second attempt if that may help. There is none if the last batch failed too, so that the
    /// queue does not fill behind this one.
    async fn send_batch(&self, batch: &Bytes) -> Result<u64, ExportError> {
        let sent = self.post(batch).await;
        if sent.as_ref().is_err_and(ExportError::is_retryable) && self.is_up.load(Ordering::Relaxed) {
            sleep(RETRY_DELAY).await;
            return self.post(batch).await;
        }
        sent
    }

    async fn post(&self, batch: &Bytes) -> Result<u64, ExportError> {
        let kept = self.connection().take();
        if let Some(mut kept) = kept
            && kept.ready().await.is_ok()
            // The kept connection fails if the collector closes it at this moment. The batch is then sent again; a span
            // that the collector gets twice has the same identifier.
            && let Ok(answered) = self.exchange(kept, batch).await
        {
            return answered;
        }
        let fresh = self.connect().await?;
        self.exchange(fresh, batch).await.map_err(io::Error::other)?
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

    /// The outer error is that of the connection. The inner result is the collector's answer.
    async fn exchange(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        batch: &Bytes,
    ) -> hyper::Result<Result<u64, ExportError>> {
        let response = connection.send_request(self.request(batch.clone())).await?;
        let status = response.status();
        let Ok(body) = Limited::new(response.into_body(), MAX_ANSWER).collect().await else {
            return Ok(Err(ExportError::Body(status)));
        };
        *self.connection() = Some(connection);
        if !status.is_success() {
            return Ok(Err(ExportError::Status(status)));
        }
        // The status says that the batch was accepted, even if the answer cannot be decoded.
        let answer = ExportTraceServiceResponse::decode(body.to_bytes()).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        Ok(Ok(u64::try_from(rejected).unwrap_or(0)))
    }

    fn request(&self, batch: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(batch));
        *request.method_mut() = Method::POST;
        // Always valid: the settings parsed it as part of a URL.
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

impl SpanSink for Collector {
    type Error = ExportError;

    fn collector(&self) -> &str {
        &self.url
    }

    fn send(&self, spans: Vec<SpanData>) -> Result<u64, ExportError> {
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let batch = Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        let sent =
            self.runtime.block_on(async { timeout(BATCH_TIMEOUT, self.send_batch(&batch)).await });
        let sent = sent.unwrap_or(Err(ExportError::Timeout));
        self.is_up.store(sent.is_ok(), Ordering::Relaxed);
        sent
    }
}

/// The resource that spans come from. `OTEL_RESOURCE_ATTRIBUTES` is not read.
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

/// A random UUID (RFC 9562 section 5.4), new at each start.
fn instance() -> io::Result<String> {
    let mut bytes = [0; 16];
    let random = aws_lc_rs::rand::SystemRandom::new();
    aws_lc_rs::rand::SecureRandom::fill(&random, &mut bytes).map_err(io::Error::other)?;
    let value = u128::from_be_bytes(bytes) & !(0xf << 76) | 4 << 76;
    let hex = format!("{:032x}", value & !(3 << 62) | 2 << 62);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}
