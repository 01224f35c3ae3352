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
        let facts = &admitted.client().facts;
        let client = || facts.peer.as_ref().map(|_| facts.client());
        let routes = &admitted.access().routes;
        let found = routes.find(self.method(), &self.path());
        let found = match found {
            Err(NoRoute::Method { path, allowed }) => {
                self.tested_route(routes.with_pattern(path)).ok_or(NoRoute::Method { path, allowed })
            }
            found => found,
        };
        let route = found.map_err(|why| unrouted(why, self.method(), self.path().as_str(), client()))?;
        let upstream = route.relay().unwrap_or(&route.upstream.name);
        record.routed(route.path.shared(), Arc::clone(upstream), &route.metrics);
        Ok(Routed { route, head: self })
    }
}

impl CheckedHead<'_> {
    /// The one of these routes whose sender tests its address with a method that the route need not have.
    fn tested_route<'r>(
        &self,
        mut routes: impl Iterator<Item = &'r UpstreamRoute>,
    ) -> Option<&'r UpstreamRoute> {
        let client_auth = self.admitted().client().client_auth();
        routes.find(|route| {
            let Some(verification) = route.verification() else { return false };
            let request = verification.request(self.method(), self.target(), self.headers(), &[]);
            route.authenticate.demands_signature(client_auth)
                && verification.challenge.is_some_and(|challenge| challenge.is_opened_by(&request))
        })
    }
}

impl<'a> Routed<'a> {
    pub(super) fn into_parts(self) -> (&'a UpstreamRoute, CheckedHead<'a>) {
        (self.route, self.head)
    }
}

fn unrouted(why: NoRoute<'_>, method: &Method, path: &str, client: Option<String>) -> RequestRefusal {
    let path = printable(path);
    match why {
        NoRoute::Path => RequestRefusal::NoRoute { path, client },
        NoRoute::Alias(route) => RequestRefusal::OtherSpelling { path, route: route.to_string() },
        NoRoute::Method { allowed, .. } => {
            let (method, allowed) = (printable(method.as_str()), allowed.to_string());
            let refused = MethodNotAllowed { path, method, allowed, client };
            RequestRefusal::MethodNotAllowed(Box::new(refused))
        }
    }
}
