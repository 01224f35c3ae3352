//! The answer to a request that no route takes. The client is told what is wrong with its request; how the operator
//! could open the path is in the log only.

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use super::refusal::RequestRefusal;
use crate::identity::name::printable;
use crate::route::NoRoute;
use crate::telemetry::RequestReason as Reason;

/// `who` is the subject of the client's certificate, escaped.
pub(crate) fn unrouted(why: NoRoute, method: &Method, path: &str, who: &str) -> RequestRefusal {
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
