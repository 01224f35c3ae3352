//! Checks NATS, if events are stored there: whether it can be used, and what its confirmation of an event means.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Settings;
use crate::doctor::probe::{Reply, exchange};
use crate::finding::{Check, Finding, Subject};
use crate::inbox::jetstream::{FoundStream, Inspection, inspect};
use crate::inbox::{JetStreamSettings, NatsMonitoring};
use crate::wording;

/// How long a server may take to tell how it is.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a message besides the body: headers of the request, and what clawgate adds.
const HEAD: u64 = 16 << 10;
/// The first version that can write each event to the disk before it confirms it.
const SYNCED: (u64, u64) = (2, 10);

/// What there is to say of NATS. Whether it can be used at all comes first; the rest needs that.
pub(super) async fn findings(
    settings: &Settings,
    nats: &JetStreamSettings,
    subject: &Subject,
) -> Vec<Finding> {
    let shares_replays = settings.startup.shared_replays.is_some();
    let inspection = match inspect(nats, shares_replays).await {
        Ok(inspection) => inspection,
        Err(why) => {
            let hint =
                "start it, or correct inbox.store and [inbox.nats]; until then these routes answer 503";
            return vec![subject.fail(Check::Connect, format!("NATS cannot be reached: {why}"), hint)];
        }
    };
    let mut found = vec![subject.pass(Check::Connect, format!("nats-server {}", inspection.version))];
    if let Some(why) = &inspection.no_jetstream {
        let hint = "enable JetStream in the server's settings, for the account, and give the user the permissions in \
                    docs/inbox.md";
        found.push(subject.fail(Check::Stream, format!("JetStream cannot be used: {why}"), hint));
        return found;
    }
    if let Some(why) = &inspection.too_old {
        let hint = "until then these routes answer 503";
        found.push(subject.fail(Check::Stream, why.clone(), hint));
        return found;
    }
    found.push(stream(nats, &inspection, subject));
    if shares_replays {
        found.push(replays(nats, &inspection, subject));
    }
    found.push(body_limit(settings, &inspection, subject));
    let max_bytes = settings.startup.inbox.as_ref().map_or(0, |inbox| inbox.max_bytes);
    found.extend(durable(nats, max_bytes, &inspection, subject).await);
    found
}

fn stream(nats: &JetStreamSettings, inspection: &Inspection, subject: &Subject) -> Finding {
    let name = &nats.name;
    match &inspection.stream {
        Err(why) => {
            let hint =
                "give the user the permissions in docs/inbox.md, and see the log of the NATS servers";
            subject.fail(Check::Stream, format!("the stream {name} cannot be used: {why}"), hint)
        }
        Ok(None) => subject.skipped(
            Check::Stream,
            format!("there is no stream {name} yet: clawgate makes it when it starts"),
        ),
        Ok(Some(FoundStream { replicas, .. })) if *replicas != nats.replicas => {
            let detail = format!(
                "the stream {name} has {replicas} replicas, and inbox.nats.replicas is {}",
                nats.replicas
            );
            let hint =
                format!("change the stream: nats stream edit {name} --replicas {}", nats.replicas);
            subject.warning(Check::Stream, detail, hint)
        }
        Ok(Some(FoundStream { replicas, current, behind })) if current < replicas => {
            let detail = format!(
                "{current} of {replicas} servers have all events of the stream {name}; these do not: {}",
                behind.join(", ")
            );
            subject.warning(Check::Stream, detail, "start them, and see their log")
        }
        Ok(Some(FoundStream { replicas, .. })) => subject.pass(
            Check::Stream,
            format!("the stream {name} is on {replicas} servers, which have all events"),
        ),
    }
}

/// Whether all instances know the requests that one of them has delivered.
fn replays(nats: &JetStreamSettings, inspection: &Inspection, subject: &Subject) -> Finding {
    let name = format!("{}-replay", nats.name);
    match &inspection.replays {
        Err(why) => {
            let detail = format!(
                "the stream {name} cannot be used: {why}; a signed request can be used once at each instance"
            );
            let hint = "give the user the permissions in docs/inbox.md";
            subject.warning(Check::Replays, detail, hint)
        }
        Ok(None) => subject.skipped(
            Check::Replays,
            format!("there is no stream {name} yet: clawgate makes it when it starts"),
        ),
        Ok(Some(_)) => subject
            .pass(Check::Replays, format!("all instances know delivered requests by the stream {name}")),
    }
}

fn body_limit(settings: &Settings, inspection: &Inspection, subject: &Subject) -> Finding {
    let routes = settings.reloadable.routes.iter().filter(|route| route.inbox.is_some());
    let largest = routes.map(|route| route.max_body).max().unwrap_or_default();
    let most = u64::try_from(inspection.max_payload).unwrap_or(u64::MAX);
    let detail = format!("messages may have {} KiB, bodies {} KiB", most >> 10, largest >> 10);
    if largest.saturating_add(HEAD) > most {
        let hint = "raise max_payload in the settings of the NATS servers to limits.body of the routes and 16 KiB more, \
                    or lower limits.body; larger events get 413";
        return subject.warning(Check::BodyLimit, detail, hint);
    }
    subject.pass(Check::BodyLimit, detail)
}

/// What it means that NATS has confirmed an event.
async fn durable(
    nats: &JetStreamSettings,
    max_bytes: u64,
    inspection: &Inspection,
    subject: &Subject,
) -> Vec<Finding> {
    let mut found = Vec::new();
    if nats.replicas == 1 {
        let detail =
            "one server stores each event: with its disk, events are lost that senders got 202 for";
        found.push(subject.warning(
            Check::Durable,
            detail,
            "use three servers, and inbox.nats.replicas = 3",
        ));
    }
    if inspection.release.is_some_and(|release| release < SYNCED) {
        let detail = format!(
            "nats-server {} writes events to its disk up to 2 minutes after it has confirmed them: a loss of power on all \
             servers loses events that senders got 202 for",
            inspection.version
        );
        found.push(subject.warning(
            Check::Durable,
            detail,
            "use nats-server 2.10 or newer, with sync_interval: always",
        ));
        return found;
    }
    if nats.monitoring.is_empty() {
        let detail = "whether NATS writes an event to its disk before it confirms it is not known, since only its \
                      monitoring port tells: set sync_interval: always in the servers' settings, and \
                      inbox.nats.monitoring to have that checked";
        found.push(subject.note(Check::Durable, detail));
    }
    for server in &nats.monitoring {
        let config = config(server).await;
        found.push(synced(server, config.as_ref(), subject));
        found.extend(config.ok().and_then(|config| room(server, &config, max_bytes, subject)));
    }
    found
}

/// Whether the stream can become as large as the settings say. A server that has no room does not even store what becomes of events.
fn room(
    server: &NatsMonitoring,
    config: &StorageConfig,
    max_bytes: u64,
    subject: &Subject,
) -> Option<Finding> {
    let most = config.max_storage.and_then(|most| u64::try_from(most).ok()).filter(|most| *most > 0)?;
    (most <= max_bytes).then(|| {
        let detail = format!(
            "{server}: it stores at most {} MiB, and inbox.max_bytes is {} MiB: it would have no room to store what becomes of \
             events",
            most >> 20,
            max_bytes >> 20
        );
        let hint = "raise max_file_store in the block jetstream of its settings above inbox.max_bytes, or lower that";
        subject.warning(Check::Space, detail, hint)
    })
}

fn synced(
    server: &NatsMonitoring,
    config: Result<&StorageConfig, &String>,
    subject: &Subject,
) -> Finding {
    match config {
        Ok(StorageConfig { sync_always: true, .. }) => subject
            .pass(Check::Durable, format!("{server}: events are on its disk before they are confirmed")),
        Ok(StorageConfig { sync_interval, .. }) => {
            let seconds = Duration::from_nanos(*sync_interval).as_secs();
            let detail = format!(
                "{server}: events are written to its disk up to {seconds} s after they are confirmed: a loss of power on \
                 all servers loses events that senders got 202 for"
            );
            let hint = "set sync_interval: always in the block jetstream of its settings";
            subject.warning(Check::Durable, detail, hint)
        }
        Err(why) => {
            let hint = "set http_port in the server's settings, or correct inbox.nats.monitoring";
            subject.warning(Check::Durable, format!("{server}: it does not tell: {why}"), hint)
        }
    }
}

#[derive(Deserialize)]
struct Server {
    jetstream: JetStream,
}

#[derive(Deserialize)]
struct JetStream {
    config: Option<StorageConfig>,
}

/// When a server writes to its disk, and how much it may store there.
#[derive(Deserialize)]
struct StorageConfig {
    #[serde(default)]
    sync_always: bool,
    /// In nanoseconds.
    #[serde(default)]
    sync_interval: u64,
    /// In bytes; negative: without a limit.
    max_storage: Option<i64>,
}

async fn config(server: &NatsMonitoring) -> Result<StorageConfig, String> {
    let plain = |error: io::Error| wording::io(&error);
    let connected = timeout(TIMEOUT, TcpStream::connect((server.host.as_str(), server.port)));
    let stream = connected.await.map_err(|_| "no answer in time".to_owned())?.map_err(plain)?;
    let host = server.to_string();
    let host = host.strip_prefix("http://").unwrap_or(&host);
    // To HTTP/1.0 no server answers in chunks.
    let request = format!("GET /varz HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let Reply::Http(answer) = exchange(stream, request.as_bytes(), TIMEOUT).await else {
        return Err("it is no monitoring port of a NATS server".to_owned());
    };
    let server: Server = serde_json::from_slice(&answer.body)
        .map_err(|_| "it is no monitoring port of a NATS server".to_owned())?;
    server.jetstream.config.ok_or_else(|| "JetStream is not enabled there".to_owned())
}
