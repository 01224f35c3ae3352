//! What only the store in NATS JetStream has: several processes far from each other, and servers that may be away.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clawgate::inbox::JetStreamSettings;
use clawgate::inbox::jetstream::{JetStreamOpenError, JetStreamStore};
use clawgate::inbox::{
    Appended, DeadReason, Event, EventState, Filter, InboxSettings, Store, StoreError, StorePlace, Then,
};
use tokio::time::{sleep, timeout};

use super::support::{due, due_at, event, keys, outcome, settings, with_body};
use crate::support::nats::NatsServer;

pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) fn open_with(
    nats: &JetStreamSettings,
    change: impl FnOnce(&mut InboxSettings),
) -> JetStreamStore {
    let place = StorePlace::JetStream(Arc::new(nats.clone()));
    let mut settings = InboxSettings { place, ..settings(Path::new("")) };
    change(&mut settings);
    JetStreamStore::open(&settings, nats).unwrap()
}

pub(super) fn open(nats: &JetStreamSettings) -> JetStreamStore {
    open_with(nats, |_| {})
}

/// Polls until the events that are due have these keys: what another process has written arrives a little later.
pub(super) async fn until_due(store: &dyn Store, expected: &[&str]) -> Vec<Event> {
    let due = async {
        loop {
            let events = due(store).await;
            if keys(&events) == expected {
                return events;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, due).await.unwrap_or_else(|_| panic!("{expected:?} are never due"))
}

pub(super) async fn until_delivers(store: &dyn Store) {
    let right = async {
        while store.may_deliver().await != Ok(true) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, right).await.unwrap();
}

/// As a command does: not on a thread that has other tasks.
async fn attach(nats: JetStreamSettings) -> Result<JetStreamStore, JetStreamOpenError> {
    tokio::task::spawn_blocking(move || JetStreamStore::attach(&nats)).await.unwrap()
}

#[tokio::test]
async fn of_the_same_event_to_two_processes_at_once_one_is_new_and_both_name_it() {
    let nats = NatsServer::shared().stream();
    let (first, second) = (open(&nats), open(&nats));
    for number in 0..50 {
        let key = number.to_string();
        let (one, other) = (event(&key), event(&key));
        let ids = [one.id, other.id];
        let (one, other) = tokio::join!(first.append(one), second.append(other));
        match (one.unwrap(), other.unwrap()) {
            (Appended::New, Appended::Duplicate { first }) => assert_eq!(first, ids[0]),
            (Appended::Duplicate { first }, Appended::New) => assert_eq!(first, ids[1]),
            both => panic!("{both:?}"),
        }
    }
    let totals = first.totals().await.unwrap();
    assert_eq!(totals.routes[0].waiting, 50);
}

#[tokio::test]
async fn the_same_events_with_other_bodies_to_two_processes_at_once_are_all_kept() {
    let nats = NatsServer::shared().stream();
    let (first, second) = (open(&nats), open(&nats));

    let (one, other) =
        tokio::join!(first.append(event("k")), second.append(with_body(b"other", event("k"))));

    let both = [one.unwrap(), other.unwrap()];
    assert!(both.contains(&Appended::New), "{both:?}");
    assert!(both.iter().any(|appended| matches!(appended, Appended::KeyReused { .. })), "{both:?}");
    until_due(&first, &["k", "k"]).await;
}

#[tokio::test]
async fn the_process_that_delivers_tries_what_another_one_has_stored() {
    let nats = NatsServer::shared().stream();
    let (first, second) = (open(&nats), open(&nats));
    until_delivers(&first).await;
    assert_eq!(second.may_deliver().await, Ok(false));

    second.append(event("k")).await.unwrap();

    let events = until_due(&first, &["k"]).await;
    first.record(vec![outcome(&events[0], 200, Then::Delivered)]).await.unwrap();
    until_due(&second, &[]).await;
    let again = second.append(event("k")).await;
    assert_eq!(again, Ok(Appended::Duplicate { first: events[0].id }));
}

#[tokio::test]
async fn another_process_delivers_at_once_when_the_first_one_has_given_up_the_right() {
    let nats = NatsServer::shared().stream();
    let (first, second) = (open(&nats), open(&nats));
    until_delivers(&first).await;

    first.stop_delivering().await.unwrap();

    timeout(Duration::from_secs(5), until_delivers(&second)).await.unwrap();
    assert_eq!(first.may_deliver().await, Ok(false));
}

#[tokio::test]
async fn another_process_delivers_at_once_when_the_first_one_has_ended() {
    let nats = NatsServer::shared().stream();
    let (first, second) = (open(&nats), open(&nats));
    until_delivers(&first).await;

    drop(first);

    timeout(Duration::from_secs(5), until_delivers(&second)).await.unwrap();
}

#[tokio::test]
async fn the_next_process_knows_what_the_first_one_has_noted() {
    let nats = NatsServer::shared().stream();
    let first = open(&nats);
    for key in ["delivered", "later", "dead", "new"] {
        first.append(event(key)).await.unwrap();
    }
    let events = due(&first).await;
    let later = SystemTime::now() + Duration::from_secs(100);
    let outcomes = vec![
        outcome(&events[0], 200, Then::Delivered),
        outcome(&events[1], 500, Then::Retry { at: later, counts: true }),
        outcome(&events[2], 422, Then::Dead(DeadReason::Rejected)),
    ];
    first.record(outcomes).await.unwrap();
    drop(first);

    let second = open(&nats);

    until_due(&second, &["new"]).await;
    let then = second.due(due_at(later + Duration::from_secs(1), 10)).await.unwrap();
    assert_eq!(keys(&then), ["new", "later"]);
    let dead = Filter { state: Some(EventState::Dead), ..Filter::default() };
    let dead = second.list(dead, 10).await.unwrap().remove(0);
    let detail = second.get(dead.id).await.unwrap().unwrap();
    assert_eq!(detail.attempts[0].status, Some(422));
    assert_eq!(detail.request.unwrap().body, "{\"key\":\"dead\"}");
}

#[tokio::test]
async fn without_nats_nothing_is_stored_and_the_right_to_deliver_is_lost() {
    let server = NatsServer::start("");
    let nats = server.stream();
    let store = open(&nats);
    store.append(event("1")).await.unwrap();
    until_delivers(&store).await;

    drop(server);

    timeout(Duration::from_secs(15), store.lost_right()).await.unwrap();
    let refusal = store.append(event("2")).await;
    assert!(
        matches!(&refusal, Err(StoreError::Unavailable(why)) if why.contains("there is no connection to NATS")),
        "{refusal:?}"
    );
    assert!(store.may_deliver().await.is_err() || store.may_deliver().await == Ok(false));
}

#[tokio::test]
async fn what_is_stored_after_a_restart_of_the_server_is_due_at_once() {
    let mut server = NatsServer::start("");
    let store = open(&server.stream());
    store.append(event("1")).await.unwrap();
    server.kill();
    server.start_again();
    let stored = async {
        while store.append(event("2")).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, stored).await.unwrap();

    timeout(Duration::from_secs(5), until_due(&store, &["1", "2"])).await.unwrap();
}

#[tokio::test]
async fn a_stream_of_somebody_else_is_left_as_it_is() {
    let server = NatsServer::shared();
    let nats = JetStreamSettings { name: "foreign".to_owned(), ..server.stream() };
    let name = nats.name.clone();
    tokio::task::spawn_blocking(move || NatsServer::shared().make_stream(&name)).await.unwrap();
    let store = open(&nats);

    let refusal = store.append(event("k")).await;

    let expected = "the stream foreign was made by somebody else";
    assert!(
        matches!(&refusal, Err(StoreError::Unavailable(why)) if why.contains(expected)),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn servers_whose_replicas_may_differ_store_nothing() {
    let old = NatsServer::shared().pretending("2.9.10");
    let store = open(&JetStreamSettings { replicas: 3, ..old });

    let refusal = store.append(event("k")).await;

    let expected = "nats-server 2.9.10 may lose events of a stream with 3 replicas: use 2.10 or newer";
    assert!(
        matches!(&refusal, Err(StoreError::Unavailable(why)) if why.contains(expected)),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn one_server_of_such_a_version_stores_events() {
    let store = open(&NatsServer::shared().pretending("2.9.10"));
    assert_eq!(store.append(event("k")).await, Ok(Appended::New));
}

#[tokio::test]
async fn an_event_larger_than_the_server_takes_is_refused_with_the_size_that_it_takes() {
    let nats = NatsServer::shared().stream();
    let store = open(&nats);

    let refusal = store.append(with_body(&vec![b'x'; 1_100_000], event("k"))).await;

    assert!(
        matches!(&refusal, Err(StoreError::TooLarge(most)) if (1_000_000..1_048_576).contains(most)),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn more_than_max_events_are_refused_and_a_repetition_is_still_a_duplicate() {
    let nats = NatsServer::shared().stream();
    let store = open_with(&nats, |settings| settings.max_events = 2);
    let first = event("1");
    store.append(first.clone()).await.unwrap();
    store.append(event("2")).await.unwrap();
    until_due(&store, &["1", "2"]).await;

    let third = store.append(event("3")).await;

    assert!(
        matches!(&third, Err(StoreError::Full(why)) if why.contains("inbox.max_events")),
        "{third:?}"
    );
    assert_eq!(store.append(event("1")).await, Ok(Appended::Duplicate { first: first.id }));
}

#[tokio::test]
async fn a_stream_of_max_bytes_takes_no_more_events_until_delivered_ones_are_removed() {
    let nats = NatsServer::shared().stream();
    let store = open_with(&nats, |settings| {
        settings.max_bytes = 1_000_000;
        settings.keep_bodies = true;
    });
    until_delivers(&store).await;
    let large = |key: &str| with_body(&[b'x'; 200_000], event(key));
    let mut stored = 0;
    let refusal = loop {
        match store.append(large(&stored.to_string())).await {
            Ok(_) => stored += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(&refusal, StoreError::Full(why) if why.contains("inbox.max_bytes")), "{refusal}");
    assert_eq!(stored, 4);
    let outcomes = due(&store).await.iter().map(|event| outcome(event, 200, Then::Delivered)).collect();
    store.record(outcomes).await.unwrap();

    let again = async {
        while store.append(large("again")).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, again).await.unwrap();
}

#[tokio::test]
async fn a_delivered_event_is_removed_after_retain_and_is_a_new_one_then() {
    let nats = NatsServer::shared().stream();
    let store = open_with(&nats, |settings| settings.retain = Duration::from_millis(1));
    until_delivers(&store).await;
    store.append(event("k")).await.unwrap();
    let events = due(&store).await;
    store.record(vec![outcome(&events[0], 200, Then::Delivered)]).await.unwrap();

    let gone = async {
        while !store.list(Filter::default(), 10).await.unwrap().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, gone).await.unwrap();

    assert_eq!(store.append(event("k")).await, Ok(Appended::New));
}

#[tokio::test]
async fn a_command_changes_events_but_makes_no_stream_and_does_not_deliver() {
    let nats = NatsServer::shared().stream();
    let missing = attach(nats.clone()).await.unwrap_err();
    let JetStreamOpenError::Away { what, .. } = &missing else { panic!("{missing}") };
    assert!(what.contains("no clawgate has used it yet"), "{what}");
    let store = open(&nats);
    store.append(event("1")).await.unwrap();
    store.append(event("2")).await.unwrap();

    let command = attach(nats).await.unwrap();
    assert_eq!(command.may_deliver().await, Ok(false));
    let key = Filter { key: Some("1".to_owned()), ..Filter::default() };
    assert_eq!(command.drop_events(key, 10).await, Ok(1));

    until_due(&store, &["2"]).await;
}

#[tokio::test]
async fn an_outcome_that_is_noted_twice_counts_once() {
    let nats = NatsServer::shared().stream();
    let store = open(&nats);
    store.append(event("k")).await.unwrap();
    let events = due(&store).await;
    let outcomes = vec![outcome(&events[0], 500, Then::Retry { at: SystemTime::now(), counts: true })];

    store.record(outcomes.clone()).await.unwrap();
    store.record(outcomes).await.unwrap();

    let again = due(&store).await.remove(0);
    assert_eq!((again.attempts, again.tries), (1, 1));
}

#[tokio::test]
async fn a_stream_that_somebody_has_removed_is_made_anew_and_used() {
    let nats = NatsServer::shared().stream();
    let store = open(&nats);
    until_delivers(&store).await;
    for key in ["1", "2", "3"] {
        store.append(event(key)).await.unwrap();
    }
    until_due(&store, &["1", "2", "3"]).await;
    let (url, name) = (NatsServer::shared().url().to_owned(), nats.name.clone());
    let client = async_nats::connect(url).await.unwrap();
    async_nats::jetstream::new(client).delete_stream(name).await.unwrap();

    let again = async {
        while store.append(event("4")).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, again).await.unwrap();

    until_due(&store, &["4"]).await;
    until_delivers(&store).await;
}

#[tokio::test]
async fn an_event_that_comes_again_after_it_was_forgotten_during_a_try_is_tried_again_after_a_failure() {
    let nats = NatsServer::shared().stream();
    let (store, command) = (open(&nats), open(&nats));
    store.append(event("k")).await.unwrap();
    let first = due(&store).await.remove(0);
    until_due(&command, &["k"]).await;
    command.forget(Filter::default(), 10).await.unwrap();
    let retry = Then::Retry { at: SystemTime::now(), counts: true };
    // It does not matter whether this process knows by now that the event is gone.
    store.record(vec![outcome(&first, 500, retry)]).await.unwrap();
    store.append(event("k")).await.unwrap();
    let second = until_due(&store, &["k"]).await.remove(0);
    assert_ne!(second.id, first.id);

    store.record(vec![outcome(&second, 500, retry)]).await.unwrap();

    let again = until_due(&store, &["k"]).await.remove(0);
    assert_eq!((again.id, again.tries), (second.id, 1));
}
