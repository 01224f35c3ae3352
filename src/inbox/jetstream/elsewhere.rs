//! Leaves a server that does not do what is needed, though the connection to it stands: it may be cut off from the others.

use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::connection::State;
use tokio::time::timeout;

use super::connection_log::ConnectionLog;
use crate::inbox::settings::nats::JetStreamSettings;

/// How long a server may fail before another one is tried; doubled with each time.
const FIRST: Duration = Duration::from_secs(3);
/// The longest of these times.
const LONGEST: Duration = Duration::from_secs(10);
/// How long the client may take to begin.
const BEGIN: Duration = Duration::from_secs(1);

/// Decides when to leave a server.
#[derive(Debug)]
pub(super) struct Elsewhere {
    /// Whether there is another one.
    has_others: bool,
    /// Since when it fails.
    since: Option<Instant>,
    wait: Duration,
}

impl Elsewhere {
    /// For a connection to one of these servers.
    pub(super) fn new(settings: &JetStreamSettings) -> Self {
        Self { has_others: settings.servers.len() > 1, since: None, wait: FIRST }
    }

    /// The server does what is needed.
    pub(super) fn works(&mut self) {
        (self.since, self.wait) = (None, FIRST);
    }

    /// It does not. If that lasts, connects to the next server.
    pub(super) async fn fails(&mut self, client: &Client, log: &ConnectionLog) {
        let since = *self.since.get_or_insert_with(Instant::now);
        let is_connected = client.connection_state() == State::Connected;
        if self.has_others && is_connected && since.elapsed() >= self.wait {
            log.leave();
            let _ = timeout(BEGIN, client.force_reconnect()).await;
            (self.since, self.wait) = (None, LONGEST.min(self.wait * 2));
        }
    }
}
