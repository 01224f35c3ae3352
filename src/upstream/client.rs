//! Sending a request to an upstream, and saying what went wrong when there is no answer.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use rustls::AlertDescription;
use thiserror::Error;
use tokio::time::timeout;

use super::body::{BodyError, RequestBody, SharedRequestBody};
use super::concurrency_limit::{Full, Slot, Slots};
use super::connect::Connector;
use super::framing::{BadFraming, settle, settle_trailers};
use super::idle_timer::Stall;
use super::pool::Pool;
use super::sanitize::UpstreamRequest;
use crate::telemetry::metrics::{UpstreamFault, UpstreamMetrics};
use crate::wording::{alert_name, http, io as io_words};

/// How long to wait for an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For an answer to begin, from the last piece of the request on.
    pub response: Duration,
    /// Between two pieces of a body, either way.
    pub idle: Duration,
}

/// Why an upstream gave no answer.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// It could not be connected to. The request was not sent.
    #[error("it cannot be connected to: {}", io_words(.0))]
    Unavailable(#[source] io::Error),
    /// As many requests are with it, and wait for that, as may. The request was not sent.
    #[error("{0} requests are with it already, and as many wait as may")]
    Busy(usize),
    /// As many requests of this client are with it as one client may have there. The request was not sent.
    #[error("{0} requests of this client are with it already, which is as many as one client may have")]
    ShareBusy(usize),
    /// It did not take the connection in time. The request was not sent.
    #[error("it did not take a connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The request was sent, and no answer began.
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
    /// The request was sent, at least in part, and the connection was closed without an answer.
    #[error("it closed the connection before it answered: {}", http(.0))]
    Closed(#[source] hyper::Error),
    /// What it answered is not HTTP/1.1.
    #[error("its answer is not HTTP/1.1: {}", http(.0))]
    Protocol(#[source] hyper::Error),
    /// Where its answer ends, or how it is coded, cannot be said.
    #[error("its answer cannot be understood: {0}")]
    Framing(#[from] BadFraming),
    /// It switched to another protocol, which no request asks for.
    #[error("it answered 101 Switching Protocols, and no upgrade was asked for")]
    Upgraded,
    /// The request's own body ended early.
    #[error(transparent)]
    Body(BodyError),
}

/// An answer that has begun.
#[derive(Debug)]
pub struct Answer {
    /// Status and header fields, and the body to come.
    pub response: Response<ResponseBody>,
    /// Whether the request had to go out on a second connection.
    pub retried: bool,
    /// Whether it came before the request's end, on a connection that the upstream will close: the rest of the
    /// request will not be read.
    pub closes: bool,
}

/// A client for one upstream, with its own idle connections: one for each worker.
#[derive(Debug)]
pub struct Client {
    connector: Connector,
    pool: Pool,
    slots: Slots,
    timeouts: Timeouts,
    metrics: Arc<UpstreamMetrics>,
}

impl Client {
    /// A client without a connection yet: for so many requests at once, while others wait in a queue.
    pub fn new(
        connector: Connector,
        timeouts: Timeouts,
        at_once: usize,
        queue: usize,
        metrics: Arc<UpstreamMetrics>,
    ) -> Self {
        let slots = Slots::new(at_once, queue, Arc::clone(&metrics));
        Self { connector, pool: Pool::default(), slots, timeouts, metrics }
    }

    /// Sends `request` and waits for the answer to begin.
    ///
    /// Goes out a second time only when an idle connection turned out to be closed before any of the
    /// request was handed to it: what may have been seen by the upstream is never sent twice.
    ///
    /// `client`: the number of the client that asks, which may have a share of the slots.
    pub async fn send(&self, request: UpstreamRequest, client: usize) -> Result<Answer, UpstreamError> {
        let sent = match request.into_parts() {
            (request, None) => self.try_send(request, client).await,
            // Boxed, since it is rare: every request in progress would keep room for it.
            (request, Some(header)) => Box::pin(self.try_send_alone(request, client, &header)).await,
        };
        sent.inspect_err(|error| self.failed(error))
    }

    async fn try_send(
        &self,
        request: Request<RequestBody>,
        client: usize,
    ) -> Result<Answer, UpstreamError> {
        let slot = self.slot(client).await?;
        let upload = request.body().upload().clone();
        let mut retried = false;
        let mut request = request;
        if let Some(mut sender) = self.pool.take() {
            self.metrics.reused.inc();
            match self.exchange(&mut sender, request, &upload).await {
                Ok(response) => return self.answer(response, sender, slot, upload, false),
                Err(Failed { unsent: Some(back), .. }) => {
                    request = *back;
                    retried = true;
                    self.metrics.retries.inc();
                }
                Err(Failed { error, .. }) => return Err(error),
            }
        }
        // Boxed, since it is rare: every request under way would keep room for it.
        let mut sender = Box::pin(self.connect(&[])).await?;
        match self.exchange(&mut sender, request, &upload).await {
            Ok(response) => self.answer(response, sender, slot, upload, retried),
            Err(Failed { error, .. }) => Err(error),
        }
    }

    async fn try_send_alone(
        &self,
        mut request: Request<RequestBody>,
        client: usize,
        proxy_header: &[u8],
    ) -> Result<Answer, UpstreamError> {
        let slot = self.slot(client).await?;
        let upload = request.body().upload().clone();
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        let mut sender = self.connect(proxy_header).await?;
        match self.exchange(&mut sender, request, &upload).await {
            Ok(response) => {
                let lease = PooledConnection { held: Some((sender, slot)), pool: None, upload };
                self.lend(response, lease, false)
            }
            Err(Failed { error, .. }) => Err(error),
        }
    }

    fn failed(&self, error: &UpstreamError) {
        self.metrics.failed(match error {
            UpstreamError::Busy(_) | UpstreamError::ShareBusy(_) => UpstreamFault::Busy,
            UpstreamError::Unavailable(_) => UpstreamFault::Unavailable,
            UpstreamError::ConnectTimeout(_) => UpstreamFault::ConnectTimeout,
            UpstreamError::Timeout(_) => UpstreamFault::Timeout,
            UpstreamError::Closed(_) => UpstreamFault::Closed,
            UpstreamError::Protocol(_) | UpstreamError::Framing(_) | UpstreamError::Upgraded => {
                UpstreamFault::Protocol
            }
            // The sender's fault, not the upstream's.
            UpstreamError::Body(_) => return,
        });
    }

    async fn slot(&self, client: usize) -> Result<Slot, UpstreamError> {
        self.slots.take(client, self.timeouts.connect).await.map_err(|full| match full {
            Full::All(count) => UpstreamError::Busy(count),
            Full::Share(count) => UpstreamError::ShareBusy(count),
        })
    }

    async fn connect(&self, proxy_header: &[u8]) -> Result<SendRequest<RequestBody>, UpstreamError> {
        let limit = self.timeouts.connect;
        match timeout(limit, self.connector.connect(proxy_header)).await {
            Ok(connected) => {
                let sender = connected.map_err(UpstreamError::Unavailable)?;
                self.metrics.connections.inc();
                Ok(sender)
            }
            Err(_) => Err(UpstreamError::ConnectTimeout(limit)),
        }
    }

    async fn exchange(
        &self,
        sender: &mut SendRequest<RequestBody>,
        request: Request<RequestBody>,
        upload: &SharedRequestBody,
    ) -> Result<Response<Incoming>, Failed> {
        let limit = self.timeouts.response;
        let mut exchange = std::pin::pin!(sender.try_send_request(request));
        let mut seen = upload.bytes();
        loop {
            match timeout(limit, exchange.as_mut()).await {
                Ok(Ok(response)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(Failed { unsent: None, error: UpstreamError::Upgraded });
                }
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(mut failed)) => {
                    let unsent = failed.take_message().map(Box::new);
                    return Err(Failed { unsent, error: classify(failed.into_error()) });
                }
                // A body that still comes in is no silence of the upstream's.
                Err(_) if upload.bytes() != seen => seen = upload.bytes(),
                Err(_) => return Err(Failed { unsent: None, error: UpstreamError::Timeout(limit) }),
            }
        }
    }

    fn answer(
        &self,
        response: Response<Incoming>,
        sender: SendRequest<RequestBody>,
        slot: Slot,
        upload: SharedRequestBody,
        retried: bool,
    ) -> Result<Answer, UpstreamError> {
        let lease =
            PooledConnection { held: Some((sender, slot)), pool: Some(self.pool.clone()), upload };
        self.lend(response, lease, retried)
    }

    fn lend(
        &self,
        mut response: Response<Incoming>,
        mut lease: PooledConnection,
        retried: bool,
    ) -> Result<Answer, UpstreamError> {
        let idle = self.timeouts.idle;
        if !settle(&mut response)? {
            lease.pool = None;
        }
        self.metrics.answered();
        let closes = !lease.upload.ended() && says_close(&response);
        let response = response.map(|inner| ResponseBody::new(inner, lease, idle));
        Ok(Answer { response, retried, closes })
    }
}

/// Whether the connection ends with this answer (RFC 9112 section 9.3).
fn says_close(response: &Response<Incoming>) -> bool {
    let mut options =
        response.headers().get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    response.version() == Version::HTTP_10
        || options
            .any(|value| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close")))
}

struct Failed {
    unsent: Option<Box<Request<RequestBody>>>,
    error: UpstreamError,
}

fn classify(error: hyper::Error) -> UpstreamError {
    if error.is_user() {
        // The body's own error comes back as the source of hyper's.
        if let Some(body) = error.source().and_then(|source| source.downcast_ref::<BodyError>()) {
            return UpstreamError::Body(match body {
                BodyError::TooLarge(limit) => BodyError::TooLarge(*limit),
                BodyError::Slow(slow) => BodyError::Slow(*slow),
                BodyError::Client(_) => BodyError::Client(error),
            });
        }
    }
    // Over TLS 1.3 the upstream's refusal of clawgate's certificate comes after the handshake, and the
    // request may be on its way already; but nobody has read it.
    if let Some(alert) = refusal(&error) {
        return UpstreamError::Unavailable(io::Error::other(refused(alert)));
    }
    if error.is_parse() { UpstreamError::Protocol(error) } else { UpstreamError::Closed(error) }
}

/// The alert by which the upstream refused the handshake, if that is what an error came of.
fn refusal(error: &hyper::Error) -> Option<AlertDescription> {
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(rustls::Error::AlertReceived(alert)) = inner.and_then(|inner| inner.downcast_ref()) {
            return is_refusal(*alert).then_some(*alert);
        }
        source = error.source();
    }
    None
}

/// Those that RFC 8446 section 6.2 has for the other end's certificate.
fn is_refusal(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

fn refused(alert: AlertDescription) -> String {
    let alert = alert_name(alert);
    format!(
        "it refused clawgate in the handshake ({alert}): it asks for a certificate of a CA that it trusts \
         (upstream.certificate, upstream.private_key)"
    )
}

/// The connection an answer comes on; goes back to the pool when the exchange is complete.
#[derive(Debug)]
struct PooledConnection {
    held: Option<(SendRequest<RequestBody>, Slot)>,
    /// `None`: it is not to be used again.
    pool: Option<Pool>,
    upload: SharedRequestBody,
}

impl PooledConnection {
    /// The answer has come to its end. If the request has not, the connection is closed: the rest of
    /// it must not be waited for.
    fn end(&mut self) {
        if let Some((sender, _slot)) = self.held.take().filter(|_| self.upload.ended())
            && let Some(pool) = &self.pool
        {
            pool.give_back(sender);
        }
    }
}

/// Why an answer ended early.
#[derive(Debug, Error)]
pub enum ResponseBodyError {
    /// The upstream sent nothing for this long.
    #[error("the upstream stopped in the middle of its answer for {0:?}")]
    Stalled(Duration),
    /// Request and answer took longer than they may.
    #[error("the request took longer than one may")]
    TooLong,
    /// The upstream closed the connection.
    #[error("the upstream's answer broke off: {}", http(.0))]
    Upstream(#[source] hyper::Error),
    /// The upstream broke the framing.
    #[error("the upstream's answer is not framed as HTTP/1.1 demands: its chunks are broken")]
    Framing,
}

impl From<hyper::Error> for ResponseBodyError {
    fn from(error: hyper::Error) -> Self {
        // hyper has no other sign of a broken chunk than the kind of the error that it passes on.
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match io
            .filter(|io| matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
        {
            Some(io) if io.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) => Self::Framing,
            _ => Self::Upstream(error),
        }
    }
}

/// An upstream's answer, streamed.
#[derive(Debug)]
pub struct ResponseBody {
    inner: Incoming,
    lease: PooledConnection,
    stall: Stall,
}

impl ResponseBody {
    fn new(inner: Incoming, mut lease: PooledConnection, idle: Duration) -> Self {
        if inner.is_end_stream() {
            lease.end();
        }
        Self { inner, lease, stall: Stall::new(idle) }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(mut frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            return this.stall.poll(cx).map(|idle| Some(Err(ResponseBodyError::Stalled(idle))));
        };
        this.stall.moved();
        match &mut frame {
            Some(Err(_)) => {}
            None => this.lease.end(),
            Some(Ok(frame)) => {
                let trailers = frame.trailers_mut().map(settle_trailers);
                if trailers.is_some() || this.inner.is_end_stream() {
                    this.lease.end();
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(ResponseBodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
