//! Events are read out of a damaged database.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use clawgate::inbox::{DeadReason, EventState, Filter, OpenError, SqliteStore, Store as _, Then};

use super::support::{due, event, open, outcome, with_body};
use crate::support::private_folder;

/// Bytes of a page.
const PAGE: u64 = 8192;
/// Events in the damaged database.
const EVENTS: u64 = 400;

/// A database with a delivered event, a dead one, and [`EVENTS`] that wait. It is closed.
async fn database(folder: &Path) {
    let store = open(folder);
    for key in ["delivered", "dead"] {
        store.append(event(key)).await.unwrap();
    }
    let events = due(&store).await;
    let outcomes = vec![
        outcome(&events[0], 200, Then::Delivered),
        outcome(&events[1], 400, Then::Dead(DeadReason::Rejected)),
    ];
    store.record(outcomes).await.unwrap();
    for number in 0..EVENTS {
        store.append(with_body(&[b'x'; 500], event(&number.to_string()))).await.unwrap();
    }
}

/// Overwrites the pages that have leaves of this table.
fn damage_pages(file: &Path, table: &str, most: usize) -> usize {
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut pages = connection
        .prepare("SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf' ORDER BY pageno")
        .unwrap();
    let pages: Vec<u64> = pages
        .query_map([table], |row| row.get::<_, i64>(0))
        .unwrap()
        .map(|page| u64::try_from(page.unwrap()).unwrap())
        .collect();
    let middle = &pages[pages.len() / 2..][..most];
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    for page in middle {
        file.seek(SeekFrom::Start((page - 1) * PAGE)).unwrap();
        file.write_all(&[0x5a; 8192]).unwrap();
    }
    middle.len()
}

#[tokio::test]
async fn all_events_that_wait_or_are_dead_are_read_out_of_an_undamaged_database() {
    let (old, new) = (private_folder(), private_folder());
    database(old.path()).await;
    let before = open(old.path()).list(Filter::default(), 1_000).await.unwrap();
    let store = open(new.path());
    let mut last = (0, 1);

    let recovered = store.recover(&old.path().join("inbox.db"), |done, of| last = (done, of)).unwrap();

    assert_eq!((recovered.stored, recovered.gaps, recovered.without_request), (EVENTS + 1, 0, 0));
    assert_eq!(last.0, last.1);
    let after = store.list(Filter::default(), 1_000).await.unwrap();
    let facts = |list: Vec<clawgate::inbox::EventSummary>| -> Vec<_> {
        list.into_iter()
            .filter(|event| event.state != EventState::Delivered)
            .map(|event| {
                (event.id, event.key, event.state, event.reason, event.tries, event.received, event.size)
            })
            .collect()
    };
    assert_eq!(facts(after), facts(before));
    let totals = store.totals().await.unwrap().routes.remove(0);
    assert_eq!((totals.waiting, totals.dead), (EVENTS, 1));
}

#[tokio::test]
async fn reading_a_damaged_database_twice_stores_its_events_once() {
    let (old, new) = (private_folder(), private_folder());
    database(old.path()).await;
    let store = open(new.path());
    let file = old.path().join("inbox.db");
    store.recover(&file, |_, _| {}).unwrap();

    let again = store.recover(&file, |_, _| {}).unwrap();

    assert_eq!((again.stored, again.present), (0, EVENTS + 1));
}

#[tokio::test]
async fn damaged_pages_cost_no_other_events_than_those_on_them() {
    let (old, new) = (private_folder(), private_folder());
    database(old.path()).await;
    let file = old.path().join("inbox.db");
    damage_pages(&file, "event", 2);
    damage_pages(&file, "content", 1);
    let store = open(new.path());

    let recovered = store.recover(&file, |_, _| {}).unwrap();

    // A page of 8 KiB has fewer than 60 rows of `event` and fewer than 16 of `content`.
    assert!(recovered.gaps >= 1, "{recovered:?}");
    assert!((EVENTS - 2 * 60 - 16..EVENTS).contains(&recovered.stored), "{recovered:?}");
    assert_eq!(
        recovered.stored,
        u64::try_from(due_count(&store).await).unwrap() + 1,
        "and the dead one"
    );
}

async fn due_count(store: &SqliteStore) -> usize {
    let filter = Filter { state: Some(EventState::Waiting), ..Filter::default() };
    store.list(filter, 1_000).await.unwrap().len()
}

#[tokio::test]
async fn a_file_of_which_nothing_can_be_read_is_an_error_with_its_name() {
    let folder = private_folder();
    let store = open(folder.path());
    let file = folder.path().join("garbage.db");
    fs::write(&file, [0x5a; 100_000]).unwrap();

    let nothing = store.recover(&file, |_, _| {}).unwrap_err();
    let missing = store.recover(&folder.path().join("missing.db"), |_, _| {}).unwrap_err();

    assert!(matches!(&nothing, OpenError::Database { path, .. } if *path == file), "{nothing}");
    assert!(matches!(missing, OpenError::Missing(_)), "{missing}");
}
