//! What the methods of the store and its tasks share: the connection, the index, and how far the index is.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Info, Stream};
use async_nats::{Client, HeaderMap, Request, RequestErrorKind};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::connection_log::ConnectionLog;
use super::index::Index;
use super::lease::Lease;
use super::messages::FIELD;
use super::subjects::Subject;
use crate::inbox::StoreError;
use crate::inbox::encode::whole_millis;
use crate::inbox::peers::Peers;
use crate::inbox::settings::InboxSettings;
use crate::inbox::settings::nats::JetStreamSettings;

/// How long a message may take until the stream has it.
pub(super) const ACK: Duration = Duration::from_secs(5);
/// How long after the store was opened events wait for the connection, instead of being refused at once.
const STARTING: Duration = Duration::from_secs(3);
/// How long to wait until the index has what was written.
const CATCH_UP: Duration = Duration::from_secs(10);
/// The header field that makes the server refuse a message if the subject has another last message than expected.
pub(super) const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// What the methods of the store and its tasks share.
pub(super) struct Link {
    /// The name of the stream.
    pub(super) name: Arc<str>,
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) limits: Limits,
    index: Mutex<Index>,
    pub(super) progress: watch::Sender<Progress>,
    /// The last message that this process has written.
    acked: AtomicU64,
    pub(super) changed: watch::Sender<()>,
    pub(super) space: Space,
    pub(super) lease: Lease,
    /// For whoever asks first.
    peers: Mutex<Option<Peers>>,
    pub(super) log: Arc<ConnectionLog>,
    opened: Instant,
}

/// What the settings say.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) max_events: u64,
    pub(super) max_bytes: u64,
    /// How many events are remembered.
    pub(super) max_remembered: u64,
    /// Milliseconds.
    pub(super) retain: i64,
    pub(super) retain_dead: i64,
    /// The longest wait between two tries, in milliseconds.
    pub(super) farthest: i64,
    pub(super) keep_bodies: bool,
    pub(super) role: Role,
}

/// Who uses the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A clawgate that serves.
    Server,
    /// A command: it leaves everything as it is, but for what it is told to change.
    Visitor,
}

/// How far the index is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The sequence of the last message that is in it.
    pub(super) sequence: u64,
    /// Whether it has all that was in the stream when this process began to read.
    pub(super) is_loaded: bool,
    /// Why the stream cannot be used.
    pub(super) fault: Option<String>,
    /// Why it cannot be read at present; events are stored nevertheless.
    pub(super) unread: Option<String>,
}

/// How many bytes the stream has.
#[derive(Debug, Default)]
pub(super) struct Space {
    pub(super) used: AtomicU64,
    /// Bytes that this process has added since.
    pub(super) added: AtomicU64,
    /// Bytes of the largest event for which there was no room; 0 if there was.
    pub(super) lacking: AtomicU64,
    /// Whether the servers themselves have no room.
    pub(super) is_exhausted: AtomicBool,
    /// Notified when there is no room.
    pub(super) wanted: Notify,
    /// Notified when somebody seems to have purged the stream.
    pub(super) purged: Notify,
}

/// Why a message was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The subject has another last message than expected.
    Conflict,
    /// There is no room.
    Full(String),
    /// The servers take no message of this size: at most this one, in bytes.
    TooLarge(usize),
    /// Whether it is written is not known, or it is not.
    Unavailable(String),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict => Self::Unavailable("another process changes the same event".to_owned()),
            Fault::Full(why) => Self::Full(why),
            Fault::TooLarge(most) => Self::TooLarge(u64::try_from(most).unwrap_or(u64::MAX)),
            Fault::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl Limits {
    /// Of these settings.
    pub(super) fn new(settings: &InboxSettings, nats: &JetStreamSettings, role: Role) -> Self {
        Self {
            max_events: settings.max_events,
            max_bytes: settings.max_bytes,
            max_remembered: nats.max_remembered,
            retain: whole_millis(settings.retain),
            retain_dead: whole_millis(settings.retain_dead),
            farthest: whole_millis(settings.retry_max),
            keep_bodies: settings.keep_bodies,
            role,
        }
    }
}

impl Link {
    /// For the stream of this name.
    pub(super) fn new(
        name: &str,
        client: Client,
        context: Context,
        limits: Limits,
        log: Arc<ConnectionLog>,
        holder: String,
        peers: Peers,
    ) -> Self {
        Self {
            name: Arc::from(name),
            client,
            context,
            limits,
            index: Mutex::default(),
            // It may be somebody else's.
            progress: watch::Sender::new(Progress {
                fault: Some(NOT_READ.to_owned()),
                ..Progress::default()
            }),
            acked: AtomicU64::new(0),
            changed: watch::Sender::new(()),
            space: Space::default(),
            lease: Lease::new(holder),
            peers: Mutex::new(Some(peers)),
            log,
            opened: Instant::now(),
        }
    }

    /// The index. Never held across an `await`.
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages to the other processes and from them, the first time. A command has none.
    pub(super) fn take_peers(&self) -> Option<Peers> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.take().filter(|_| self.limits.role == Role::Server)
    }

    /// The stream, without a request to the server.
    pub(super) async fn stream(&self) -> Result<Stream<()>, StoreError> {
        self.context.get_stream_no_info(&*self.name).await.map_err(|error| unavailable(&error))
    }

    /// What the server says about the stream.
    pub(super) async fn info(&self) -> Result<Info, StoreError> {
        self.stream().await?.get_info().await.map_err(|error| unavailable(&error))
    }

    /// Writes a message if the last one of its subject has this sequence; 0: if there is none. Returns its own.
    ///
    /// # Errors
    /// When the stream has not confirmed it within `within`. It may be written nevertheless.
    pub(super) async fn publish(
        &self,
        subject: Subject,
        head: &str,
        payload: Bytes,
        expected: u64,
        within: Duration,
    ) -> Result<u64, Fault> {
        self.check_usable()?;
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED, expected.to_string());
        headers.insert(FIELD, head);
        let request = Request::new().headers(headers).payload(payload).timeout(Some(within));
        let sent = self.client.send_request(subject.of(&self.name), request);
        // The connection may take no more, so that the request does not begin its own wait.
        let answer =
            timeout(within, sent).await.map_err(|_| Fault::Unavailable(NO_ANSWER.to_owned()))?;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::TimedOut => Fault::Unavailable(NO_ANSWER.to_owned()),
            RequestErrorKind::NoResponders => {
                Fault::Unavailable(format!("NATS has no stream {} at this moment", self.name))
            }
            RequestErrorKind::MaxPayloadExceeded => {
                Fault::TooLarge(self.client.server_info().max_payload)
            }
            RequestErrorKind::InvalidSubject | RequestErrorKind::Other => {
                Fault::Unavailable(error.to_string())
            }
        })?;
        let sequence = confirmed(&answer.payload).inspect_err(|fault| {
            if matches!(fault, Fault::Full(_)) {
                self.space.is_exhausted.store(true, Ordering::Relaxed);
                self.space.wanted.notify_one();
            }
        })?;
        self.acked.fetch_max(sequence, Ordering::Relaxed);
        Ok(sequence)
    }

    fn check_usable(&self) -> Result<(), Fault> {
        let is_connected = self.client.connection_state() == State::Connected;
        if is_connected && self.progress.borrow().fault.is_none() {
            return Ok(());
        }
        Err(Fault::Unavailable(self.why_unusable()))
    }

    /// Why nothing can be stored, or nothing is known.
    pub(super) fn why_unusable(&self) -> String {
        if self.client.connection_state() != State::Connected {
            let why = self.log.fault().map(|why| format!(": {why}")).unwrap_or_default();
            return format!("there is no connection to NATS{why}");
        }
        let progress = self.progress.borrow();
        let why = progress.fault.as_ref().or(progress.unread.as_ref());
        why.cloned().unwrap_or_else(|| NOT_READ.to_owned())
    }

    /// Why the stream cannot be used, as far as that is known.
    pub(super) fn fault(&self) -> Option<String> {
        self.progress.borrow().fault.clone()
    }

    /// Notes why the stream cannot be used, or cannot be read; `None`: it can.
    pub(super) fn set_fault(&self, fault: Option<String>, unread: Option<String>) {
        self.progress.send_modify(|progress| (progress.fault, progress.unread) = (fault, unread));
    }

    /// Nothing that was written before is waited for any more.
    pub(super) fn forget_acked(&self) {
        self.acked.store(0, Ordering::Relaxed);
    }

    /// Waits until the connection is there for the first time, for a short time after the store was opened.
    pub(super) async fn started(&self) {
        let rest = STARTING.saturating_sub(self.opened.elapsed());
        if !self.progress.borrow().is_loaded && !rest.is_zero() {
            let mut progress = self.progress.subscribe();
            let _ = timeout(rest, progress.wait_for(|progress| progress.is_loaded)).await;
        }
    }

    /// Waits until the index has all that was in the stream at first and all that this process has written.
    ///
    /// # Errors
    /// When it takes too long.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let acked = self.acked.load(Ordering::Relaxed);
        self.wait_for(acked).await
    }

    /// Waits until the index has the message with this sequence.
    pub(super) async fn wait_for(&self, sequence: u64) -> Result<(), StoreError> {
        let mut progress = self.progress.subscribe();
        let is_there = |progress: &Progress| progress.is_loaded && progress.sequence >= sequence;
        let there = progress.wait_for(is_there);
        match timeout(CATCH_UP, there).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(StoreError::Unavailable(self.why_unusable())),
        }
    }
}

const NO_ANSWER: &str = "NATS has not confirmed that it has stored the event";
/// Why the stream cannot be used before anything is known about it.
pub(super) const NOT_READ: &str = "NATS has not sent what the stream has";

/// An error of the client as an error of the store.
pub(super) fn unavailable(error: &dyn fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("NATS: {error}"))
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What the server answers to a message (ADR-22 of NATS).
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    seq: u64,
    error: Option<ServerError>,
}

#[derive(Deserialize)]
struct ServerError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// Wrong last sequence; and the same while another message for the subject is on its way.
const CONFLICTS: [u64; 2] = [10_071, 10_164];
/// Resources of the account exceeded; insufficient resources; storage resources exceeded; the stream cannot store it, which is how a full
/// one answers.
const FULL: [u64; 4] = [10_002, 10_023, 10_047, 10_077];

/// The sequence of a message that the stream has, as the server confirms it.
///
/// # Errors
/// When it is not written, or the answer does not say so.
pub(super) fn confirmed(answer: &[u8]) -> Result<u64, Fault> {
    let Ok(answer) = serde_json::from_slice::<Answer>(answer) else {
        return Err(Fault::Unavailable(
            "NATS has answered with something that is no confirmation".to_owned(),
        ));
    };
    match answer.error {
        None if answer.seq > 0 => Ok(answer.seq),
        None => Err(Fault::Unavailable(NO_ANSWER.to_owned())),
        Some(error) if CONFLICTS.contains(&error.err_code) => Err(Fault::Conflict),
        Some(error) if FULL.contains(&error.err_code) => {
            Err(Fault::Full(format!("NATS: {}", error.description)))
        }
        Some(error) => Err(Fault::Unavailable(format!("NATS: {}", error.description))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_with_a_sequence_is_a_confirmation() {
        assert_eq!(confirmed(br#"{"stream":"clawgate","seq":7}"#), Ok(7));
        for other in [&b""[..], b"{}", b"7", br#"{"stream":"clawgate","seq":0}"#] {
            assert!(matches!(confirmed(other), Err(Fault::Unavailable(_))), "{other:?}");
        }
    }

    #[test]
    fn faults_are_told_apart_by_their_codes() {
        let answer = |code: u64| {
            format!(
                r#"{{"error":{{"code":400,"err_code":{code},"description":"why"}},"stream":"s","seq":0}}"#
            )
        };
        assert_eq!(confirmed(answer(10_071).as_bytes()), Err(Fault::Conflict));
        assert_eq!(confirmed(answer(10_164).as_bytes()), Err(Fault::Conflict));
        assert_eq!(confirmed(answer(10_077).as_bytes()), Err(Fault::Full("NATS: why".to_owned())));
        assert_eq!(
            confirmed(answer(10_074).as_bytes()),
            Err(Fault::Unavailable("NATS: why".to_owned()))
        );
    }
}
