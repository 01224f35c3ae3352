//! `clawgate inbox show`: the story of one event.

use std::fmt::{self, Display, Formatter};
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::record::{DetailRecord, fields};
use super::text::{precise, size, until};
use crate::finding::one_line;
use crate::identity::time::rfc3339_millis;
use crate::inbox::StoredRequest;
use crate::inbox::{Attempt, DeadReason, EventDetail, EventId, EventState, Store, StoreError};

/// All about one event.
#[derive(Debug)]
pub(super) struct Story {
    event: EventDetail,
    with_body: bool,
    now: SystemTime,
}

/// Reads one event; `None` if there is none with this id. `with_body` shows the request with its body, too.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn show(
    store: &dyn Store,
    id: EventId,
    with_body: bool,
    now: SystemTime,
) -> Result<Option<Story>, StoreError> {
    Ok(store.get(id).await?.map(|event| Story { event, with_body, now }))
}

impl Serialize for Story {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DetailRecord::new(&self.event, self.with_body).serialize(serializer)
    }
}

impl Display for Story {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let EventDetail { summary, idempotency_key, attempts, request } = &self.event;
        writeln!(f, "event {}: {}\n", summary.id, summary.state.as_str())?;
        fact(f, "route", &summary.route)?;
        fact(f, "sender", &summary.principal)?;
        fact(f, "sender's id", summary.key.as_deref().unwrap_or("none"))?;
        fact(f, "idempotency key", idempotency_key)?;
        fact(f, "request", &self.request_line())?;

        writeln!(f)?;
        step(f, summary.received, "received, verified and stored")?;
        let kept = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        let first = summary.tries.saturating_sub(kept);
        if first > 0 {
            let tries = if first == 1 { "try" } else { "tries" };
            writeln!(f, "  {:<24}  {first} {tries} before, of which no details are kept", "")?;
        }
        for (number, attempt) in (first + 1..).zip(attempts) {
            step(f, attempt.at, &format!("try {number}: {}", outcome(attempt)))?;
        }
        self.write_end(f)?;
        match request {
            Some(request) if self.with_body => write_request(f, request),
            _ => Ok(()),
        }
    }
}

impl Story {
    fn request_line(&self) -> String {
        let length = size(self.event.summary.size);
        let Some(request) = &self.event.request else {
            return format!("{length}, removed after the delivery (inbox.keep_bodies keeps it)");
        };
        let media_type = request.headers.get(http::header::CONTENT_TYPE);
        let media_type =
            media_type.map_or("no media type".into(), |value| String::from_utf8_lossy(value.as_bytes()));
        format!("{} {}, {media_type}, {length}", request.method, request.target)
    }

    fn write_end(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let summary = &self.event.summary;
        let ended = summary.ended.unwrap_or(summary.received);
        match summary.state {
            EventState::Waiting => match summary.next_at {
                Some(at) => step(f, at, &format!("next try, {}", until(at, self.now))),
                None => Ok(()),
            },
            EventState::Delivered => {
                let since = ended.duration_since(summary.received).unwrap_or_default();
                step(f, ended, &format!("delivered, {} after it was received", precise(since)))
            }
            EventState::Dead => {
                let (why, hint) = summary.reason.map_or(("", ""), explained);
                let word = summary.reason.map_or("no reason is stored", |reason| reason.as_str());
                step(f, ended, &format!("given up ({word}): {why}"))?;
                writeln!(
                    f,
                    "  {:<24}  hint: {hint}; then: clawgate inbox replay --id {}",
                    "", summary.id
                )
            }
        }
    }
}

fn fact(f: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<16}  {}", one_line(value))
}

fn step(f: &mut Formatter<'_>, at: SystemTime, text: &str) -> fmt::Result {
    writeln!(f, "  {}  {}", rfc3339_millis(at), one_line(text))
}

/// What came of a try: `503 after 12ms: {"error":"restarting"}`.
fn outcome(attempt: &Attempt) -> String {
    let took = precise(attempt.took);
    let result = match attempt.status {
        Some(status) => format!("{status} after {took}"),
        None => format!("no answer after {took}"),
    };
    let texts = [attempt.error.as_deref(), attempt.answer.as_deref()];
    std::iter::once(result.as_str()).chain(texts.into_iter().flatten()).collect::<Vec<_>>().join(": ")
}

/// Why an event was given up, and what to do about it.
fn explained(reason: DeadReason) -> (&'static str, &'static str) {
    match reason {
        DeadReason::Rejected => (
            "the upstream refuses this message",
            "look at its answer, and correct the sender or the upstream's mapping",
        ),
        DeadReason::UnknownPath => (
            "the upstream does not know the path that the sender chose",
            "correct the path at the sender, or add it to the upstream",
        ),
        DeadReason::SenderCredentials => (
            "the upstream refuses the credentials that the sender sent",
            "correct them at the sender, or let clawgate set its own (upstream.token_file)",
        ),
        DeadReason::TooManyAttempts => (
            "the upstream failed at each try",
            "look into the upstream's log for the time of the last try",
        ),
        DeadReason::TooOld => (
            "it was not delivered within give_up_after",
            "find out why the upstream was not available for so long (clawgate doctor)",
        ),
        DeadReason::Unreadable => (
            "what is stored of its request is damaged",
            "look at the disk, and restart clawgate, which then checks the database",
        ),
        DeadReason::UnknownRoute => {
            ("the settings have no such route", "add the route again with delivery = \"inbox\"")
        }
    }
}

/// The request, with control characters escaped. Credentials are not shown.
fn write_request(f: &mut Formatter<'_>, request: &StoredRequest) -> fmt::Result {
    writeln!(f, "\n{} {}", request.method, one_line(&request.target.to_string()))?;
    for field in fields(&request.headers) {
        let value = match (field.value, field.value_base64) {
            (Some(value), _) => one_line(value).into_owned(),
            (None, Some(base64)) => format!("(base64) {base64}"),
            (None, None) => "(not shown)".to_owned(),
        };
        writeln!(f, "{}: {value}", field.name)?;
    }
    writeln!(f)?;
    match std::str::from_utf8(&request.body) {
        Ok(text) => text.lines().try_for_each(|line| writeln!(f, "{}", one_line(line))),
        Err(_) => writeln!(f, "{}", request.body.escape_ascii()),
    }
}

#[cfg(test)]
mod tests;
