//! The fourth step: may this client use the route?

use http::StatusCode;

use super::check::CheckedHead;
use super::refusal::RequestRefusal;
use super::route::Routed;
use super::snapshot::{RouteGrant, UpstreamRoute};
use crate::identity::Peer;
use crate::policy::Decision;
use crate::telemetry::RequestReason;
use crate::telemetry::access::AccessRecord;

/// A request whose client may use its route.
#[derive(Debug)]
pub(super) struct Authorized<'a> {
    grant: RouteGrant<'a>,
    head: CheckedHead<'a>,
}

impl<'a> Routed<'a> {
    /// Authorizes the client by the rules of the route.
    ///
    /// # Errors
    /// When they do not allow the client.
    pub(super) fn authorize(self, record: &AccessRecord) -> Result<Authorized<'a>, RequestRefusal> {
        let (route, head) = self.into_parts();
        let (client, snapshot) = (head.admitted().client(), head.admitted().snapshot());
        let peer = &client.facts.peer;
        let granted = client.decisions.authorize(snapshot.number, peer, route);
        let grant = granted.map_err(|decision| not_allowed(peer, route, &decision))?;
        if let Some(denial) = grant.audited_denial() {
            let path = route.path.to_string();
            client.audit_log.to_request(record.id(), &client.facts, &path, denial);
        }
        Ok(Authorized { grant, head })
    }
}

impl<'a> Authorized<'a> {
    pub(super) fn into_parts(self) -> (RouteGrant<'a>, CheckedHead<'a>) {
        (self.grant, self.head)
    }
}

/// The client is not told the rules.
fn not_allowed(peer: &Peer, route: &UpstreamRoute, decision: &Decision) -> RequestRefusal {
    let who = &peer.certificate.subject;
    let detail = format!("{who} is not allowed to use {}", route.path);
    let log = format!("{detail}: {}", decision.words("route", peer));
    RequestRefusal::new(StatusCode::FORBIDDEN, RequestReason::IdentityNotAllowed, detail).with_log(log)
}
