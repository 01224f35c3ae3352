//! Reads settings and event, makes the request, prints the result.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::error::CommandError;
use super::outcome::Outcome;
use super::outgoing::Outgoing;
use crate::cli::{RelayArgs, RelayCommand, TryArgs};
use crate::config::{Environment, load};
use crate::inbox::EventId;
use crate::random::random_bytes;
use crate::relay::batch::Member;
use crate::relay::client::TargetClient;
use crate::relay::idempotency::batch_id;
use crate::relay::settings::RelaySettings;
use crate::relay::target::{RelayTarget, TargetRequest};
use crate::telemetry::metrics::Metrics;
use crate::wording;

/// As much of an answer is read.
const ANSWER: usize = 4096;

/// Runs `clawgate relay`, and prints its result. `environment` and `now` are those of the process. Returns whether the target would get
/// the event, or has it.
///
/// # Errors
/// When the settings or the event cannot be used.
pub fn run(args: &RelayArgs, environment: &Environment, now: SystemTime) -> Result<bool, CommandError> {
    let RelayCommand::Try(args) = &args.command;
    let settings = load(&args.settings, environment, now)?.reloadable.relay;
    let target = target(&settings, &args.target)?;
    let body = read(&args.event, settings.max_body)?;
    let random = random_bytes().map_err(cannot_start)?;
    let (request, outgoing) = prepare(&target, args, &body, EventId::new(now, random))?;
    let outcome = if args.send { Some(send(target, &request)?) } else { None };
    print(&if args.json {
        let sent = outcome.as_ref().map(serde_json::to_value).transpose();
        sent.and_then(|sent| outgoing.json(sent)).map_err(failed)?
    } else {
        match &outcome {
            Some(outcome) => format!("{outgoing}{outcome}"),
            None => format!("{outgoing}nothing was sent; --send sends it once\n"),
        }
    })?;
    Ok(outcome.is_none_or(|outcome| outcome.delivered))
}

fn target(settings: &RelaySettings, name: &str) -> Result<Arc<RelayTarget>, CommandError> {
    let Some(target) = settings.target(name) else {
        let names: Vec<_> = settings.targets.iter().map(|target| &*target.name).collect();
        let known = match names[..] {
            [] => "the settings have no [[relay.target]]".to_owned(),
            _ => format!("the settings have {}", names.join(", ")),
        };
        return Err(CommandError::Failed(format!("there is no target `{name}`: {known}")));
    };
    RelayTarget::new(Arc::clone(target)).map(Arc::new).map_err(failed)
}

/// The event in a file.
fn read(file: &Path, max_body: u64) -> Result<Bytes, CommandError> {
    let mut bytes = Vec::new();
    let limit = max_body.saturating_add(1);
    let read = if file == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let shown = file.display();
    read.map_err(|error| {
        CommandError::Failed(format!("{shown} cannot be read: {}", wording::io(&error)))
    })?;
    if bytes.len() as u64 > max_body {
        let what = format!("{shown} has more than {max_body} bytes, which limits.body refuses");
        return Err(CommandError::Failed(what));
    }
    Ok(bytes.into())
}

/// The request for the event, as the dispatcher would send it alone, and the same for people.
fn prepare(
    target: &RelayTarget,
    args: &TryArgs,
    body: &Bytes,
    stored: EventId,
) -> Result<(TargetRequest, Outgoing), CommandError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &args.headers {
        headers.insert(name.clone(), value.clone());
    }
    let event = target.prepare(&headers, body, stored).map_err(|error| {
        let hint = error.hint().map_or(String::new(), |hint| format!("\n  hint: {hint}"));
        CommandError::Failed(format!("{} cannot be sent: {error}{hint}", args.event.display()))
    })?;
    let settings = target.settings();
    let mut request = TargetRequest {
        id: event.identity.id,
        body: event.body,
        content_type: event.content_type,
        trace: None,
    };
    if let Some(batch) = &settings.batch {
        let member = Member::new(&request.body).map_err(failed)?;
        request = TargetRequest {
            id: batch_id([request.id.as_str()]),
            body: batch.form.body([&member]),
            content_type: batch.form.content_type(),
            trace: None,
        };
    }
    let (headers, body) = target.request(&request);
    let outgoing = Outgoing::new(settings, &headers, &body, &request.id, event.identity.origin);
    Ok((request, outgoing))
}

fn send(target: Arc<RelayTarget>, request: &TargetRequest) -> Result<Outcome, CommandError> {
    let metrics = Metrics::new().upstream(target.name());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // Within the runtime, because connections are driven by tasks.
    let sent = runtime
        .map_err(cannot_start)?
        .block_on(async { TargetClient::new(target, metrics).send(request, ANSWER).await });
    Ok(Outcome::new(&sent))
}

fn cannot_start(error: io::Error) -> CommandError {
    CommandError::Failed(format!("cannot start: {}", wording::io(&error)))
}

fn failed(error: impl ToString) -> CommandError {
    CommandError::Failed(error.to_string())
}

/// A reader that has seen enough is no failure.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CommandError::Failed(format!("cannot write the result: {}", wording::io(&error))))
        }
        _ => Ok(()),
    }
}
