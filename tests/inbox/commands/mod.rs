//! `clawgate inbox`: what operators see of stored events, and what they can do with them.

mod changing;
mod confirming;
mod database;
mod help;
mod reading;
mod recovering;
mod running;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clawgate::inbox::{
    Appended, Attempt, DeadReason, Due, EventDetail, EventId, EventState, Filter, InboxSettings,
    NewEvent, OnCorrupt, Outcome, SqliteStore, Store, StoreFuture, StorePlace, StoredRequest, Then,
};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::{ClawgateCommand, Output};

/// An inbox with events for `/hooks/a`, which were received 200 seconds ago, one millisecond after the other.
struct Inbox {
    folder: TempDir,
    store: SqliteStore,
    received: SystemTime,
    count: u8,
}

impl Inbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let settings = InboxSettings {
            place: StorePlace::Sqlite { path: folder.path().join("inbox.db") },
            max_events: 100_000,
            max_bytes: 1 << 30,
            min_free: 0,
            retain: Duration::from_secs(3600),
            retain_dead: Duration::from_secs(3600),
            keep_bodies: false,
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            on_corrupt: OnCorrupt::Refuse,
        };
        let store = SqliteStore::open(&folder.path().join("inbox.db"), &settings).unwrap().0;
        Self { folder, store, received: SystemTime::now() - Duration::from_secs(200), count: 0 }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("inbox.db")
    }

    /// An event with this key, for this route.
    fn event(&mut self, route: &str, key: &str) -> NewEvent {
        self.count += 1;
        self.received += Duration::from_millis(1);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        NewEvent {
            id: EventId::new(self.received, [self.count; 10]),
            route: Arc::from(route),
            principal: Arc::from("signature:github"),
            key: Some(key.to_owned()),
            idempotency_key: format!("cg-{route}-{key}"),
            received: self.received,
            request: StoredRequest {
                method: Method::POST,
                target: Uri::from_static("/hooks/a?x=1"),
                headers,
                body: Bytes::from(format!("{{\"key\":\"{key}\"}}")),
            },
        }
    }

    fn append(&self, event: NewEvent) -> Appended {
        wait(self.store.append(event))
    }

    /// Stores an event, which waits.
    fn waiting(&mut self, key: &str) -> EventId {
        self.waiting_for("/hooks/a", key)
    }

    fn waiting_for(&mut self, route: &str, key: &str) -> EventId {
        let event = self.event(route, key);
        let id = event.id;
        assert_eq!(self.append(event), Appended::New);
        id
    }

    /// Stores an event that its upstream has accepted.
    fn delivered(&mut self, key: &str) -> EventId {
        let id = self.waiting(key);
        self.record(id, 200, Then::Delivered);
        id
    }

    /// Stores an event that its upstream has refused.
    fn dead(&mut self, key: &str) -> EventId {
        let id = self.waiting(key);
        self.record(id, 422, Then::Dead(DeadReason::Rejected));
        id
    }

    fn record(&self, id: EventId, status: u16, then: Then) {
        let due = Due {
            route: Arc::from("/hooks/a"),
            now: SystemTime::now(),
            strict: false,
            except: Vec::new(),
            limit: 10_000,
        };
        let seq = wait(self.store.due(due)).into_iter().find(|event| event.id == id).unwrap().seq;
        let attempt = Attempt {
            at: self.received + Duration::from_secs(1),
            took: Duration::from_millis(12),
            status: Some(status),
            error: None,
            answer: (status >= 300).then(|| "no such action".to_owned()),
        };
        wait(self.store.record(vec![Outcome { seq, attempt: Some(attempt), then }]));
    }

    fn detail(&self, id: EventId) -> Option<EventDetail> {
        wait(self.store.get(id))
    }

    fn state(&self, id: EventId) -> Option<EventState> {
        self.detail(id).map(|event| event.summary.state)
    }

    fn count(&self, state: EventState) -> usize {
        wait(self.store.list(Filter { state: Some(state), ..Filter::default() }, 10_000)).len()
    }

    /// `clawgate inbox` with these words, for this database.
    fn command(&self, words: &[&str]) -> ClawgateCommand {
        words
            .iter()
            .fold(ClawgateCommand::bare("inbox"), |command, word| command.word(*word))
            .arg("--inbox", self.path())
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output()
    }

    /// What a command prints that succeeds.
    #[track_caller]
    fn stdout(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
        output.stdout
    }
}

/// The lines of a text, each as JSON.
fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wait<T>(future: StoreFuture<'_, T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future).unwrap()
}
