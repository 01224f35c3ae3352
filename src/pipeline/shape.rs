//! The sixth step: takes parts out of the body where the route says so. Everything after it, the inbox and the
//! upstream, sees the shaped body alone.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderName};
use serde::Serialize;
use tracing::Level;

use super::authenticate::Authenticated;
use super::limit_body::read_whole;
use super::refusal::RequestRefusal;
use super::snapshot::UpstreamRoute;
use crate::shaping::RouteShape;
use crate::signature::known_signature_header;
use crate::telemetry::access::AccessRecord;
use crate::telemetry::emit_bounded;
use crate::upstream::SharedRequestBody;

/// Digests of a body, which do not fit another one: RFC 9530, and its predecessors RFC 3230 and RFC 1864.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// What follows from the settings of the route.
pub(super) enum Shaping<'a> {
    /// The body stays as it came.
    None(Shaped<'a>),
    /// The body is to be shaped.
    Needed(Unshaped<'a>),
}

/// A request whose body has been shaped, or stays as it came because its route has no shape.
pub(super) struct Shaped<'a>(pub(super) Authenticated<'a>);

/// A request whose body is to be shaped.
pub(super) struct Unshaped<'a> {
    request: Authenticated<'a>,
    shape: &'a RouteShape,
}

impl<'a> Authenticated<'a> {
    /// Whether the route has a shape.
    pub(super) fn shaping(self) -> Shaping<'a> {
        match self.principal.resource().shape() {
            None => Shaping::None(Shaped(self)),
            Some(shape) => Shaping::Needed(Unshaped { request: self, shape }),
        }
    }
}

impl Shaped<'_> {
    /// The target of the relay that gets the request in place of an upstream, if there is one.
    pub(super) fn target(&self) -> Option<Arc<str>> {
        self.0.principal.resource().relay().cloned()
    }
}

impl<'a> Unshaped<'a> {
    /// Reads the body, unless it was read to verify it, and shapes it.
    ///
    /// # Errors
    /// When the body cannot be read, is compressed, or is not what the rules are for.
    pub(super) async fn shape(
        self,
        body: &SharedRequestBody,
        record: &mut AccessRecord,
    ) -> Result<Shaped<'a>, RequestRefusal> {
        let Self { mut request, shape } = self;
        if is_encoded(request.head.headers()) {
            return Err(RequestRefusal::EncodedBody);
        }
        let route = request.principal.resource();
        let came = match request.body.take() {
            Some(came) => came,
            None => read_whole(body, route, &request.head).await?,
        };
        let mut shaped =
            shape.shape.apply(&came).map_err(|error| RequestRefusal::NotShapeable(error.into()))?;
        if shaped.is_unchanged() {
            request.body = Some(came);
            return Ok(Shaped(request));
        }
        shaped.changes.sort_by_key(|change| change.rule);
        let changes = shaped.changes.iter().map(ToString::to_string).collect();
        let new = Bytes::from(shaped.body.into_owned());
        record.shaped(changes, new.len());
        let headers = request.head.headers_mut();
        remove_what_no_longer_fits(headers, route);
        headers.insert(CONTENT_LENGTH, new.len().into());
        if let Some(name) = known_signature_header(headers)
            && shape.warns_now()
        {
            warn(record.id(), &route.path.shared(), name);
        }
        request.body = Some(new);
        Ok(Shaped(request))
    }
}

/// Whether the body has a coding (RFC 9110 section 8.4), so that it is not JSON as it is.
fn is_encoded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING);
    let mut codings = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| {
        let coding = coding.trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Removes what was made of the body that came: digests, and the signature that clawgate has verified.
fn remove_what_no_longer_fits(headers: &mut HeaderMap, route: &UpstreamRoute) {
    let scheme = route.verification().map(|verification| verification.verifier.scheme());
    let signatures = scheme.map(|scheme| scheme.signature_headers(headers)).unwrap_or_default();
    for name in signatures.iter().chain(&DIGESTS) {
        headers.remove(name);
    }
}

fn warn(id: &str, route: &Arc<str>, header: &HeaderName) {
    let line = SignatureLeft {
        id,
        route,
        header: header.as_str(),
        hint: "if the upstream verifies this signature, it refuses the request: remove [route.shape]. If it does not, nothing \
               is to be done; [route.verify] would have clawgate verify it",
    };
    emit_bounded(Level::WARN, "shaped_signature", &line);
}

/// The `shaped_signature` event.
#[derive(Serialize)]
struct SignatureLeft<'a> {
    id: &'a str,
    route: &'a str,
    header: &'a str,
    hint: &'static str,
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_body_is_encoded_if_any_coding_but_identity_is_named() {
        let is_encoded = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            is_encoded(&headers)
        };
        for plain in [&[][..], &["identity"], &["Identity, identity"], &[""], &[" , "]] {
            assert!(!is_encoded(plain), "{plain:?}");
        }
        for encoded in [&["gzip"][..], &["identity, br"], &["identity", "gzip"], &["x"]] {
            assert!(is_encoded(encoded), "{encoded:?}");
        }
    }
}
