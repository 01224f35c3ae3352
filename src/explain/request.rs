//! Explains whether the signature of a captured request is valid: the verdict, and the checks that lead to it.

use std::time::SystemTime;

use serde::Serialize;

use super::captured::CapturedRequest;
use super::certificate::Verdict;
use super::signature_checks::{CheckedRequest, Judged};
use crate::config::Reloadable;
use crate::finding::Finding;
use crate::identity::time::{time_text, unix_seconds};
use crate::signature::SignedRequest;
use crate::signing::{RouteError, find_route};
use crate::telemetry::RequestReason;

/// The report about one captured request.
#[derive(Clone, Debug, Serialize)]
pub struct RequestExplanation {
    /// The file it came from.
    pub file: String,
    /// The time as of which it was verified, RFC 3339.
    pub at: String,
    /// The path of the route.
    pub route: String,
    /// The name of the scheme.
    pub scheme: &'static str,
    /// Whether its signature is valid.
    pub verdict: Verdict,
    /// Why it would be refused.
    pub reason: Option<RequestReason>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The name of the file whose key fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// The id of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// What the event is known by if it comes again, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_key: Option<String>,
    /// Every check.
    pub checks: Vec<Finding>,
}

/// Explains whether `captured` has a valid signature for the route at `path`, as of `at`.
///
/// # Errors
/// When no route that verifies signatures is at `path`.
pub fn request(
    settings: &Reloadable,
    path: &str,
    file: &str,
    captured: &CapturedRequest,
    at: SystemTime,
) -> Result<RequestExplanation, RouteError> {
    let found = find_route(&settings.routes, None, path)?;
    let signed = SignedRequest {
        method: &captured.method,
        target: &captured.target,
        public_url: settings.public_url.as_deref(),
        headers: &captured.headers,
        body: &captured.body,
    };
    let judged = Judged::new(&found.verify.verifier, &signed, at);
    let checked = CheckedRequest { settings, found: &found, captured, signed, judged: &judged, at };
    let checks = checked.checks();
    let error = judged.error();
    let verified = judged.verified();
    Ok(RequestExplanation {
        file: file.to_owned(),
        at: time_text(unix_seconds(at)),
        route: found.route.path.to_string(),
        scheme: found.verify.verifier.scheme().name(),
        verdict: if error.is_none() { Verdict::Admitted } else { Verdict::Refused },
        reason: error.map(|error| match error.missing() {
            true => RequestReason::SignatureMissing,
            false => RequestReason::SignatureInvalid,
        }),
        detail: error.map(ToString::to_string),
        hint: error.map(|error| checked.diagnosis(error).1),
        key_file: verified.map(|verified| verified.key_file().to_string()),
        event_id: verified.and_then(|verified| verified.id()).map(str::to_owned),
        event_key: verified.and_then(|verified| verified.event()).map(|event| format!("{event:?}")),
        checks,
    })
}
