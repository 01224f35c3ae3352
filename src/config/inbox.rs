//! What people read about the inbox.

use humantime::format_duration;

use super::settings::RouteSettings;
use super::units::format_size;
use crate::inbox::{InboxSettings, OnCorrupt, StorePlace};

/// What holds for all routes, for people: several lines.
pub(super) fn lines(settings: &InboxSettings) -> Vec<String> {
    let InboxSettings { max_events, max_bytes, min_free, .. } = settings;
    let [max_bytes, min_free] = [max_bytes, min_free].map(|bytes| format_size(*bytes));
    let [retain, dead, first, max] =
        [settings.retain, settings.retain_dead, settings.retry_first, settings.retry_max]
            .map(|time| format_duration(time).to_string());
    let kept = if settings.keep_bodies { "events with their requests" } else { "events" };
    let damaged = match settings.on_corrupt {
        OnCorrupt::SetAside => "a damaged database is set aside",
        OnCorrupt::Refuse => "a damaged database is not used",
    };
    let retention = format!("{kept} are remembered for {retain}, dead ones for {dead}");
    let tries = format!("tried again after {first} to {max}");
    match &settings.place {
        StorePlace::Sqlite { path } => vec![
            path.display().to_string(),
            format!(
                "up to {max_events} events and {max_bytes}; {min_free} of the file system stay free"
            ),
            retention,
            format!("{tries}; {damaged}"),
        ],
        StorePlace::JetStream(nats) => vec![
            nats.to_string(),
            format!("{}, {}", replicas(nats.replicas), nats.credentials),
            format!("up to {max_events} events and {max_bytes}"),
            retention,
            tries,
        ],
    }
}

fn replicas(count: usize) -> String {
    if count == 1 { "on one server".to_owned() } else { format!("on {count} servers") }
}

/// What holds for a route that stores events, for people: several lines.
pub(super) fn route_lines(route: &RouteSettings) -> Vec<String> {
    let Some(inbox) = &route.inbox else { return Vec::new() };
    let status = inbox.status.as_u16();
    let answer = match inbox.wait {
        None => format!("stored, answered with {status}, then delivered"),
        Some(wait) => {
            let wait = format_duration(wait);
            format!("stored, then delivered; answered with {status} if that takes longer than {wait}")
        }
    };
    let give_up = format_duration(inbox.give_up_after);
    let mut lines = vec![
        answer,
        format!(
            "order {}, {} at the same time, tried for {give_up}",
            inbox.order.as_str(),
            inbox.concurrency
        ),
    ];
    lines.push(match &inbox.id {
        Some(id) => format!("events are recognised by {id}"),
        None if route.verify.is_some() => "events are recognised by the id of the scheme".to_owned(),
        None => "events are recognised by {header:idempotency-key}".to_owned(),
    });
    if inbox.store_authorization {
        lines.push("the sender's own credentials are stored".to_owned());
    }
    lines
}
