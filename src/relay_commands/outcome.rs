//! What came of sending a request to a target.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use crate::relay::client::Sent;
use crate::relay::retry::{PauseReason, Verdict};

/// What came of a request.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    /// Whether the target has the event.
    pub(super) delivered: bool,
    status: Option<u16>,
    detail: Option<String>,
    took_ms: u64,
    meaning: String,
    hint: Option<&'static str>,
    answer: Option<String>,
}

impl Outcome {
    pub(super) fn new(sent: &Sent) -> Self {
        let (meaning, hint) = words(sent.verdict);
        Self {
            delivered: sent.verdict == Verdict::Done,
            status: sent.status.map(|status| status.as_u16()),
            detail: sent.detail.clone(),
            took_ms: u64::try_from(sent.took.as_millis()).unwrap_or(u64::MAX),
            meaning,
            hint,
            answer: sent.answer.excerpt(),
        }
    }
}

/// What would follow in a running clawgate, and what to do.
fn words(verdict: Verdict) -> (String, Option<&'static str>) {
    match verdict {
        Verdict::Done => ("the target has the event".to_owned(), None),
        Verdict::Retry { after: None } => ("clawgate would try again".to_owned(), None),
        Verdict::Retry { after: Some(wait) } => {
            let wait = humantime::format_duration(Duration::from_secs(wait.as_secs().max(1)));
            (format!("clawgate would try again after {wait}, as the target wishes"), None)
        }
        Verdict::RenewThenPause => paused(PauseReason::CredentialRefused),
        Verdict::Pause(reason) => paused(reason),
        Verdict::Dead => {
            let hint = "correct the mapping or the event, as the answer says";
            ("the target refuses this event; clawgate would give it up".to_owned(), Some(hint))
        }
    }
}

fn paused(reason: PauseReason) -> (String, Option<&'static str>) {
    let what = "clawgate would keep all events of this target, and send none until that is corrected";
    (format!("{what} ({})", reason.as_str()), Some(reason.hint()))
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let took = humantime::format_duration(Duration::from_millis(self.took_ms));
        match (self.status, &self.detail) {
            (Some(status), _) => writeln!(f, "status      {status} after {took}")?,
            (None, Some(detail)) => writeln!(f, "no answer   {detail}, after {took}")?,
            (None, None) => writeln!(f, "no answer   after {took}")?,
        }
        writeln!(f, "meaning     {}", self.meaning)?;
        if let Some(hint) = self.hint {
            writeln!(f, "hint        {hint}")?;
        }
        match &self.answer {
            Some(answer) => writeln!(f, "answer      {answer}"),
            None => Ok(()),
        }
    }
}
