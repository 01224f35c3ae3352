//! What `doctor` and `check` say of the inbox.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clawgate::inbox::{
    DeadReason, Due, EventId, InboxSettings, NewEvent, OnCorrupt, Outcome, SqliteStore, Store,
    StorePlace, StoredRequest, Then,
};
use http::{HeaderMap, Method, Uri};

use super::{Diagnosis, Setup, any, openclaw, says};

/// A database, and a clawgate that does not run, whose routes store their events in it.
struct Inbox {
    setup: Setup,
    database: PathBuf,
}

impl Inbox {
    fn new() -> Self {
        let Self { setup, database } = Self::unused();
        Self { setup: setup.with("--delivery", "inbox"), database }
    }

    /// The same, but no route stores events.
    fn unused() -> Self {
        let setup = Setup::new("http://127.0.0.1:9");
        let database = setup.pki.dir().join("box/inbox.db");
        Self { setup: setup.with("--inbox", database.display().to_string()), database }
    }

    /// In front of this upstream, with an admin listener.
    fn in_front_of(upstream: String) -> Self {
        let Self { mut setup, database } = Self::new();
        setup.upstream = upstream;
        let socket = format!("unix:{}", setup.pki.dir().join("admin.sock").display());
        Self { setup: setup.with("--admin", socket), database }
    }

    /// With these keys of `[inbox]`.
    fn with(mut self, keys: &str) -> Self {
        let file = self.setup.pki.file("gate.toml", format!("[inbox]\n{keys}\n"));
        self.setup = self.setup.with("--config", file.display().to_string());
        self
    }

    /// Stores an event that was received so long ago, and gives it up if it is to be dead.
    fn store(&self, route: &str, age: Duration, is_dead: bool) {
        let settings = InboxSettings {
            place: StorePlace::Sqlite { path: self.database.clone() },
            max_events: 100,
            max_bytes: 1 << 30,
            min_free: 1,
            retain: Duration::from_secs(3600),
            retain_dead: Duration::from_secs(3600),
            keep_bodies: false,
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(1),
            on_corrupt: OnCorrupt::Refuse,
        };
        let (now, route) = (SystemTime::now(), Arc::<str>::from(route));
        let request = StoredRequest {
            method: Method::POST,
            target: Uri::from_static("/hooks/wake"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
        };
        let event = NewEvent {
            id: EventId::new(now, [7; 10]),
            route: Arc::clone(&route),
            principal: Arc::from("certificate:a"),
            key: None,
            idempotency_key: "cg-a".to_owned(),
            received: now - age,
            request,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, _) = SqliteStore::open(&self.database, &settings).unwrap();
            store.append(event).await.unwrap();
            if is_dead {
                let due = Due { route, now, strict: false, except: Vec::new(), limit: 1 };
                let seq = store.due(due).await.unwrap()[0].seq;
                let then = Then::Dead(DeadReason::Rejected);
                store.record(vec![Outcome { seq, attempt: None, then }]).await.unwrap();
            }
        });
    }

    fn examined(&self) -> Diagnosis {
        self.setup.examined(any())
    }
}

/// The findings about the inbox, each as `name severity`.
fn about_inbox(diagnosis: &Diagnosis) -> Vec<String> {
    let of_inbox = diagnosis.findings.iter().filter(|finding| finding["area"] == "inbox");
    let text = |key: &serde_json::Value| key.as_str().unwrap().to_owned();
    of_inbox.map(|one| format!("{} {}", text(&one["name"]), text(&one["severity"]))).collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn without_a_route_that_stores_events_nothing_is_said_of_an_inbox() {
    let setup = Setup::new("http://127.0.0.1:9");
    assert_eq!(about_inbox(&setup.examined(any())), [""; 0]);
}

#[test]
fn an_inbox_before_its_first_event_has_no_fault() {
    assert_eq!(about_inbox(&Inbox::new().examined()), ["readable skipped", "deliveries skipped"]);
}

#[test]
fn an_inbox_as_it_should_be_passes_every_check() {
    let inbox = Inbox::new();
    inbox.store("/hooks/", MINUTE, false);

    let diagnosis = inbox.examined();

    let passed =
        ["modes pass", "space pass", "room pass", "waiting pass", "dead pass", "deliveries skipped"];
    assert_eq!(about_inbox(&diagnosis), passed);
    says(&diagnosis.text("inbox/waiting", "pass"), &["1 wait; the oldest has waited for", "/hooks/"]);
}

#[test]
fn an_event_that_waits_for_long_is_warned_of() {
    let inbox = Inbox::new();
    inbox.store("/hooks/", 180 * MINUTE, false);

    says(
        &inbox.examined().text("inbox/waiting", "warning"),
        &["has waited for 3 hours", "clawgate inbox list --state waiting"],
    );
}

#[test]
fn events_that_could_not_be_delivered_are_warned_of() {
    let inbox = Inbox::new();
    inbox.store("/hooks/", MINUTE, true);

    let diagnosis = inbox.examined();

    says(&diagnosis.text("inbox/dead", "warning"), &["1 of the route /hooks/", "clawgate inbox replay"]);
    diagnosis.text("inbox/waiting", "pass");
}

#[test]
fn a_limit_that_is_reached_is_a_fault() {
    let inbox = Inbox::new().with("max_events = 1\nmin_free = \"1000000GiB\"\nmax_bytes = \"512KiB\"");
    inbox.store("/hooks/", MINUTE, false);

    let diagnosis = inbox.examined();

    says(&diagnosis.text("inbox/room", "fail"), &["1 of 1 events wait or are dead: senders get 503"]);
    says(&diagnosis.text("inbox/space", "fail"), &["less than inbox.min_free", "make room"]);
}

#[test]
fn files_that_others_may_use_are_a_fault() {
    let inbox = Inbox::new();
    inbox.store("/hooks/", MINUTE, false);
    fs::set_permissions(&inbox.database, Permissions::from_mode(0o644)).unwrap();

    let of_file = inbox.examined();
    fs::set_permissions(inbox.database.parent().unwrap(), Permissions::from_mode(0o750)).unwrap();
    let of_folder = inbox.examined();

    says(&of_file.text("inbox/modes", "fail"), &["inbox.db (mode 644)", "chmod 600 "]);
    says(&of_folder.text("inbox/modes", "fail"), &["box (mode 750)", "chmod 700 "]);
}

#[test]
fn a_file_that_is_no_database_is_a_fault() {
    let inbox = Inbox::new();
    fs::create_dir(inbox.database.parent().unwrap()).unwrap();
    fs::set_permissions(inbox.database.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    fs::write(&inbox.database, [7; 10_000]).unwrap();
    fs::set_permissions(&inbox.database, Permissions::from_mode(0o600)).unwrap();

    let text = inbox.examined().text("inbox/readable", "fail");

    says(&text, &["inbox.db", "clawgate inbox recover"]);
}

#[test]
fn a_damaged_database_that_was_set_aside_is_warned_of() {
    let inbox = Inbox::new();
    inbox.store("/hooks/", MINUTE, false);
    for name in ["inbox.db.corrupt-20261127T120000Z", "inbox.db.corrupt-20261127T120000Z-wal"] {
        fs::write(inbox.database.with_file_name(name), "x").unwrap();
    }

    let text = inbox.examined().text("inbox/set_aside", "warning");

    says(&text, &["corrupt-20261127T120000Z; its events", "clawgate inbox recover "]);
    assert!(!text.contains("-wal"), "{text}");
}

#[test]
fn a_paused_upstream_is_warned_of_as_the_running_clawgate_says() {
    let inbox = Inbox::in_front_of("http://127.0.0.1:9".to_owned());
    inbox.store("/hooks/", MINUTE, false);
    let clawgate = inbox.setup.clawgate();
    clawgate.event("upstream_paused", 1);

    let text = inbox.setup.examined(clawgate.address()).text("inbox/deliveries", "warning");

    says(&text, &["http://127.0.0.1:9 is paused since", "events wait until it answers again"]);
}

#[test]
fn a_running_clawgate_that_delivers_passes() {
    let backend = openclaw();
    let inbox = Inbox::in_front_of(backend.url());
    inbox.store("/hooks/", MINUTE, false);
    let clawgate = inbox.setup.clawgate();
    clawgate.event("delivered", 1);

    let diagnosis = inbox.setup.examined(clawgate.address());

    diagnosis.text("inbox/deliveries", "pass");
    says(&diagnosis.text("inbox/waiting", "pass"), &["no event waits"]);
}

#[test]
fn doctor_and_check_warn_of_events_whose_route_has_gone() {
    let inbox = Inbox::new();
    inbox.store("/gone", MINUTE, false);

    let text = inbox.examined().text("inbox/unknown_route", "warning");
    let checked = inbox.setup.command("check", any()).output();

    says(
        &text,
        &["1 event waits for the route /gone, which does not store events", "clawgate inbox drop"],
    );
    says(&checked.stdout, &["warning  unknown_route    1 event waits for the route /gone"]);
    assert_eq!(checked.code, Some(0));
}

#[test]
fn events_that_wait_are_not_forgotten_when_no_route_stores_events_any_more() {
    let inbox = Inbox::unused();
    inbox.store("/hooks/", MINUTE, false);

    let checked = inbox.setup.command("check", any()).output();

    says(&checked.stdout, &["unknown_route    1 event waits for the route /hooks/"]);
}
