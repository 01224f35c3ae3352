//! The store in NATS JetStream when something goes wrong between clawgate and the server, or two processes are in each other's way.

use std::time::{Duration, SystemTime};

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use clawgate::inbox::{Appended, EventState, Filter, JetStreamSettings, Store, StoreError, Then};
use futures_util::TryStreamExt as _;
use tokio::time::{sleep, timeout};

use super::jetstream::{SOON, open, open_with, until_delivers, until_due};
use super::support::{due, due_at, event, keys, outcome};
use crate::support::nats::NatsServer;

/// The header field with what clawgate says of a message.
const FIELD: &str = "Clawgate";

/// NATS as an operator uses it.
async fn operator(nats: &JetStreamSettings) -> Context {
    jetstream::new(async_nats::connect(nats.servers[0].to_string()).await.unwrap())
}

/// The last message about the right to deliver: its sequence, and what it says.
async fn right(operator: &Context, name: &str) -> (u64, String) {
    let stream = operator.get_stream(name).await.unwrap();
    let message = stream.get_last_raw_message_by_subject(&format!("{name}.right")).await.unwrap();
    (message.sequence, message.headers.get(FIELD).unwrap().to_string())
}

/// Writes a message about the right to deliver. Returns its sequence.
async fn write_right(operator: &Context, name: &str, says: &str) -> u64 {
    let mut headers = HeaderMap::new();
    headers.insert(FIELD, says);
    let subject = format!("{name}.right");
    operator.publish_with_headers(subject, headers, "".into()).await.unwrap().await.unwrap().sequence
}

#[tokio::test]
async fn a_renewal_that_is_stored_but_not_confirmed_does_not_end_the_right() {
    let nats = NatsServer::shared().stream();
    let store = open(&nats);
    until_delivers(&store).await;
    let operator = operator(&nats).await;
    let (_, says) = right(&operator, &nats.name).await;

    // For the store it is as if this were its own message, whose confirmation was lost.
    let lost = write_right(&operator, &nats.name, &says).await;

    let renewed = async {
        while right(&operator, &nats.name).await.0 <= lost {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        renewed = timeout(SOON, renewed) => renewed.unwrap(),
        () = store.lost_right() => panic!("the right is lost"),
    }
    assert_eq!(right(&operator, &nats.name).await.1, says);
    assert_eq!(store.may_deliver().await, Ok(true));
}

#[tokio::test]
async fn the_right_is_given_up_with_the_renewal_that_another_process_was_faster_than() {
    let nats = NatsServer::shared().stream();
    let store = open(&nats);
    until_delivers(&store).await;
    let operator = operator(&nats).await;
    let (_, says) = right(&operator, &nats.name).await;

    let other = says.replacen("\"holder\":\"", "\"holder\":\"0", 1);
    let taken = write_right(&operator, &nats.name, &other).await;

    // Much sooner than the right would end by itself.
    timeout(Duration::from_millis(4_500), store.lost_right()).await.unwrap();
    assert_eq!(store.may_deliver().await, Ok(false));
    assert_eq!(right(&operator, &nats.name).await, (taken, other));
}

#[tokio::test]
async fn a_consumer_that_an_operator_removes_makes_no_event_known_twice_and_hides_none() {
    let nats = NatsServer::shared().stream();
    let first = open(&nats);
    for key in ["1", "2", "3"] {
        first.append(event(key)).await.unwrap();
    }
    let waiting = due(&first).await;
    first.record(vec![outcome(&waiting[0], 200, Then::Delivered)]).await.unwrap();
    let retry = Then::Retry { at: SystemTime::now(), counts: true };
    first.record(vec![outcome(&waiting[1], 500, retry)]).await.unwrap();
    // It has read all, and its consumer has not sent anything yet.
    let second = open(&nats);
    assert_eq!(until_due(&second, &["3", "2"]).await.len(), 2);

    let stream = operator(&nats).await.get_stream(&*nats.name).await.unwrap();
    let consumers: Vec<_> = stream.consumer_names().try_collect().await.unwrap();
    assert_eq!(consumers.len(), 2);
    for consumer in consumers {
        stream.delete_consumer(&consumer).await.unwrap();
    }
    first.append(event("4")).await.unwrap();

    let events = until_due(&second, &["3", "2", "4"]).await;
    assert_eq!(events.iter().map(|event| event.tries).collect::<Vec<_>>(), [0, 1, 0]);
    let totals = second.totals().await.unwrap().routes.remove(0);
    assert_eq!((totals.waiting, totals.delivered, totals.dead), (3, 1, 0));
}

#[tokio::test]
async fn an_event_that_is_replayed_while_old_ones_are_removed_waits_or_was_not_replayed() {
    const EVENTS: usize = 300;
    let nats = NatsServer::shared().stream();
    // Removal begins at once, and an operator replays at the same time.
    let store = open_with(&nats, |settings| {
        (settings.retain, settings.keep_bodies) = (Duration::from_millis(1), true);
    });
    until_delivers(&store).await;
    let operator = open(&nats);
    for number in 0..EVENTS {
        store.append(event(&number.to_string())).await.unwrap();
    }
    let mut outcomes = Vec::new();
    while outcomes.len() < EVENTS {
        let events = due(&store).await;
        outcomes.extend(events.iter().map(|event| outcome(event, 200, Then::Delivered)));
        let noted = outcomes[outcomes.len() - events.len()..].to_vec();
        store.record(noted).await.unwrap();
    }

    let mut replayed = Vec::new();
    let delivered = || Filter { state: Some(EventState::Delivered), ..Filter::default() };
    let until_none = async {
        while !store.list(delivered(), 1).await.unwrap().is_empty() {
            replayed.extend(operator.replay(delivered(), 10).await.unwrap());
        }
    };
    timeout(SOON, until_none).await.unwrap();

    let waiting = Filter { state: Some(EventState::Waiting), ..Filter::default() };
    let mut waiting: Vec<_> =
        store.list(waiting, EVENTS).await.unwrap().into_iter().map(|e| e.id).collect();
    waiting.sort_unstable();
    replayed.sort_unstable();
    assert!(!replayed.is_empty(), "no event was replayed in time");
    assert_eq!(waiting, replayed);
    assert_eq!(keys(&due(&store).await).len(), replayed.len().min(100), "their requests are there");
}

#[tokio::test]
async fn all_that_was_stored_before_a_restart_of_the_server_is_known_to_a_new_process() {
    let mut server = NatsServer::start("");
    let nats = server.stream();
    let first = open(&nats);
    for number in 0..50 {
        first.append(event(&number.to_string())).await.unwrap();
    }
    let outcomes: Vec<_> =
        due(&first).await[..49].iter().map(|event| outcome(event, 200, Then::Delivered)).collect();
    first.record(outcomes).await.unwrap();
    server.kill();
    drop(first);
    server.start_again();

    let second = open(&nats);

    until_due(&second, &["49"]).await;
    let totals = second.totals().await.unwrap().routes.remove(0);
    assert_eq!((totals.waiting, totals.delivered), (1, 49));
}

#[tokio::test]
async fn beyond_max_remembered_the_oldest_delivered_events_are_forgotten() {
    let nats = JetStreamSettings { max_remembered: 3, ..NatsServer::shared().stream() };
    let store = open(&nats);
    until_delivers(&store).await;
    for key in ["1", "2", "3", "4", "5"] {
        store.append(event(key)).await.unwrap();
    }
    let events = due(&store).await;
    let outcomes = events[..4].iter().map(|event| outcome(event, 200, Then::Delivered)).collect();
    store.record(outcomes).await.unwrap();

    let forgotten = async {
        while store.list(Filter::default(), 10).await.unwrap().len() > 3 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, forgotten).await.unwrap();

    let left = store.list(Filter::default(), 10).await.unwrap();
    assert_eq!(
        left.iter().map(|event| event.key.as_deref().unwrap()).collect::<Vec<_>>(),
        ["5", "4", "3"]
    );
    assert_eq!(store.append(event("1")).await, Ok(Appended::New));
    assert!(matches!(store.append(event("4")).await, Ok(Appended::Duplicate { .. })));
}

#[tokio::test]
async fn a_full_inbox_takes_events_again_after_somebody_has_purged_the_stream() {
    let nats = NatsServer::shared().stream();
    let store = open_with(&nats, |settings| settings.max_events = 2);
    for key in ["1", "2"] {
        store.append(event(key)).await.unwrap();
    }
    until_due(&store, &["1", "2"]).await;
    assert!(matches!(store.append(event("3")).await, Err(StoreError::Full(_))));

    operator(&nats).await.get_stream(&*nats.name).await.unwrap().purge().await.unwrap();

    let taken = async {
        while store.append(event("3")).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, taken).await.unwrap();
    until_due(&store, &["3"]).await;
}

#[tokio::test]
async fn a_server_without_room_gets_it_from_events_that_were_delivered() {
    let server = NatsServer::start(
        "accounts { small: { jetstream: { max_file: 200KB }, users: [{ user: claw, password: claw }] } }\n\
         no_auth_user: claw",
    );
    let store = open(&server.stream());
    until_delivers(&store).await;

    // Several times as many as the server has room for.
    let all = async {
        for number in 0..1_000 {
            while store.append(event(&number.to_string())).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
            loop {
                let events = store.due(due_at(SystemTime::now(), 10)).await.unwrap();
                if events.is_empty() {
                    break;
                }
                let outcomes = events.iter().map(|event| outcome(event, 200, Then::Delivered)).collect();
                let _ = store.record(outcomes).await;
            }
        }
    };
    timeout(Duration::from_secs(60), all).await.unwrap();
}

#[tokio::test]
async fn a_process_that_cannot_read_the_stream_leaves_the_right_to_another_one() {
    let nats = NatsServer::shared().stream();
    let store = open(&nats);
    until_delivers(&store).await;
    let operator = operator(&nats).await;
    let mut headers = HeaderMap::new();
    headers.insert(FIELD, "{\"v\":2}");

    // As a newer clawgate would write it.
    let subject = format!("{}.event.{}", nats.name, "0".repeat(32));
    operator.publish_with_headers(subject, headers, "".into()).await.unwrap().await.unwrap();

    timeout(Duration::from_secs(30), store.lost_right()).await.unwrap();
    let given_up = async {
        while !right(&operator, &nats.name).await.1.contains("\"holder\":null") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, given_up).await.unwrap();
}

#[tokio::test]
async fn a_server_that_fails_is_left_for_another_one() {
    // The one that can be reached at first has no JetStream, as one that is cut off from the others has none.
    let without = NatsServer::start(
        "accounts { bare: { users: [{ user: claw, password: claw }] } }\nno_auth_user: claw",
    );
    let mut with = NatsServer::start("");
    let servers = [&without, &with].map(|server| server.url().parse().unwrap()).to_vec();
    let nats = JetStreamSettings { servers, ..with.stream() };
    with.kill();
    let store = open(&nats);
    assert!(store.append(event("1")).await.is_err());
    with.start_again();

    let stored = async {
        while store.append(event("1")).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(40), stored).await.unwrap();
}
