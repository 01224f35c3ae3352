//! The permissions in docs/inbox.md suffice for a user of NATS.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clawgate::inbox::jetstream::{JetStreamStore, inspect};
use clawgate::inbox::{
    Appended, DeadReason, Filter, InboxSettings, JetStreamSettings, NatsCredentials, Store as _,
    StorePlace, Then,
};
use tokio::time::{sleep, timeout};

use super::support::{due, event, outcome, settings};
use crate::inbox::shared_replays;
use crate::support::backend::Backend;
use crate::support::nats::NatsServer;
use crate::support::pki::Pki;
use crate::support::private_folder;

const PAGE: &str = include_str!("../../../docs/inbox.md");

/// The subjects of the table that one may publish or subscribe to, as the server's settings have them.
fn subjects(verb: &str) -> String {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix(&format!("| {verb} `")));
    let cells = rows.filter_map(|row| row.split(" |").next());
    let subjects: Vec<_> =
        cells.flat_map(|cell| cell.split("`, `")).map(|text| text.trim_end_matches('`')).collect();
    assert!(!subjects.is_empty(), "no `{verb}` on the page");
    subjects.iter().map(|subject| format!("{subject:?}")).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_user_with_the_permissions_of_the_page_can_do_all_that_clawgate_does() {
    let mut server = NatsServer::start(&format!(
        "authorization {{ users: [{{ user: claw, password: s3cret, permissions: {{ publish: [{}], subscribe: [{}] }} }}] }}",
        subjects("publish"),
        subjects("subscribe")
    ));
    let folder = private_folder();
    let password_file = folder.path().join("password");
    fs::write(&password_file, "s3cret").unwrap();
    let credentials = NatsCredentials::UserPassword { user: "claw".to_owned(), password_file };
    let nats = JetStreamSettings { name: "clawgate".to_owned(), credentials, ..server.stream() };
    let place = StorePlace::JetStream(Arc::new(nats.clone()));

    let inspection = inspect(&nats, false).await.unwrap();
    assert_eq!((inspection.no_jetstream, inspection.stream), (None, Ok(None)));
    let store =
        JetStreamStore::open(&InboxSettings { place, ..settings(Path::new("")) }, &nats).unwrap();
    for key in ["a", "b", "c"] {
        assert_eq!(store.append(event(key)).await, Ok(Appended::New));
    }
    assert_eq!(store.may_deliver().await, Ok(true));
    let waiting = due(&store).await;
    let outcomes = vec![
        outcome(&waiting[0], 200, Then::Delivered),
        outcome(&waiting[1], 422, Then::Dead(DeadReason::Rejected)),
    ];
    store.record(outcomes).await.unwrap();
    assert!(store.get(waiting[1].id).await.unwrap().is_some());
    assert_eq!(store.replay(only("b"), 10).await.unwrap().len(), 1);
    assert_eq!(store.drop_events(only("c"), 10).await, Ok(1));
    assert_eq!(store.append(event("a")).await, Ok(Appended::Duplicate { first: waiting[0].id }));
    assert_eq!(store.forget(Filter::default(), 10).await, Ok(3));
    assert!(store.list(Filter::default(), 10).await.unwrap().is_empty());
    // The server has lost the consumer, so that the client makes another one.
    server.kill();
    server.start_again();
    let again = async {
        while store.append(event("d")).await.is_err() || due(&store).await.is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), again).await.unwrap();
    store.stop_delivering().await.unwrap();

    assert_eq!(server.violations(), [""; 0]);
}

#[test]
fn a_user_with_the_permissions_of_the_page_can_share_delivered_requests() {
    let server = NatsServer::start(&format!(
        "authorization {{ users: [{{ user: claw, password: s3cret, permissions: {{ publish: [{}], subscribe: [{}] }} }}] }}",
        subjects("publish"),
        subjects("subscribe")
    ));
    let pki = Pki::new();
    let count = AtomicUsize::new(0);
    let backend = Backend::each(move |exchange, _| {
        let status =
            if count.fetch_add(1, Ordering::SeqCst) == 0 { "503 Unavailable" } else { "200 OK" };
        exchange.answer(status, "application/json", "{}");
    });
    let nats = JetStreamSettings { name: "clawgate".to_owned(), ..server.stream() };
    let password = pki.file("password", "s3cret");
    let login = format!("nats.username = \"claw\"\nnats.password_file = {password:?}\n");
    let before = shared_replays::shared(&nats).trim_end().to_owned() + "\n" + &login;
    let start = |tolerance: &str| {
        let routes = shared_replays::route(&pki, "/hooks/a") + &shared_replays::timed(&pki, tolerance);
        shared_replays::command(&pki, &backend.url(), &(before.clone() + &routes)).start()
    };
    let first = start("5m");
    first.event("replay_window_shared", 1);
    assert_eq!(shared_replays::send(&pki, &first, "{}").status, 503);
    assert_eq!(shared_replays::send(&pki, &first, "{}").status, 200);

    // The stream remembers requests for longer.
    let second = start("20h");

    assert!(shared_replays::is_duplicate(&shared_replays::send(&pki, &second, "{}")));
    assert_eq!(shared_replays::send_timed(&pki, &second).status, 200);
    assert!(shared_replays::is_duplicate(&shared_replays::send_timed(&pki, &first)));
    assert_eq!(server.violations(), [""; 0]);
}

#[tokio::test]
async fn what_the_page_does_not_permit_is_refused_and_logged() {
    let server = NatsServer::start(
        "authorization { users: [{ user: a, password: b, permissions: { publish: [other], subscribe: [\"_INBOX.>\"] } }] }",
    );
    let folder = private_folder();
    let password_file = folder.path().join("password");
    fs::write(&password_file, "b").unwrap();
    let credentials = NatsCredentials::UserPassword { user: "a".to_owned(), password_file };

    let inspection =
        inspect(&JetStreamSettings { credentials, ..server.stream() }, false).await.unwrap();

    assert!(inspection.no_jetstream.is_some(), "{inspection:?}");
    let violations = server.violations();
    assert!(violations[0].contains("$JS.API.INFO"), "{violations:?}");
}

fn only(key: &str) -> Filter {
    Filter { key: Some(key.to_owned()), ..Filter::default() }
}
