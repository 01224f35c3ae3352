//! Sends a request to an upstream, and returns a typed error if there is no response.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::time::timeout;

use super::body::{RequestBody, Upload};
use super::concurrency_limit::{ConcurrencyLimit, ConcurrencyPermit, LimitReached};
use super::connect::Connector;
use super::error::{UpstreamError, classify};
use super::framing::settle;
use super::pool::Pool;
use super::response_body::{PooledConnection, ResponseBody};
use super::sanitize::UpstreamRequest;
use crate::telemetry::metrics::{UpstreamFault, UpstreamMetrics};

/// How long clawgate waits for an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is open.
    pub connect: Duration,
    /// Until a response begins, after the last piece of the request.
    pub response: Duration,
    /// Between two pieces of a body, in either direction.
    pub idle: Duration,
}

/// A response that has begun.
#[derive(Debug)]
pub struct Answer {
    /// Status, header fields and the body, which is still to be read.
    pub response: Response<ResponseBody>,
    /// Whether the request was sent again, on a second connection.
    pub retried: bool,
    /// Whether the response came before the end of the request and the upstream will close the connection. Then the
    /// upstream will not read the rest of the request.
    pub closes: bool,
}

/// The client for one upstream. Each worker has one, with idle connections of its own.
#[derive(Debug)]
pub struct Client {
    connector: Connector,
    pool: Pool,
    concurrency: ConcurrencyLimit,
    timeouts: Timeouts,
    metrics: Arc<UpstreamMetrics>,
}

impl Client {
    /// A client without connections, for at most `at_once` requests at a time. Up to `queue` other requests wait.
    pub fn new(
        connector: Connector,
        timeouts: Timeouts,
        at_once: usize,
        queue: usize,
        metrics: Arc<UpstreamMetrics>,
    ) -> Self {
        let concurrency = ConcurrencyLimit::new(at_once, queue, Arc::clone(&metrics));
        Self { connector, pool: Pool::default(), concurrency, timeouts, metrics }
    }

    /// Sends `request` and waits until the response begins.
    ///
    /// The request is sent a second time only if an idle connection turned out to be closed before it got any of the
    /// request. A request that the upstream may have seen is never sent twice.
    ///
    /// `client`: the number of the client that sent the request. It may use only a share of the permits.
    pub async fn send(&self, request: UpstreamRequest, client: usize) -> Result<Answer, UpstreamError> {
        let sent = match request.into_parts() {
            (request, None) => self.try_send(request, client).await,
            // Boxed because it is rare: otherwise every request in progress would need memory for it.
            (request, Some(header)) => Box::pin(self.try_send_alone(request, client, &header)).await,
        };
        sent.inspect_err(|error| self.failed(error))
    }

    async fn try_send(
        &self,
        request: Request<RequestBody>,
        client: usize,
    ) -> Result<Answer, UpstreamError> {
        let permit = self.permit(client).await?;
        let upload = request.body().upload().clone();
        let mut retried = false;
        let mut request = request;
        if let Some(mut sender) = self.pool.take() {
            self.metrics.reused.inc();
            match self.exchange(&mut sender, request, &upload).await {
                Ok(response) => return self.answer(response, sender, permit, upload, false),
                Err(Failed { unsent: Some(back), .. }) => {
                    request = *back;
                    retried = true;
                    self.metrics.retries.inc();
                }
                Err(Failed { error, .. }) => return Err(error),
            }
        }
        // Boxed because it is rare: otherwise every request in progress would need memory for it.
        let mut sender = Box::pin(self.connect(&[])).await?;
        match self.exchange(&mut sender, request, &upload).await {
            Ok(response) => self.answer(response, sender, permit, upload, retried),
            Err(Failed { error, .. }) => Err(error),
        }
    }

    async fn try_send_alone(
        &self,
        mut request: Request<RequestBody>,
        client: usize,
        proxy_header: &[u8],
    ) -> Result<Answer, UpstreamError> {
        let permit = self.permit(client).await?;
        let upload = request.body().upload().clone();
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        let mut sender = self.connect(proxy_header).await?;
        match self.exchange(&mut sender, request, &upload).await {
            Ok(response) => {
                let connection = PooledConnection { held: Some((sender, permit)), pool: None, upload };
                self.lend(response, connection, false)
            }
            Err(Failed { error, .. }) => Err(error),
        }
    }

    fn failed(&self, error: &UpstreamError) {
        self.metrics.failed(match error {
            UpstreamError::Busy(_) | UpstreamError::ShareBusy(_) => UpstreamFault::Busy,
            UpstreamError::Unavailable(_) | UpstreamError::Address(_) => UpstreamFault::Unavailable,
            UpstreamError::ConnectTimeout(_) => UpstreamFault::ConnectTimeout,
            UpstreamError::Timeout(_) => UpstreamFault::Timeout,
            UpstreamError::Closed(_) => UpstreamFault::Closed,
            UpstreamError::Protocol(_) | UpstreamError::Framing(_) | UpstreamError::Upgraded => {
                UpstreamFault::Protocol
            }
            // The client's fault, not the upstream's.
            UpstreamError::Body(_) => return,
        });
    }

    async fn permit(&self, client: usize) -> Result<ConcurrencyPermit, UpstreamError> {
        self.concurrency.acquire(client, self.timeouts.connect).await.map_err(|reached| match reached {
            LimitReached::All(count) => UpstreamError::Busy(count),
            LimitReached::Client(count) => UpstreamError::ShareBusy(count),
        })
    }

    async fn connect(&self, proxy_header: &[u8]) -> Result<SendRequest<RequestBody>, UpstreamError> {
        let limit = self.timeouts.connect;
        match timeout(limit, self.connector.connect(proxy_header)).await {
            Ok(connected) => {
                let sender = connected.map_err(UpstreamError::not_connected)?;
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
        upload: &Upload,
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
                // As long as the body arrives, the upstream is not late.
                Err(_) if upload.bytes() != seen => seen = upload.bytes(),
                Err(_) => return Err(Failed { unsent: None, error: UpstreamError::Timeout(limit) }),
            }
        }
    }

    fn answer(
        &self,
        response: Response<Incoming>,
        sender: SendRequest<RequestBody>,
        permit: ConcurrencyPermit,
        upload: Upload,
        retried: bool,
    ) -> Result<Answer, UpstreamError> {
        let connection =
            PooledConnection { held: Some((sender, permit)), pool: Some(self.pool.clone()), upload };
        self.lend(response, connection, retried)
    }

    fn lend(
        &self,
        mut response: Response<Incoming>,
        mut connection: PooledConnection,
        retried: bool,
    ) -> Result<Answer, UpstreamError> {
        let idle = self.timeouts.idle;
        if !settle(&mut response)? {
            connection.pool = None;
        }
        self.metrics.answered();
        let closes = !connection.upload.ended() && says_close(&response);
        let response = response.map(|inner| ResponseBody::new(inner, connection, idle));
        Ok(Answer { response, retried, closes })
    }
}

/// Whether the connection ends after this response (RFC 9112 section 9.3).
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
