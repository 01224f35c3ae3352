//! The fourth step: may this client use the route?

use super::check::CheckedHead;
use super::refusal::RequestRefusal;
use super::route::Routed;
use super::snapshot::RouteGrant;
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
        let grant = granted.map_err(|decision| RequestRefusal::IdentityNotAllowed {
            client: peer.certificate.subject.clone(),
            route: route.path.shared(),
            why: decision.words("route", peer).to_owned(),
        })?;
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
