//! Every check of a captured request: its result, and a hint if something is wrong.

use std::time::{Duration, SystemTime};

use humantime::format_duration;

use super::captured::CapturedRequest;
use crate::config::Reloadable;
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::time::{ago, span, time_text, unix_seconds};
use crate::policy::Authenticate;
use crate::signature::diagnosis::{Cause, diagnose};
use crate::signature::{Method, ReplayBy, SignatureError, SignedRequest, VerifiedSignature, Verifier};
use crate::signing::{FoundRoute, find_route};

/// The verdict on a request, and what it would be if it had come when it was signed.
pub(super) struct Judged {
    result: Result<VerifiedSignature, SignatureError>,
    /// The verdict at the time of the signature, if the time alone decides `result`.
    in_time: Option<Result<VerifiedSignature, SignatureError>>,
    /// The time of that verdict: that of the signature, or else the one to check as of.
    time: SystemTime,
}

impl Judged {
    pub(super) fn new(verifier: &Verifier, request: &SignedRequest<'_>, at: SystemTime) -> Self {
        let result = verifier.verify(request, at);
        let signed_at = match &result {
            Err(SignatureError::Stale { by }) => at.checked_sub(*by),
            Err(SignatureError::Future { by }) => at.checked_add(*by),
            _ => None,
        };
        let in_time = signed_at.map(|signed_at| verifier.verify(request, signed_at));
        Self { result, in_time, time: signed_at.unwrap_or(at) }
    }

    /// Why it is refused.
    pub(super) fn error(&self) -> Option<&SignatureError> {
        self.result.as_ref().err()
    }

    /// What the signature proves, apart from its time.
    pub(super) fn verified(&self) -> Option<&VerifiedSignature> {
        self.apart_from_time().as_ref().ok()
    }

    fn apart_from_time(&self) -> &Result<VerifiedSignature, SignatureError> {
        self.in_time.as_ref().unwrap_or(&self.result)
    }
}

/// Everything that the checks need.
pub(super) struct CheckedRequest<'a> {
    pub(super) settings: &'a Reloadable,
    pub(super) found: &'a FoundRoute<'a>,
    pub(super) captured: &'a CapturedRequest,
    pub(super) signed: SignedRequest<'a>,
    pub(super) judged: &'a Judged,
    pub(super) at: SystemTime,
}

impl CheckedRequest<'_> {
    /// All checks, in the order of a report.
    pub(super) fn checks(&self) -> Vec<Finding> {
        let mut checks = vec![self.route(), self.body(), self.form(), self.time(), self.key()];
        checks.extend([self.event(), covered(self.verifier())]);
        checks.extend(self.certificate());
        checks
    }

    fn verifier(&self) -> &Verifier {
        &self.found.verify.verifier
    }

    fn route(&self) -> Finding {
        let (path, scheme) = (&self.found.route.path, self.verifier().scheme());
        let about = about();
        let target = &self.captured.target;
        let is_here = |other: &FoundRoute<'_>| other.route.path == *path;
        match find_route(&self.settings.routes, Some(&self.captured.method), target) {
            Ok(other) if is_here(&other) => about.pass(
                Check::Route,
                format!("{path} verifies signatures of {} ({})", scheme.preset().sender, scheme.name()),
            ),
            Ok(other) => about.warning(
                Check::Route,
                format!("the request was sent to {target}, where the route {} is", other.route.path),
                format!("verify it with that route, or have the sender call {path}"),
            ),
            Err(error) => about.warning(
                Check::Route,
                format!("a request to {target} would not reach {path}: {error}"),
                format!("have the sender call {path}"),
            ),
        }
    }

    fn body(&self) -> Finding {
        let (length, missing) = (self.captured.body.len(), self.captured.missing());
        if missing > 0 {
            let detail =
                format!("{missing} bytes are missing: Content-Length says more than the file has");
            let hint = "capture the body whole, as it came; a text editor may have changed it";
            return about().fail(Check::Body, detail, hint);
        }
        let detail = format!("{length} bytes");
        match self.captured.excess {
            0 => about().pass(Check::Body, detail),
            excess => about().note(
                Check::Body,
                format!("{detail}, as Content-Length says; {excess} more in the file are left out"),
            ),
        }
    }

    fn form(&self) -> Finding {
        match self.judged.apart_from_time() {
            Err(error) if !is_about_time(error) && *error != SignatureError::Mismatch => {
                self.failed(Check::SignatureForm, error)
            }
            _ => about().pass(
                Check::SignatureForm,
                match self.verifier().scheme().method() {
                    Method::Token => "a token is there",
                    _ => "a signature is there, in the form that the scheme has",
                },
            ),
        }
    }

    fn time(&self) -> Finding {
        let Some(tolerance) = self.verifier().scheme().tolerance() else {
            return about().skipped(Check::SigningTime, "requests of this scheme have no time");
        };
        match self.judged.error() {
            Some(error @ (SignatureError::Stale { .. } | SignatureError::Future { .. })) => {
                let finding = self.failed(Check::SigningTime, error);
                let detail =
                    format!("{}; the tolerance is {}", finding.detail, format_duration(tolerance));
                let only = self.judged.verified().map_or_else(String::new, |verified| {
                    let signed_at = verified.timestamp().unwrap_or(self.at);
                    let date = time_text(unix_seconds(signed_at));
                    format!("; this alone is wrong: it was valid when it was signed ({date})")
                });
                Finding { detail: detail + &only, ..finding }
            }
            Some(error) if is_about_time(error) => self.failed(Check::SigningTime, error),
            _ => match self.judged.verified().and_then(VerifiedSignature::timestamp) {
                Some(signed_at) => about().pass(
                    Check::SigningTime,
                    format!(
                        "signed {}; the tolerance is {}",
                        relative(signed_at, self.at),
                        format_duration(tolerance)
                    ),
                ),
                None => about().skipped(Check::SigningTime, "not known before the signature fits"),
            },
        }
    }

    fn key(&self) -> Finding {
        match self.judged.apart_from_time() {
            Ok(verified) => {
                let detail = format!("{} fits", verified.key_file());
                about().pass(Check::SigningKey, detail)
            }
            Err(error @ SignatureError::Mismatch) => self.failed(Check::SigningKey, error),
            Err(_) => about().skipped(Check::SigningKey, "not tried: see above"),
        }
    }

    fn event(&self) -> Finding {
        let Some(verified) = self.judged.verified() else {
            return about().skipped(Check::Event, "not known before the signature fits");
        };
        let id = verified.id().unwrap_or("no id");
        let known_by = match self.verifier().scheme().replay() {
            ReplayBy::Off => "a repeated request is not recognised",
            ReplayBy::Id if verified.id().is_some() => "a repeated request is recognised by its id",
            ReplayBy::Id | ReplayBy::Signature => "a repeated request is recognised by its signature",
        };
        about().pass(Check::Event, format!("{id}; {known_by}"))
    }

    /// A route may demand a certificate as well, which no file of a request shows.
    fn certificate(&self) -> Option<Finding> {
        let detail = "the route also demands a client certificate, which is not looked at here";
        let is_demanded = self.found.route.authenticate == Authenticate::Both;
        is_demanded.then(|| {
            about()
                .note(Check::WithCertificate, detail)
                .hint("see `clawgate explain client.pem` for that")
        })
    }

    fn failed(&self, check: Check, error: &SignatureError) -> Finding {
        let (detail, hint) = self.diagnosis(error);
        about().fail(check, detail, hint)
    }

    /// The usual mistake behind an error, if it is one, and what to do about it.
    pub(super) fn diagnosis(&self, error: &SignatureError) -> (String, String) {
        let routes = &self.settings.routes;
        let others: Vec<_> = routes
            .iter()
            .filter(|route| route.path != self.found.route.path)
            .filter_map(|route| Some((route.path.shared(), &route.verify.as_ref()?.verifier)))
            .collect();
        let others = others.iter().map(|(path, verifier)| (&**path, &***verifier));
        match diagnose(self.verifier(), &self.signed, error, self.judged.time, others) {
            Some(cause @ (Cause::Stale { .. } | Cause::Future { .. })) => {
                (error.to_string(), cause.hint())
            }
            Some(cause) => (format!("{error}: {cause}"), cause.hint()),
            None => (error.to_string(), usual_hint(error).to_owned()),
        }
    }
}

/// What to do about an error without a known cause.
fn usual_hint(error: &SignatureError) -> &'static str {
    match error {
        SignatureError::Mismatch => {
            "compare the secret with the sender's; the file must have the body exactly as it came"
        }
        SignatureError::Missing(_) => {
            "see whether the sender signs its requests, and whether a proxy removes headers"
        }
        _ => "compare the scheme in [route.verify] with what the sender documents",
    }
}

fn is_about_time(error: &SignatureError) -> bool {
    matches!(
        error,
        SignatureError::Stale { .. }
            | SignatureError::Future { .. }
            | SignatureError::NoTimestamp(_)
            | SignatureError::BadTimestamp(_)
    )
}

/// `time` as of `at`, for people.
fn relative(time: SystemTime, at: SystemTime) -> String {
    let seconds = |between: Duration| i64::try_from(between.as_secs()).unwrap_or(i64::MAX);
    match at.duration_since(time) {
        Ok(since) => ago(seconds(since)),
        Err(ahead) => format!("{} in the future", span(seconds(ahead.duration()))),
    }
}

fn covered(verifier: &Verifier) -> Finding {
    let coverage = verifier.scheme().coverage();
    match coverage.parts().as_slice() {
        [] => about()
            .note(Check::Covered, "nothing is signed: whoever has seen one request can send others"),
        parts if coverage.body => about().pass(Check::Covered, parts.join(", ")),
        parts => about().note(
            Check::Covered,
            format!(
                "{}; not the body: whoever has seen one request can send another body",
                parts.join(", ")
            ),
        ),
    }
}

/// What the findings are about.
fn about() -> Subject {
    Subject::new(Area::Request, "")
}
