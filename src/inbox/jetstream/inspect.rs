//! What can be said of NATS without storing anything.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, ErrorCode, stream};
use async_nats::{Client, connection::State};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::connect::connect;
use super::connection_log::ConnectionLog;
use super::replays::stream_of;
use super::stream::{check_version, release};
use crate::inbox::settings::nats::JetStreamSettings;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How often to look whether there is one.
const LOOK: Duration = Duration::from_millis(20);

/// What NATS says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The version of the server that clawgate is connected to.
    pub version: String,
    /// Its first two numbers, if it has any.
    pub release: Option<(u64, u64)>,
    /// Why servers of this version may not store the stream.
    pub too_old: Option<String>,
    /// The largest message, in bytes.
    pub max_payload: usize,
    /// Why JetStream cannot be used by this user.
    pub no_jetstream: Option<String>,
    /// The stream; `Err`: why nothing is known about it.
    pub stream: Result<Option<FoundStream>, String>,
    /// The stream of delivered requests, which not every user needs; `Err`: why nothing is known about it.
    pub replays: Result<Option<FoundStream>, String>,
}

/// A stream, as the servers have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundStream {
    /// How many servers are to store each event.
    pub replicas: usize,
    /// How many of them have all events at this moment.
    pub current: usize,
    /// Those that do not, by name.
    pub behind: Vec<String>,
}

/// Asks NATS how it is; `with_replays`: also about the stream of delivered requests.
///
/// # Errors
/// Why it cannot be asked, as a phrase.
pub async fn inspect(settings: &JetStreamSettings, with_replays: bool) -> Result<Inspection, String> {
    let log = Arc::new(ConnectionLog::silent());
    let client = connect(settings, Arc::clone(&log)).await.map_err(|fault| fault.to_string())?;
    wait_for_connection(&client, &log).await?;
    let info = client.server_info();
    let context = jetstream::new(client.clone());
    let no_jetstream = why_unusable(&context).await;
    let stream = match &no_jetstream {
        Some(_) => Err("JetStream cannot be used".to_owned()),
        None => find(&context, &settings.name).await,
    };
    let replays = match &no_jetstream {
        Some(_) => Err("JetStream cannot be used".to_owned()),
        None if !with_replays => Ok(None),
        None => find(&context, &stream_of(settings)).await,
    };
    let replicas = match &stream {
        Ok(Some(found)) => found.replicas,
        Ok(None) | Err(_) => settings.replicas,
    };
    Ok(Inspection {
        release: release(&info.version),
        too_old: check_version(&info.version, replicas).err(),
        version: info.version,
        max_payload: info.max_payload,
        no_jetstream,
        stream,
        replays,
    })
}

async fn wait_for_connection(client: &Client, log: &ConnectionLog) -> Result<(), String> {
    let deadline = Instant::now() + CONNECT;
    while client.connection_state() != State::Connected {
        if Instant::now() > deadline {
            return Err(log.fault().unwrap_or_else(|| "no answer within 5 s".to_owned()));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Why JetStream cannot be used. `Context::query_account` does not understand the answer of a server before 2.10.
async fn why_unusable(context: &jetstream::Context) -> Option<String> {
    match context.request("INFO", &()).await {
        Ok(Response::<Value>::Ok(_)) => None,
        Ok(Response::Err { error }) => Some(plain(&error)),
        Err(error) => Some(plain(&error)),
    }
}

async fn find(context: &jetstream::Context, name: &str) -> Result<Option<FoundStream>, String> {
    let stream = match context.get_stream(name).await {
        Ok(stream) => stream,
        Err(error) => {
            return match error.kind() {
                GetStreamErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                _ => Err(plain(&error)),
            };
        }
    };
    Ok(Some(found(stream.cached_info())))
}

fn found(info: &stream::Info) -> FoundStream {
    let replicas = info.config.num_replicas.max(1);
    // A server alone tells of no cluster.
    let others = info.cluster.iter().flat_map(|cluster| &cluster.replicas);
    let behind: Vec<_> =
        others.filter(|peer| !peer.current || peer.offline).map(|peer| peer.name.clone()).collect();
    FoundStream { replicas, current: replicas.saturating_sub(behind.len()), behind }
}

/// An error of the client as a phrase. A request that the user may not make is not answered at all.
fn plain(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    if text.contains("timed out") || text.contains("timeout") {
        return "it does not answer: JetStream is not enabled, has no leader, or this user may not ask it".to_owned();
    }
    text
}
