//! What is logged about the connection to NATS, and why there is none.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Event, Server, ServerAddr};
use serde::Serialize;
use tokio::sync::watch;
use tracing::Level;

use crate::inbox::EventId;
use crate::inbox::settings::nats::JetStreamSettings;
use crate::telemetry::{emit, emit_bounded};

/// How often a changed reason is logged while there is no connection.
const PAUSE: Duration = Duration::from_secs(10);

/// Follows the connection to NATS.
#[derive(Debug)]
pub(super) struct ConnectionLog {
    /// What is logged as the store; `None`: nothing is logged.
    store: Option<String>,
    /// Whether only what the server refuses is logged, and not each connection.
    only_errors: bool,
    state: Mutex<State>,
    /// How many connections there were.
    connections: watch::Sender<u64>,
    /// Whether the next try is to be made with the next server, and which one that is.
    leaves: AtomicBool,
    turn: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Why a file with credentials could not be used at the last try.
    credentials: Option<String>,
    /// Why there is no connection; `None`: there is one, or none was tried.
    fault: Option<String>,
    /// The reason that was logged last since there was a connection, and when.
    logged: Option<(String, Instant)>,
}

#[derive(Serialize)]
struct Connected<'a> {
    store: &'a str,
}

#[derive(Serialize)]
struct Disconnected<'a> {
    store: &'a str,
    detail: &'a str,
    hint: &'static str,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    store: &'a str,
    detail: String,
    hint: &'static str,
}

impl ConnectionLog {
    /// Logs what becomes of the connection.
    pub(super) fn new(settings: &JetStreamSettings) -> Self {
        Self { store: Some(settings.to_string()), ..Self::silent() }
    }

    /// Logs only what the server refuses, as of `store`.
    pub(super) fn only_errors(store: String) -> Self {
        Self { store: Some(store), only_errors: true, ..Self::silent() }
    }

    /// Logs nothing.
    pub(super) fn silent() -> Self {
        Self {
            store: None,
            only_errors: false,
            state: Mutex::default(),
            connections: watch::Sender::default(),
            leaves: AtomicBool::default(),
            turn: AtomicUsize::default(),
        }
    }

    /// Why there is no connection, if a try has failed since there was one.
    pub(super) fn fault(&self) -> Option<String> {
        self.state().fault.clone()
    }

    /// Changes with each connection.
    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// A file with credentials could not be used.
    pub(super) fn cannot_authenticate(&self, fault: &impl Display) {
        self.state().credentials = Some(fault.to_string());
    }

    /// The next connection is to be one to the next server: the client itself would choose the one again that has failed least.
    pub(super) fn leave(&self) {
        self.leaves.store(true, Ordering::Relaxed);
    }

    /// The server for the next try after [`Self::leave`]; each time the next one. `None`: the client chooses.
    pub(super) fn next_server(&self, servers: &[Server]) -> Option<ServerAddr> {
        if !self.leaves.swap(false, Ordering::Relaxed) {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        servers.get(turn % servers.len().max(1)).map(|server| server.addr.clone())
    }

    /// Before another try: `servers` have what came of the ones before.
    pub(super) fn tries_again(&self, servers: &[Server]) {
        let mut state = self.state();
        let credentials = state.credentials.take();
        let failed = servers.iter().filter_map(|server| {
            let error = server.last_error.as_deref()?;
            Some(format!("{server}: {}", credentials.clone().unwrap_or_else(|| plain(error))))
        });
        let mut failed: Vec<_> = failed.collect();
        failed.sort_unstable();
        if !failed.is_empty() {
            self.lost(&mut state, failed.join("; "));
        }
    }

    /// Something has happened to the connection.
    pub(super) fn happened(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::Connected => {
                *state = State::default();
                self.connections.send_modify(|count| *count += 1);
                if let Some(store) = self.store.as_ref().filter(|_| !self.only_errors) {
                    emit(Level::INFO, "nats_connected", &Connected { store });
                }
            }
            Event::Disconnected => self.lost(&mut state, "the connection has ended".to_owned()),
            Event::ServerError(error) => {
                if let Some(store) = &self.store {
                    let hint = "see the log of the NATS server, and which permissions clawgate needs (docs/inbox.md)";
                    let detail = error.to_string();
                    emit(Level::WARN, "nats_error", &ErrorLine { store, detail, hint });
                }
            }
            // Why a try has failed is told before the next one.
            Event::ClientError(_)
            | Event::LameDuckMode
            | Event::Draining
            | Event::Closed
            | Event::SlowConsumer(_) => {}
        }
    }

    /// A message of the stream cannot be read.
    pub(super) fn ignores(&self, subject: &str, sequence: u64) {
        if let Some(store) = &self.store {
            let hint = "nothing but clawgate may write to its stream; an event that is damaged is lost";
            let detail = format!("message {sequence} under {subject} is none of clawgate's, or damaged");
            emit_bounded(Level::WARN, "nats_error", &ErrorLine { store, detail, hint });
        }
    }

    /// The message of an event that waits does not exist any more.
    pub(super) fn is_gone(&self, id: EventId) {
        if let Some(store) = &self.store {
            let hint =
                "somebody else than clawgate has removed it, or the disk of a NATS server was lost";
            let detail = format!("event {id} waits, and its message does not exist any more");
            emit_bounded(Level::WARN, "nats_error", &ErrorLine { store, detail, hint });
        }
    }

    fn lost(&self, state: &mut State, why: String) {
        let is_told =
            state.logged.as_ref().is_some_and(|(logged, at)| *logged == why || at.elapsed() < PAUSE);
        if let Some(store) = self.store.as_ref().filter(|_| !is_told && !self.only_errors) {
            let hint = "routes with an inbox answer 503 until NATS can be reached again; clawgate goes on trying";
            emit(Level::WARN, "nats_disconnected", &Disconnected { store, detail: &why, hint });
            state.logged = Some((why.clone(), Instant::now()));
        }
        state.fault = Some(why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a try to connect has failed, in plain words. `error` is the client's own text, whose forms are those of
/// `ConnectErrorKind`.
fn plain(error: &str) -> String {
    let (kind, source) = error.split_once(": ").unwrap_or((error, ""));
    let source = source.split(" (os error").next().unwrap_or_default();
    match kind {
        "timed out" => "no answer in time".to_owned(),
        "authorization violation" => "the server refuses the credentials".to_owned(),
        "failed signing nonce" => "the credentials cannot be used".to_owned(),
        "DNS error" => "the name cannot be resolved".to_owned(),
        "TLS error" => format!("TLS has failed: {source}"),
        "IO error" if source == "broken pipe" || source.starts_with("expected INFO") => {
            "the server closes the connection, or is no NATS server".to_owned()
        }
        "IO error" if source.to_lowercase().contains("certificate") => {
            format!("TLS has failed: {source}")
        }
        "IO error" => source.to_lowercase(),
        _ => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_of_the_client_are_told_in_plain_words() {
        for (error, expected) in [
            ("timed out", "no answer in time"),
            ("authorization violation: authorization violation", "the server refuses the credentials"),
            ("IO error: Connection refused (os error 111)", "connection refused"),
            ("DNS error: failed to lookup address information", "the name cannot be resolved"),
            ("IO error: broken pipe", "the server closes the connection, or is no NATS server"),
            (
                "IO error: invalid peer certificate: UnknownIssuer",
                "TLS has failed: invalid peer certificate: UnknownIssuer",
            ),
        ] {
            assert_eq!(plain(error), expected);
        }
    }

    #[test]
    fn there_is_a_reason_only_while_there_is_no_connection() {
        let log = ConnectionLog::silent();
        assert_eq!(log.fault(), None);
        log.happened(&Event::Disconnected);
        assert_eq!(log.fault().as_deref(), Some("the connection has ended"));
        log.happened(&Event::Connected);
        assert_eq!(log.fault(), None);
    }
}
