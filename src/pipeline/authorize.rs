//! The fourth step: may this client use the route?

use super::check::CheckedHead;
use super::refusal::RequestRefusal;
use super::route::Routed;
use super::snapshot::{RouteGrant, UpstreamRoute};
use crate::telemetry::access::AccessRecord;

/// A request whose client may use its route, as far as its certificate decides that.
#[derive(Debug)]
pub(super) struct Authorized<'a> {
    pub(super) route: &'a UpstreamRoute,
    /// Of the client's certificate; `None` for a client without one.
    pub(super) grant: Option<RouteGrant<'a>>,
    pub(super) head: CheckedHead<'a>,
}

impl<'a> Routed<'a> {
    /// Authorizes the client by the rules of the route. A client without a certificate has nothing that they decide about.
    ///
    /// # Errors
    /// When they do not allow the client.
    pub(super) fn authorize(self, record: &AccessRecord) -> Result<Authorized<'a>, RequestRefusal> {
        let (route, head) = self.into_parts();
        let (client, snapshot) = (head.admitted().client(), head.admitted().snapshot());
        let Some(peer) = &client.facts.peer else {
            return Ok(Authorized { route, grant: None, head });
        };
        let granted = client.decisions.authorize(snapshot.number, peer, route);
        let grant = granted.map_err(|decision| RequestRefusal::IdentityNotAllowed {
            client: peer.certificate.subject.clone(),
            route: route.path.shared(),
            why: decision.words("route", peer).to_owned(),
        })?;
        if let Some(denial) = grant.audited_denial() {
            let path = route.path.to_string();
            client.audit_log.to_request(record.id(), &client.facts, peer, &path, denial);
        }
        Ok(Authorized { route, grant: Some(grant), head })
    }
}
