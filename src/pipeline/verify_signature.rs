//! Reads the body of a request whose route demands a signature, and verifies it. Answers the requests by which senders test
//! an address.

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use bytes::Bytes;

use super::check::CheckedHead;
use super::limit_body::read_whole;
use super::refusal::RequestRefusal;
use super::signature_refusals::{Cause, Refused};
use super::snapshot::UpstreamRoute;
use crate::limits::FailedSignatures;
use crate::signature::diagnosis::diagnose;
use crate::signature::{
    Answer, ChallengeError, MAX_CHALLENGE_BODY, SignatureError, SignedRequest, Verification,
    VerifiedSignature,
};
use crate::telemetry::metrics::SignatureResult;
use crate::upstream::SharedRequestBody;

/// A request that is to be verified.
pub(super) struct Unverified<'a, 'h> {
    pub(super) route: &'a UpstreamRoute,
    pub(super) verification: &'a Verification,
    pub(super) head: &'h CheckedHead<'a>,
    /// The identifier of the request.
    pub(super) id: &'h str,
}

/// What came of verifying a request.
pub(super) enum Checked {
    /// The whole body, and its signature: `None` if it is not valid and the route only logs that.
    Event(Bytes, Option<VerifiedSignature>),
    /// The sender tests the address, and gets this.
    Challenge(Answer),
}

impl Unverified<'_, '_> {
    /// Verifies the request. What the head alone shows is answered or refused before the body is read.
    ///
    /// # Errors
    /// When the body cannot be read, its signature is missing or not valid, or the client has sent too many such requests.
    pub(super) async fn check(&self, body: &SharedRequestBody) -> Result<Checked, RequestRefusal> {
        self.not_blocked()?;
        let head = self.request(&[]);
        if let Some(answer) = self.answer_unsigned(&head)? {
            return Ok(Checked::Challenge(answer));
        }
        let verifier = &self.verification.verifier;
        if let Err(error) = verifier.check_head(&head, SystemTime::now()) {
            // To find out why a signature is malformed, the body is needed.
            let body_is_needed = match error {
                SignatureError::Missing(_) => self.challenge_is_in_body(body),
                SignatureError::Malformed(_) => true,
                _ => false,
            };
            if !self.verification.audit && !body_is_needed {
                return Err(self.refuse(&head, &error));
            }
        }
        let body = read_whole(body, self.route, self.head).await?;
        let request = self.request(&body);
        match verifier.verify(&request, SystemTime::now()) {
            Ok(signature) => match self.answer_signed(&request, &signature)? {
                Some(answer) => Ok(Checked::Challenge(answer)),
                None => Ok(Checked::Event(body, Some(signature))),
            },
            Err(error) => {
                if error.missing()
                    && let Some(answer) = self.answer_unsigned(&request)?
                {
                    return Ok(Checked::Challenge(answer));
                }
                let refusal = self.refuse(&request, &error);
                if self.verification.audit { Ok(Checked::Event(body, None)) } else { Err(refusal) }
            }
        }
    }

    /// The request as its sender signed it, with this body.
    fn request<'b>(&'b self, body: &'b [u8]) -> SignedRequest<'b> {
        self.verification.request(self.head.method(), self.head.target(), self.head.headers(), body)
    }

    fn address(&self) -> IpAddr {
        self.head.admitted().client().facts.connection.client_addr.ip()
    }

    /// The failures of this route, if they are limited. In audit mode they are not, since no request is refused then.
    fn counted_failures(&self) -> Option<&FailedSignatures> {
        self.verification.failures.as_ref().filter(|_| !self.verification.audit)
    }

    /// # Errors
    /// How long a client must wait that has sent too many requests with an invalid signature.
    fn not_blocked(&self) -> Result<(), RequestRefusal> {
        let Some(failures) = self.counted_failures() else { return Ok(()) };
        match failures.is_blocked(self.address(), Instant::now()) {
            Some(wait) => Err(RequestRefusal::TooManyFailedSignatures { wait }),
            None => Ok(()),
        }
    }

    /// Whether an unsigned request may be the sender's test, and only its body, which is short, can tell.
    fn challenge_is_in_body(&self, body: &SharedRequestBody) -> bool {
        let is_in_body = self.verification.challenge.is_some_and(|challenge| challenge.is_in_body());
        is_in_body && body.size_hint().upper().is_some_and(|bytes| bytes <= MAX_CHALLENGE_BODY as u64)
    }

    fn answer_unsigned(&self, request: &SignedRequest<'_>) -> Result<Option<Answer>, RequestRefusal> {
        let Some(challenge) = self.verification.challenge else { return Ok(None) };
        let token = self.verification.challenge_token.as_ref().map(|token| &token[..]);
        challenge.answer_unsigned(request, token).map_err(|error| self.refuse_challenge(error))
    }

    fn answer_signed(
        &self,
        request: &SignedRequest<'_>,
        signature: &VerifiedSignature,
    ) -> Result<Option<Answer>, RequestRefusal> {
        let Some(challenge) = self.verification.challenge else { return Ok(None) };
        let answer = challenge.answer_signed(request, signature, &self.verification.verifier);
        answer.map_err(|error| self.refuse_challenge(error))
    }

    fn refuse_challenge(&self, error: ChallengeError) -> RequestRefusal {
        let cause =
            || Cause { code: "challenge", detail: error.to_string(), hint: error.hint().to_owned() };
        self.refused(RequestRefusal::SignatureInvalid { why: error.to_string() }, false, cause)
    }

    /// Counts and logs a request without a valid signature.
    fn refuse(&self, request: &SignedRequest<'_>, error: &SignatureError) -> RequestRefusal {
        let why = error.to_string();
        let refusal = if error.missing() {
            RequestRefusal::SignatureMissing { why }
        } else {
            RequestRefusal::SignatureInvalid { why }
        };
        self.refused(refusal, self.verification.audit, || self.diagnose(request, error))
    }

    fn refused(
        &self,
        refusal: RequestRefusal,
        audit: bool,
        cause: impl FnOnce() -> Cause,
    ) -> RequestRefusal {
        let client = self.head.admitted().client();
        let is_missing = matches!(refusal, RequestRefusal::SignatureMissing { .. });
        if !is_missing && let Some(failures) = self.counted_failures() {
            failures.failed(self.address(), Instant::now());
        }
        self.verification.metrics.count(if is_missing {
            SignatureResult::Missing
        } else {
            SignatureResult::Invalid
        });
        let refused = Refused {
            id: self.id,
            facts: &client.facts,
            route: self.route.path.shared(),
            scheme: self.verification.verifier.scheme().name(),
            reason: refusal.reason(),
            audit,
        };
        client.signature_refusals.log(&refused, cause);
        refusal
    }

    /// Finds the likely cause. A search in the body costs at most as much as verifying 16 MiB; one in the head costs little.
    fn diagnose(&self, request: &SignedRequest<'_>, error: &SignatureError) -> Cause {
        let admitted = self.head.admitted();
        let is_cheap = match error {
            SignatureError::Mismatch | SignatureError::Malformed(_) => false,
            SignatureError::Missing(_) => request.body.is_empty(),
            _ => true,
        };
        let may_search = is_cheap || admitted.client().signature_refusals.may_search();
        let found = may_search.then(|| {
            let own = &self.verification.verifier;
            let others: Vec<_> = admitted.snapshot().requests.verifiers().collect();
            let others = others.iter().filter(|(_, verifier)| !std::ptr::eq(*verifier, &**own));
            let others = others.map(|(route, verifier)| (&**route, *verifier));
            diagnose(own, request, error, SystemTime::now(), others)
        });
        match found.flatten() {
            Some(cause) => Cause { code: cause.code(), detail: cause.to_string(), hint: cause.hint() },
            None => {
                let (code, hint) = (error.code(), error.hint().to_owned());
                Cause { code, detail: error.to_string(), hint }
            }
        }
    }
}
