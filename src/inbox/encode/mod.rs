//! How requests and times are stored, and what an event is known by.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::inbox::StoredRequest;

/// The longest `Idempotency-Key`, in bytes.
const MAX_IDEMPOTENCY_KEY: usize = 256;

/// Milliseconds since 1970. Negative before it.
pub(super) fn millis(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    }
}

/// A duration in milliseconds.
pub(super) fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The time for [`millis`]. A time that the system cannot represent becomes 1970.
pub(super) fn time(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What is stored of a request before its body: one line with method and target, and one for each header field.
pub(super) fn head(request: &StoredRequest) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(request.method.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(request.target.to_string().as_bytes());
    head.push(b'\n');
    for (name, value) in &request.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        // A value has no line break: `HeaderValue` refuses it.
        head.extend_from_slice(value.as_bytes());
        head.push(b'\n');
    }
    head
}

/// The request of which [`head`] has made `head`. `None` if it is not of this form.
pub(super) fn request(head: &[u8], body: impl Into<Bytes>) -> Option<StoredRequest> {
    let mut lines = head.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let blank = first.iter().position(|byte| *byte == b' ')?;
    let method = Method::from_bytes(&first[..blank]).ok()?;
    let target = Uri::try_from(&first[blank + 1..]).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = line.get(colon + 1..)?.strip_prefix(b" ")?;
        headers.try_append(name, HeaderValue::from_bytes(value).ok()?).ok()?;
    }
    Some(StoredRequest { method, target, headers, body: body.into() })
}

/// What tells two requests with the same key apart: the first 16 bytes of SHA-256 over method, target and body.
pub(super) fn digest(request: &StoredRequest) -> [u8; 16] {
    hash(&[request.method.as_str().as_bytes(), request.target.to_string().as_bytes(), &request.body])
}

/// What an event is known by if it comes again.
pub(super) fn mark(route: &str, principal: &str, key: &str) -> [u8; 16] {
    hash(&[route.as_bytes(), principal.as_bytes(), key.as_bytes()])
}

/// What an event is known by if its key was used for another request before.
pub(super) fn mark_of_reuse(mark: &[u8; 16], digest: &[u8; 16]) -> [u8; 16] {
    hash(&[mark, digest])
}

/// The `Idempotency-Key` of an event whose key was used for another request before.
pub(super) fn key_of_reuse(key: &str, digest: &[u8; 16]) -> String {
    shortened(format!("{key}-{}", HEXLOWER.encode(&digest[..4])))
}

/// The `Idempotency-Key` after this many replays: without a new one, the upstream may answer with its old result.
pub(super) fn key_of_replay(key: String, replays: u32) -> String {
    if replays == 0 { key } else { shortened(format!("{key}-r{replays}")) }
}

fn shortened(key: String) -> String {
    if key.len() <= MAX_IDEMPOTENCY_KEY {
        return key;
    }
    let mut sha = Context::new(&SHA256);
    sha.update(key.as_bytes());
    format!("cg-{}", HEXLOWER.encode(sha.finish().as_ref()))
}

/// The first 16 bytes of SHA-256 over the parts and their lengths.
fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut sha = Context::new(&SHA256);
    for part in parts {
        sha.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        sha.update(part);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&sha.finish().as_ref()[..16]);
    first
}

#[cfg(test)]
mod tests;
