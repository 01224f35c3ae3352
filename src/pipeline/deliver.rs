//! The last step: the upstream gets the request and answers.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, Version};
use http_body_util::Full;

use super::client_connection::ClientConnection;
use super::echo;
use super::refusal::RequestRefusal;
use super::sanitize::Delivery;
use crate::identity::Peer;
use crate::telemetry::access::AccessRecord;
use crate::upstream::{
    Backend, Client, MisconfigurationLog, ResponseBody, Upstream, UpstreamRequest, remove_hop_by_hop,
};

/// The body of an answer that clawgate passes on.
pub(crate) enum DeliveredBody {
    /// An upstream's, and where to log signs that this upstream is misconfigured.
    Upstream(ResponseBody, Arc<MisconfigurationLog>),
    /// clawgate's own: of `echo:`, or an answer to the sender that no upstream sees.
    Own(Full<Bytes>),
}

/// Sends a request to the upstream of its route. An event that the upstream accepts is known as delivered from then on; of
/// any other the sender's next try passes.
///
/// # Errors
/// When the upstream gives no answer. That is logged as an event, too.
pub(super) async fn deliver(
    client: &ClientConnection,
    delivery: Delivery<'_>,
    record: &mut AccessRecord,
) -> Result<Response<DeliveredBody>, RequestRefusal> {
    let Delivery { principal, request, claim, key: _ } = delivery;
    let upstream = &*principal.resource().upstream;
    let delivered = match &upstream.backend {
        Backend::Client(backend) => send(backend, client, upstream, request, record).await,
        // Boxed, since it is rare: every request in progress would keep room for it.
        Backend::Echo => Box::pin(echo(request, principal.peer(), record)).await,
    };
    if let (Some(claim), Ok(response)) = (claim, &delivered)
        && response.status().is_success()
    {
        claim.confirm().await;
    }
    delivered.inspect_err(|refusal| {
        let (reason, detail) = (refusal.reason(), refusal.log());
        client.delivery_failures.log(record.id(), Some(&client.facts), &upstream.name, reason, &detail);
    })
}

async fn send(
    backend: &Client,
    client: &ClientConnection,
    upstream: &Upstream,
    request: UpstreamRequest,
    record: &mut AccessRecord,
) -> Result<Response<DeliveredBody>, RequestRefusal> {
    let sent = Instant::now();
    record.asked(sent);
    let answer = backend.send(request, client.limiter.number()).await?;
    if answer.retried {
        record.retried();
    }
    let mut response = answer.response;
    record.answered(response.status(), sent.elapsed());
    remove_hop_by_hop(response.headers_mut());
    if answer.closes {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    *response.version_mut() = Version::HTTP_11;
    let log = Arc::clone(&upstream.misconfiguration_log);
    Ok(response.map(|body| DeliveredBody::Upstream(body, log)))
}

async fn echo(
    request: UpstreamRequest,
    peer: Option<&Peer>,
    record: &mut AccessRecord,
) -> Result<Response<DeliveredBody>, RequestRefusal> {
    let sent = Instant::now();
    let response = echo::answer(request, peer).await?;
    record.answered(response.status(), sent.elapsed());
    Ok(response.map(DeliveredBody::Own))
}
