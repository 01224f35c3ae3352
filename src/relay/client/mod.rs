//! Sends requests to a target, and says what follows from its answers.

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::time::timeout;

use super::credentials::{Presented, TokenError};
use super::retry::{NoAnswer, PauseReason, Verdict, WaitHints};
use super::state::TargetTry;
use super::target::{RelayTarget, TargetRequest};
use crate::telemetry::metrics::UpstreamMetrics;
use crate::upstream::{AnswerBody, Client, UpstreamError};

/// How many requests the client of a thread may send at once. Who uses it has a limit of its own, which is lower.
const AT_ONCE: usize = 100_000;

/// How long a caller waits until fewer requests are being sent for others.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The client of one target for one thread, with connections of its own.
#[derive(Debug)]
pub struct TargetClient {
    target: Arc<RelayTarget>,
    client: Client,
}

/// What came of a request.
#[derive(Debug)]
pub struct Sent {
    /// What follows.
    pub verdict: Verdict,
    /// The status of the answer; `None` if there is none.
    pub status: Option<StatusCode>,
    /// Why there is no answer; `None` if there is one.
    pub no_answer: Option<NoAnswer>,
    /// Whether the connection ended before the answer: the target may be down.
    pub was_closed: bool,
    /// What is wrong, as a sentence without its subject; `None` if nothing is.
    pub detail: Option<String>,
    /// The `Content-Type` of the answer.
    pub content_type: Option<HeaderValue>,
    /// As much of the answer's body as was asked for.
    pub answer: AnswerBody,
    /// How long it took until the answer was read, or until it failed.
    pub took: Duration,
}

/// An answer of the target, or none.
enum Got {
    Answer { status: StatusCode, verdict: Verdict, content_type: Option<HeaderValue>, body: AnswerBody },
    Nothing(UpstreamError),
}

impl TargetClient {
    /// A client without connections.
    pub fn new(target: Arc<RelayTarget>, metrics: Arc<UpstreamMetrics>) -> Self {
        let timeouts = target.settings().timeouts;
        let client = Client::new(target.connector.clone(), timeouts, AT_ONCE, 0, metrics);
        Self { target, client }
    }

    /// The target.
    pub fn target(&self) -> &Arc<RelayTarget> {
        &self.target
    }

    /// Sends a request that [`RelayTarget::permit`] has permitted. If the target refuses a credential that can be renewed, it is renewed and the
    /// request sent once more. At most `most` bytes of the answer's body are kept.
    pub async fn send(&self, request: &TargetRequest, most: usize) -> Sent {
        let sent = self.try_once(request, most).await;
        let status = sent.status.map(|status| status.as_u16());
        let seen = TargetTry { at: SystemTime::now(), status, detail: sent.detail.clone() };
        self.target.seen.note(sent.verdict == Verdict::Done, seen);
        sent
    }

    async fn try_once(&self, request: &TargetRequest, most: usize) -> Sent {
        let begun = Instant::now();
        let presented = match self.target.credential.present(begun).await {
            Ok(presented) => presented,
            Err(error) => return Sent::without_credential(&error, None, begun),
        };
        let got = self.exchange(request, &presented, most).await;
        let Got::Answer { verdict: Verdict::RenewThenPause, status, .. } = got else {
            return Sent::of(got, begun);
        };
        match self.target.credential.after_refusal(&presented, Instant::now()).await {
            Ok(Some(renewed)) => match self.target.permit(Instant::now()) {
                Ok(()) => Sent::of(self.exchange(request, &renewed, most).await, begun),
                Err(wait) => {
                    let verdict = Verdict::Retry { after: Some(wait) };
                    let detail = "it refused the token; the new one is tried when the rate allows it";
                    Sent { verdict, detail: Some(detail.to_owned()), ..Sent::of(got, begun) }
                }
            },
            Ok(None) => Sent::of(got, begun),
            Err(error) => Sent::without_credential(&error, Some(status), begun),
        }
    }

    /// Sends a request for a caller that waits, as soon as fewer than `concurrency` are sent for others.
    ///
    /// # Errors
    /// When it cannot be sent now.
    pub async fn send_now(&self, request: &TargetRequest, most: usize) -> Result<Sent, NotNow> {
        let permit = timeout(LONGEST_WAIT, self.target.permits.acquire());
        // It is never closed.
        let Ok(Ok(_permit)) = permit.await else { return Err(NotNow::Busy) };
        self.target.permit(Instant::now()).map_err(NotNow::Rate)?;
        Ok(self.send(request, most).await)
    }

    async fn exchange(&self, request: &TargetRequest, presented: &Presented, most: usize) -> Got {
        let (mut headers, body) = self.target.request(request);
        if let Some(credential) = &presented.header {
            headers.insert(credential.name.clone(), credential.value.clone());
        }
        let answer = match self.client.send(self.target.upstream_request(headers, body), 0).await {
            Ok(answer) => answer,
            Err(error) => return Got::Nothing(error),
        };
        let (head, body) = answer.response.into_parts();
        let (status, now) = (head.status, SystemTime::now());
        let hints = WaitHints::of(&head.headers, now);
        self.target.limiter.note(hints, Instant::now());
        self.target.seen.note_hints(hints, now);
        let verdict = self.target.settings().rules.verdict(status, &head.headers, now);
        if verdict != Verdict::RenewThenPause {
            self.target.credential.accepted(presented);
        }
        let content_type = head.headers.get(CONTENT_TYPE).cloned();
        Got::Answer { status, verdict, content_type, body: AnswerBody::read(body, most).await }
    }
}

/// Why a request is not sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// As many as may be are being sent.
    Busy,
    /// The rate allows it after this time.
    Rate(Duration),
}

impl Sent {
    fn of(got: Got, begun: Instant) -> Self {
        let nothing = Self {
            verdict: Verdict::Done,
            status: None,
            no_answer: None,
            was_closed: false,
            detail: None,
            content_type: None,
            answer: AnswerBody::default(),
            took: begun.elapsed(),
        };
        match got {
            Got::Answer { status, verdict, content_type, body } => {
                let detail = (verdict != Verdict::Done).then(|| format!("it answered {status}"));
                let verdict = match verdict {
                    Verdict::RenewThenPause => Verdict::Pause(PauseReason::CredentialRefused),
                    verdict => verdict,
                };
                Self { verdict, status: Some(status), detail, content_type, answer: body, ..nothing }
            }
            Got::Nothing(error) => {
                let no_answer = no_answer(&error);
                let verdict = match error {
                    UpstreamError::Upgraded => Verdict::Pause(PauseReason::NotHttp),
                    _ => no_answer.verdict(),
                };
                let was_closed = matches!(
                    error,
                    UpstreamError::Closed(_) | UpstreamError::Protocol(_) | UpstreamError::Framing(_)
                );
                let detail = Some(error.to_string());
                Self { verdict, no_answer: Some(no_answer), was_closed, detail, ..nothing }
            }
        }
    }

    /// The token endpoint gives no token.
    fn without_credential(error: &TokenError, status: Option<StatusCode>, begun: Instant) -> Self {
        Self {
            verdict: error.verdict(),
            status,
            no_answer: status.is_none().then_some(NoAnswer::NotConnected),
            was_closed: false,
            detail: Some(error.to_string()),
            content_type: None,
            answer: AnswerBody::default(),
            took: begun.elapsed(),
        }
    }
}

/// What it means that no answer came.
fn no_answer(error: &UpstreamError) -> NoAnswer {
    match error {
        UpstreamError::Address(_) => NoAnswer::Address,
        error if error.is_untrusted() => NoAnswer::Certificate,
        UpstreamError::Unavailable(_)
        | UpstreamError::ConnectTimeout(_)
        | UpstreamError::Busy(_)
        | UpstreamError::ShareBusy(_) => NoAnswer::NotConnected,
        UpstreamError::Timeout(_)
        | UpstreamError::Closed(_)
        | UpstreamError::Protocol(_)
        | UpstreamError::Framing(_)
        | UpstreamError::Upgraded
        | UpstreamError::Body(_) => NoAnswer::Lost,
    }
}
