//! What people read about the relay.

use humantime::format_duration;

use super::redact::redacted;
use super::units::format_size;
use crate::relay::batch::BatchForm;
use crate::relay::mapping::Mapping;
use crate::relay::protobuf::Unknown;
use crate::relay::settings::{Callers, TargetDelivery, TargetSettings, TokenHeader};

/// So many fields of a message are shown.
const SHOWN_FIELDS: usize = 24;

/// How callers of the listener authenticate themselves.
pub(super) fn callers(callers: &Callers) -> String {
    match &callers.header {
        TokenHeader::Bearer => "with a token in `Authorization: Bearer …`".to_owned(),
        TokenHeader::Named(name) => format!("with a token in `{name}`"),
    }
}

/// The URL of a target. Of its path only what cannot be a secret: some APIs have a key there.
pub fn url(target: &TargetSettings) -> String {
    let endpoint = &target.endpoint;
    let segments = endpoint.target.path().split('/').map(|segment| redacted(segment, segment));
    let path = segments.collect::<Vec<_>>().join("/");
    let query = if endpoint.target.query().is_some() { "?…" } else { "" };
    format!("{}{path}{query}", endpoint.server)
}

/// What holds for a target, for people: several lines.
pub(super) fn lines(target: &TargetSettings) -> Vec<String> {
    let give_up = format_duration(target.give_up_after);
    let mut lines = vec![
        match target.delivery {
            TargetDelivery::Queue => {
                format!("stored, answered with 202, then sent; tried for {give_up}")
            }
            TargetDelivery::Wait => "sent at once; the caller gets the target's answer".to_owned(),
        },
        format!("credential: {}", target.credential),
    ];
    let id = match &target.id {
        Some(id) => format!("events are recognised by {id}, else by header:idempotency-key"),
        None => "events are recognised by header:idempotency-key".to_owned(),
    };
    let sent = target.idempotency_header.as_ref().map(|name| format!("; the target gets it in {name}"));
    lines.push(id + sent.as_deref().unwrap_or(""));
    if let Some(batch) = &target.batch {
        let form = match &batch.form {
            BatchForm::Array => "a JSON array".to_owned(),
            BatchForm::Ndjson => "lines of JSON".to_owned(),
            BatchForm::Wrap(pointer) => format!("an array in `{pointer}`"),
        };
        lines.push(format!(
            "up to {} events or {} in one request, as {form}, after {}",
            batch.count,
            format_size(u64::try_from(batch.bytes).unwrap_or(u64::MAX)),
            format_duration(batch.period)
        ));
    }
    let rate = target
        .rate
        .map_or("as many requests as the target allows".to_owned(), |rate| format!("{rate} requests"));
    lines.push(format!(
        "{rate}, {} at the same time, each within {}",
        target.concurrency,
        format_duration(target.timeouts.response)
    ));
    body(target, &mut lines);
    lines
}

/// How the body is made, with an example.
fn body(target: &TargetSettings, lines: &mut Vec<String>) {
    let mapped = target.mapping.as_ref().map(Mapping::example);
    match &mapped {
        None if target.protobuf.is_none() => lines.push("the body is sent as it came".to_owned()),
        None => {}
        Some(None) => lines.push("the body is mapped".to_owned()),
        Some(Some((event, body))) => {
            let made = if target.protobuf.is_none() { "is sent as       " } else { "is mapped to     " };
            lines.push(format!("for example the event {event}"));
            lines.push(format!("{made} {body}"));
        }
    }
    let Some(protobuf) = &target.protobuf else { return };
    let (settings, message) = (protobuf.settings(), protobuf.message_type());
    let unknown = match settings.unknown {
        Unknown::Refuse => "other fields are refused",
        Unknown::Drop => "other fields are left out",
    };
    let (name, schema) = (&settings.message, settings.schema.display());
    lines.push(format!("sent as the protobuf message {name} of {schema}; {unknown}"));
    let fields = message.fields();
    let more = if fields.len() > SHOWN_FIELDS { "; …" } else { "" };
    let shown: Vec<_> = fields.iter().take(SHOWN_FIELDS).map(String::as_str).collect();
    lines.push(format!("its fields: {}{more}", shown.join("; ")));
    let of_mapping = mapped.flatten().map(|(_, body)| body);
    let fitting = of_mapping.into_iter().chain([message.example()]);
    let sent =
        fitting.filter_map(|json| Some((message.encode(json.as_bytes()).ok()?.len(), json))).next();
    if let Some((length, json)) = sent {
        lines.push(format!("for example {json} has {length} bytes as a message"));
    }
}
