//! What requests and the thread share: the connection, whether NATS is asked, and what is still to be written.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_nats::{Client, HeaderMap, Request, RequestErrorKind};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;

use super::record::Record;
use crate::inbox::jetstream::connection_log::ConnectionLog;
use crate::inbox::jetstream::link::{EXPECTED, Fault, confirmed};
use crate::inbox::replay_log;
use crate::inbox::settings::nats::JetStreamSettings;
use crate::signature::replay::DEFAULT_WINDOW;
use crate::telemetry::metrics::ReplayMetrics;

/// How long a request may wait for NATS, each time.
pub(super) const BOUND: Duration = Duration::from_secs(1);
/// How long after the start requests wait for the connection, instead of going on without it.
pub(super) const STARTING: Duration = Duration::from_secs(3);
/// How much may be left to be written, so that memory is bounded. What is more is not written.
pub(super) const QUEUE: usize = 4096;

/// Whether NATS is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// That is not known yet.
    Starting,
    /// It is: requests are known to all instances.
    Shared,
    /// It is not: each instance knows its own requests.
    Local,
}

/// What has become of a claimed request, and is to be written.
#[derive(Clone, Debug)]
pub(super) struct Settlement {
    pub(super) subject: String,
    /// The name of the claim.
    pub(super) claim: String,
    pub(super) written: Written,
    /// For how long the request is remembered, in milliseconds, if it was delivered; `None`: it is released.
    pub(super) delivered: Option<u64>,
}

/// Whether a claim is in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// NATS was not asked.
    No,
    /// NATS has not answered.
    Unknown,
    /// It is the message with this sequence.
    Yes(u64),
}

/// The last message of a subject.
pub(super) struct Last {
    pub(super) sequence: u64,
    pub(super) stored: SystemTime,
    pub(super) record: Record,
}

/// What requests and the thread share.
pub(super) struct Shared {
    /// The first part of all subjects.
    pub(super) name: Arc<str>,
    pub(super) stream: String,
    pub(super) client: Client,
    pub(super) context: Context,
    /// Notified when the thread has to look after the stream.
    pub(super) wanted: Notify,
    reach: watch::Sender<Reach>,
    /// The longest window of all requests so far, in milliseconds.
    longest: AtomicU64,
    queue: mpsc::Sender<Settlement>,
    pub(super) log: Arc<ConnectionLog>,
    metrics: ReplayMetrics,
    /// What is logged as the store.
    store: String,
    /// Begins the names of this process' claims.
    holder: String,
    claims: AtomicU64,
    opened: Instant,
}

/// The name of the stream of delivered requests.
pub(in crate::inbox::jetstream) fn stream_of(settings: &JetStreamSettings) -> String {
    format!("{}-replay", settings.name)
}

/// What is logged as the store.
pub(super) fn store_of(settings: &JetStreamSettings) -> String {
    format!("{settings}-replay")
}

impl Shared {
    pub(super) fn new(
        settings: &JetStreamSettings,
        (client, context): (Client, Context),
        queue: mpsc::Sender<Settlement>,
        log: Arc<ConnectionLog>,
        metrics: ReplayMetrics,
        holder: String,
    ) -> Self {
        metrics.set_shared(false);
        Self {
            name: Arc::from(settings.name.as_str()),
            stream: stream_of(settings),
            client,
            context,
            wanted: Notify::new(),
            reach: watch::Sender::new(Reach::Starting),
            longest: AtomicU64::new(millis(DEFAULT_WINDOW)),
            queue,
            log,
            metrics,
            store: store_of(settings),
            holder,
            claims: AtomicU64::new(0),
            opened: Instant::now(),
        }
    }

    /// A name that no other claim has.
    pub(super) fn next_claim(&self) -> String {
        format!("{}-{}", self.holder, self.claims.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn longest_window(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }

    /// Requests are remembered for this window from now on, in milliseconds.
    pub(super) fn remember_for(&self, window: u64) {
        if self.longest.fetch_max(window, Ordering::Relaxed) < window {
            self.wanted.notify_one();
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub(super) fn reach(&self) -> Reach {
        *self.reach.borrow()
    }

    /// Whether NATS is asked. Waits for that for a short time after the start.
    pub(super) async fn is_shared(&self) -> bool {
        let rest = STARTING.saturating_sub(self.opened.elapsed()).min(BOUND);
        if self.reach() == Reach::Starting && !rest.is_zero() {
            let mut reach = self.reach.subscribe();
            let _ = timeout(rest, reach.wait_for(|reach| *reach != Reach::Starting)).await;
        }
        if self.reach() == Reach::Shared && !self.is_connected() {
            self.lost(&self.why_disconnected());
        }
        self.reach() == Reach::Shared
    }

    pub(super) fn why_disconnected(&self) -> String {
        let why = self.log.fault().map(|why| format!(": {why}")).unwrap_or_default();
        format!("there is no connection to NATS{why}")
    }

    /// NATS can be asked.
    pub(super) fn found(&self) {
        if self.set(Reach::Shared) {
            replay_log::shared(&self.store);
        }
    }

    /// NATS has not done what it was asked for: it is not asked again until the thread has found that it does.
    pub(super) fn lost(&self, why: &str) {
        if self.set(Reach::Local) {
            replay_log::local(&self.store, why);
            self.wanted.notify_one();
        }
    }

    /// The same, but for a short time after the start.
    pub(super) fn still_lost(&self, why: &str) {
        if self.reach() != Reach::Starting || self.opened.elapsed() >= STARTING {
            self.lost(why);
        }
    }

    /// Whether that is a change.
    fn set(&self, new: Reach) -> bool {
        let is_new = self.reach.send_if_modified(|reach| std::mem::replace(reach, new) != new);
        if is_new {
            self.metrics.set_shared(new == Reach::Shared);
        }
        is_new
    }

    /// Lets the thread write it, when it can.
    pub(super) fn write_later(&self, settlement: Settlement) {
        // A full queue: NATS is away for long. The claim ends by itself.
        let _ = self.queue.try_send(settlement);
    }

    /// Writes a message, if the last one of its subject has the sequence `expected`; 0: if there is none; `None`: in any case. Returns
    /// its own sequence.
    ///
    /// # Errors
    /// When the stream has not confirmed it in time. It may be written nevertheless.
    pub(super) async fn publish(
        &self,
        subject: String,
        record: &Record,
        expected: Option<u64>,
    ) -> Result<u64, Fault> {
        let unavailable = |error: &dyn fmt::Display| Fault::Unavailable(error.to_string());
        let mut headers = HeaderMap::new();
        if let Some(expected) = expected {
            headers.insert(EXPECTED, expected.to_string());
        }
        let payload = serde_json::to_vec(record).map_err(|error| unavailable(&error))?;
        let request = Request::new().headers(headers).payload(payload.into()).timeout(Some(BOUND));
        let answer = timeout(BOUND, self.client.send_request(subject, request)).await;
        let answer = answer.map_err(|_| Fault::Unavailable(NO_ANSWER.to_owned()))?;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::TimedOut => Fault::Unavailable(NO_ANSWER.to_owned()),
            RequestErrorKind::NoResponders => {
                Fault::Unavailable(format!("NATS has no stream {} at this moment", self.stream))
            }
            _ => unavailable(&error),
        })?;
        confirmed(&answer.payload)
    }

    /// The last message of a subject, as the server that decides about the stream has it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn last(&self, subject: &str) -> Result<Option<Last>, Fault> {
        let unavailable = |error: &dyn fmt::Display| Fault::Unavailable(format!("NATS: {error}"));
        let stream = self.context.get_stream_no_info(&self.stream).await;
        let stream = stream.map_err(|error| unavailable(&error))?;
        match stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => {
                // One that cannot be read is replaced.
                let record = serde_json::from_slice(&message.payload).unwrap_or_else(|_| Record::none());
                Ok(Some(Last { sequence: message.sequence, stored: message.time.into(), record }))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

const NO_ANSWER: &str = "NATS has not answered within a second";

/// A duration in milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("stream", &self.stream).finish_non_exhaustive()
    }
}
