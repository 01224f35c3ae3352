//! `echo:`, the built-in upstream: answers with what a real one would have received.

use bytes::Bytes;
use http::Response;
use http::header::{self, HeaderValue};
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value, json};

use crate::identity::{Peer, sha256};
use crate::upstream::{BodyError, UpstreamRequest};

/// Reads the whole body (which is limited) and answers 200 with a JSON object.
pub(super) async fn answer(
    request: UpstreamRequest,
    peer: Option<&Peer>,
) -> Result<Response<Full<Bytes>>, BodyError> {
    let (parts, body) = request.into_parts().0.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut headers = Map::new();
    for name in parts.headers.keys() {
        let values = parts.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.to_string(), Value::String(values.join(", ")));
    }
    let client = peer.map(|Peer { certificate, cn, .. }| {
        json!({
            "subject": certificate.subject,
            "cn": cn,
            "san": certificate.san,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "fingerprint": certificate.fingerprint_sha256,
        })
    });
    let seen = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "headers": headers,
        "body_bytes": body.len(),
        "body_sha256": sha256(&body),
        "body": std::str::from_utf8(&body).ok(),
        "client": client,
    });
    let mut text = serde_json::to_vec_pretty(&seen).unwrap_or_default();
    text.push(b'\n');
    let mut response = Response::new(Full::new(text.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
