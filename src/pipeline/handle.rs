//! All steps of one request.

use http::{Request, Response};

use super::accept::accept;
use super::admit::Admitted;
use super::authenticate::Authentication;
use super::check::CheckedHead;
use super::client_connection::ClientConnection;
use super::deliver::{DeliveredBody, deliver};
use super::refusal::RequestRefusal;
use super::relay::pass_on;
use super::shape::Shaping;
use super::snapshot::Snapshot;
use crate::telemetry::access::AccessRecord;
use crate::upstream::SharedRequestBody;

/// Handles a request of `client`, as `snapshot` says. Each step takes the value that the step before it returned, so that
/// none can be left out.
///
/// # Errors
/// clawgate's own answer, for a request that is refused or gets no answer from its upstream.
pub(crate) async fn handle(
    client: &ClientConnection,
    snapshot: &Snapshot,
    request: Request<SharedRequestBody>,
    record: &mut AccessRecord,
) -> Result<Response<DeliveredBody>, RequestRefusal> {
    let (mut parts, body) = request.into_parts();
    let target = std::mem::take(&mut parts.uri);
    let admitted = Admitted::new(client, snapshot)?;
    let head = CheckedHead::new(admitted, &target, parts)?;
    let routed = head.route(record)?;
    let authorized = routed.authorize(record)?;
    let authenticated = match authorized.authenticate(&body, record).await? {
        Authentication::Request(authenticated) => authenticated,
        Authentication::Answered(response) => return Ok(response.map(DeliveredBody::Own)),
    };
    let shaped = match authenticated.shaping() {
        Shaping::None(shaped) => shaped,
        // Boxed, so that requests of routes without a shape need no memory for it.
        Shaping::Needed(unshaped) => Box::pin(unshaped.shape(&body, record)).await?,
    };
    if let Some(target) = shaped.target() {
        // Boxed, so that requests of other routes need no memory for it.
        let passed = Box::pin(pass_on(client, shaped, &body, &target, record));
        return Ok(passed.await?.map(DeliveredBody::Own));
    }
    let delivery = shaped.sanitize(&body, record.id())?;
    match delivery.principal.resource().inbox() {
        None => deliver(client, delivery, record).await,
        // Boxed, so that requests of direct routes need no memory for it.
        Some(inbox) => {
            Ok(Box::pin(accept(client, delivery, inbox, record)).await?.map(DeliveredBody::Own))
        }
    }
}
