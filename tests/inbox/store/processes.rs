//! Two processes with one database: a hand-over, or a command beside a running clawgate.

use std::time::{Duration, SystemTime};

use clawgate::inbox::{Appended, SqliteStore, Store as _, Then};
use tokio::time::timeout;

use super::support::{due, due_at, event, keys, open, outcome};
use crate::support::private_folder;

#[tokio::test]
async fn two_stores_of_one_database_lose_nothing_and_recognise_each_others_events() {
    let folder = private_folder();
    let (first, second) = (open(folder.path()), open(folder.path()));
    let mut new = 0;
    for number in 0..50 {
        let key = number.to_string();
        let both = tokio::join!(first.append(event(&key)), second.append(event(&key)));
        for appended in [both.0.unwrap(), both.1.unwrap()] {
            new += u32::from(appended == Appended::New);
        }
    }

    assert_eq!(new, 50);
    let events = due(&second).await;
    assert_eq!(events.len(), 50);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq), "each has its own place");
    assert_eq!(first.totals().await.unwrap().routes[0].waiting, 50);
}

#[tokio::test]
async fn the_next_process_delivers_when_the_first_one_has_given_up_the_right() {
    let folder = private_folder();
    let (first, second) = (open(folder.path()), open(folder.path()));
    assert_eq!(first.may_deliver().await, Ok(true));
    assert_eq!(second.may_deliver().await, Ok(false));

    first.stop_delivering().await.unwrap();

    assert_eq!(second.may_deliver().await, Ok(true));
    assert_eq!(first.may_deliver().await, Ok(false));
}

#[tokio::test]
async fn the_next_process_delivers_when_the_first_one_has_ended() {
    let folder = private_folder();
    let (first, second) = (open(folder.path()), open(folder.path()));
    assert_eq!(first.may_deliver().await, Ok(true));

    drop(first);

    assert_eq!(second.may_deliver().await, Ok(true));
}

#[tokio::test]
async fn the_process_that_delivers_learns_of_events_that_another_one_has_stored() {
    let folder = private_folder();
    let (first, second) = (open(folder.path()), open(folder.path()));
    let mut changed = second.changed();
    // What the start itself has changed.
    while timeout(Duration::from_millis(500), changed.changed()).await.is_ok() {}

    first.append(event("k")).await.unwrap();

    timeout(Duration::from_secs(5), changed.changed()).await.unwrap().unwrap();
    assert_eq!(keys(&due(&second).await), ["k"]);
}

#[tokio::test]
async fn a_command_beside_a_running_clawgate_changes_events_but_does_not_deliver() {
    let folder = private_folder();
    let store = open(folder.path());
    for key in ["1", "2"] {
        store.append(event(key)).await.unwrap();
    }
    let command = SqliteStore::attach(&folder.path().join("inbox.db")).unwrap();

    assert_eq!(command.may_deliver().await, Ok(false));
    let first = due(&command).await.remove(0);
    let filter = clawgate::inbox::Filter { ids: vec![first.id], ..Default::default() };
    assert_eq!(command.drop_events(filter, 1).await, Ok(1));
    drop(command);

    assert_eq!(keys(&due(&store).await), ["2"]);
    let rest = due(&store).await.remove(0);
    store.record(vec![outcome(&rest, 200, Then::Delivered)]).await.unwrap();
    assert!(store.due(due_at(SystemTime::now(), 1)).await.unwrap().is_empty());
    assert_eq!(store.totals().await.unwrap().routes[0].waiting, 0);
}
