//! The answers of the admin listener.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// What a page may load, and who may show it: nothing from elsewhere, and nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    headers: HeaderMap,
}

impl Reply {
    /// Plain text, which ends with a line break.
    pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.into())
    }

    /// Status 200 with the given content type.
    pub(super) fn ok(content_type: &'static str, body: String) -> Self {
        Self::new(StatusCode::OK, content_type, body)
    }

    /// A page of the console.
    pub(super) fn page(body: String) -> Self {
        let page = Self::ok("text/html; charset=utf-8", body).guarded();
        page.header(header::CACHE_CONTROL, "no-store")
    }

    /// With another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Another page, which the browser asks for with GET.
    pub(super) fn see_other(location: &str) -> Self {
        let reply = Self::text(StatusCode::SEE_OTHER, "").guarded();
        let reply = reply.header(header::CACHE_CONTROL, "no-store");
        match HeaderValue::from_str(location) {
            Ok(location) => reply.value(header::LOCATION, location),
            Err(_) => reply,
        }
    }

    /// The headers that keep other sites away from a page.
    pub(super) fn guarded(self) -> Self {
        self.header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::REFERRER_POLICY, "no-referrer")
            .header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
            .header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin")
    }

    /// With one more header.
    pub(super) fn header(self, name: HeaderName, value: &'static str) -> Self {
        self.value(name, HeaderValue::from_static(value))
    }

    fn value(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// As a response.
    pub(super) fn into_response<B: From<String>>(self) -> Response<B> {
        let mut response = Response::new(B::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        response
    }

    fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, headers: HeaderMap::new() }
    }
}
