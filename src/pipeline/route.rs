//! The third step: which route takes the request? A client learns what is wrong with its request; how the operator could
//! open the path is in the log only.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use super::check::CheckedHead;
use super::refusal::RequestRefusal;
use super::snapshot::UpstreamRoute;
use crate::identity::name::printable;
use crate::route::NoRoute;
use crate::telemetry::RequestReason as Reason;
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
        let who = &admitted.client().facts.peer.certificate.subject;
        let found = admitted.snapshot().requests.routes.find(self.method(), &self.path());
        let route = found.map_err(|why| unrouted(why, self.method(), self.path().as_str(), who))?;
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

/// `who` is the subject of the client's certificate, escaped.
fn unrouted(why: NoRoute, method: &Method, path: &str, who: &str) -> RequestRefusal {
    let path = printable(path);
    match why {
        NoRoute::Path => {
            let detail = format!("no route is open for {path}");
            let log = format!(
                "{detail}; the client is verified as {who}. To open it: --path {path} (CLAWGATE_PATHS), or \
                 [[route]] path = \"{path}\""
            );
            RequestRefusal::new(StatusCode::NOT_FOUND, Reason::NoRoute, detail).with_log(log)
        }
        NoRoute::Alias(exact) => {
            let detail = format!(
                "{path} is not {exact}, but would be the same to an upstream that decodes it or takes off the slash at \
                 its end: send {exact}"
            );
            RequestRefusal::new(StatusCode::NOT_FOUND, Reason::NoRoute, detail)
        }
        NoRoute::Method(methods) => {
            let method = printable(method.as_str());
            let detail = format!("{path} takes {methods}, not {method}");
            let log = format!(
                "{detail}; the client is verified as {who}. To allow it: --method {method} (CLAWGATE_METHODS), or \
                 methods in its [[route]]"
            );
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let rejection = RequestRefusal::new(status, Reason::MethodNotAllowed, detail).with_log(log);
            match HeaderValue::try_from(methods.to_string()) {
                Ok(allow) => rejection.with_field(header::ALLOW, allow),
                Err(_) => rejection,
            }
        }
    }
}
