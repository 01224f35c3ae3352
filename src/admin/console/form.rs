//! A form that a browser has sent.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::admin::reply::Reply;

/// The longest form, in bytes.
const MAX_FORM: usize = 8 * 1024;
/// How long a form may take to arrive.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded";

/// The fields of a form.
pub(super) struct Form(Bytes);

impl Form {
    /// Reads the body of `request`.
    ///
    /// # Errors
    /// The answer, if it is no form.
    pub(super) async fn read(request: Request<Incoming>) -> Result<Self, Reply> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        if !content_type.trim().eq_ignore_ascii_case(FORM) {
            return Err(Reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{FORM}\n")));
        }
        let body = Limited::new(request.into_body(), MAX_FORM).collect();
        match timeout(FORM_TIMEOUT, body).await {
            Ok(Ok(body)) => Ok(Self(body.to_bytes())),
            _ => {
                let text = "the form is too long, or incomplete\n";
                Err(Reply::text(StatusCode::BAD_REQUEST, text))
            }
        }
    }

    /// The value of the first field with this name; empty if there is none.
    pub(super) fn field(&self, name: &str) -> String {
        let mut fields = form_urlencoded::parse(&self.0);
        fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }
}
