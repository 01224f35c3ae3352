//! The third step: which route takes the request? A client learns what is wrong with its request; how the operator could
//! open the path is in the log only.

use std::sync::Arc;

use http::Method;

use super::check::CheckedHead;
use super::refusal::{MethodNotAllowed, RequestRefusal};
use super::snapshot::UpstreamRoute;
use crate::identity::name::printable;
use crate::route::NoRoute;
use crate::telemetry::access::AccessRecord;

/// A request with its route. Only [`CheckedHead::route`] makes one.
#[derive(Debug)]
pub(super) struct Routed<'a> {
    route: &'a UpstreamRoute,
    head: CheckedHead<'a>,
}

impl<'a> CheckedHead<'a> {
    /// Finds the route.
    ///
    /// # Errors
    /// When no route has the path, or the route has other methods.
    pub(super) fn route(self, record: &mut AccessRecord) -> Result<Routed<'a>, RequestRefusal> {
        let admitted = self.admitted();
        let subject = &admitted.client().facts.peer.certificate.subject;
        let found = admitted.snapshot().requests.routes.find(self.method(), &self.path());
        let route = found.map_err(|why| unrouted(why, self.method(), self.path().as_str(), subject))?;
        let upstream = Arc::clone(&route.upstream.name);
        record.routed(route.path.shared(), upstream, &route.metrics);
        Ok(Routed { route, head: self })
    }
}

impl<'a> Routed<'a> {
    pub(super) fn into_parts(self) -> (&'a UpstreamRoute, CheckedHead<'a>) {
        (self.route, self.head)
    }
}

fn unrouted(why: NoRoute<'_>, method: &Method, path: &str, client: &str) -> RequestRefusal {
    let (path, client) = (printable(path), client.to_owned());
    match why {
        NoRoute::Path => RequestRefusal::NoRoute { path, client },
        NoRoute::Alias(route) => RequestRefusal::OtherSpelling { path, route: route.to_string() },
        NoRoute::Method(allowed) => {
            let (method, allowed) = (printable(method.as_str()), allowed.to_string());
            let refused = MethodNotAllowed { path, method, allowed, client };
            RequestRefusal::MethodNotAllowed(Box::new(refused))
        }
    }
}
