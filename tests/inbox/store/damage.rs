//! A damaged database.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use clawgate::inbox::{
    Appended, DeadReason, Filter, InboxSettings, OnCorrupt, OpenError, Store as _, StoreError,
};

use super::support::{due, event, keys, open, open_with, settings};
use crate::support::{eventually, private_folder};

/// Overwrites the file from its second page on.
fn damage(file: &Path) {
    let length = usize::try_from(fs::metadata(file).unwrap().len()).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(8192)).unwrap();
    file.write_all(&vec![0x5a; length - 8192]).unwrap();
}

/// A damaged database with one event in this folder.
async fn damaged(folder: &Path) -> PathBuf {
    let store = open(folder);
    store.append(event("k")).await.unwrap();
    drop(store);
    let file = folder.join("inbox.db");
    damage(&file);
    file
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_and_an_empty_one_serves() {
    let folder = private_folder();
    let file = damaged(folder.path()).await;
    let before = fs::read(&file).unwrap();

    let (store, opened) = open_with(&settings(folder.path())).unwrap();

    let aside = opened.set_aside.unwrap();
    let name = aside.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("inbox.db.corrupt-2") && name.ends_with('Z'), "{name}");
    assert!(fs::read(&aside).unwrap() == before, "it was changed");
    assert_eq!(store.append(event("k")).await, Ok(Appended::New));
    assert_eq!(store.may_deliver().await, Ok(true));
}

#[tokio::test]
async fn an_event_whose_request_cannot_be_read_is_dead_and_the_others_are_due() {
    let folder = private_folder();
    let store = open(folder.path());
    for key in ["broken", "lost", "good"] {
        store.append(event(key)).await.unwrap();
    }
    let database = Connection::open(folder.path().join("inbox.db")).unwrap();
    let changed = |sql: &str, key: &str| database.execute(sql, [key]).unwrap();
    let of = "(SELECT seq FROM event WHERE key = ?1)";
    assert_eq!(changed(&format!("UPDATE content SET head = x'00' WHERE seq = {of}"), "broken"), 1);
    assert_eq!(changed(&format!("DELETE FROM content WHERE seq = {of}"), "lost"), 1);

    let due = due(&store).await;

    assert_eq!(keys(&due), ["good"]);
    let dead = Filter { reason: Some(DeadReason::Unreadable), ..Filter::default() };
    let mut dead: Vec<_> =
        store.list(dead, 9).await.unwrap().into_iter().map(|event| event.key).collect();
    dead.sort();
    assert_eq!(dead, [Some("broken".to_owned()), Some("lost".to_owned())]);
}

#[tokio::test]
async fn a_damaged_database_stays_where_it_is_if_the_settings_say_so() {
    let folder = private_folder();
    let file = damaged(folder.path()).await;
    let refuse = InboxSettings { on_corrupt: OnCorrupt::Refuse, ..settings(folder.path()) };

    let refusal = open_with(&refuse).unwrap_err();

    assert!(matches!(&refusal, OpenError::Damaged { path, .. } if *path == file), "{refusal}");
    assert!(refusal.to_string().contains("clawgate inbox recover"), "{refusal}");
    assert!(file.exists());
}

#[tokio::test]
async fn a_damaged_database_that_another_clawgate_uses_is_not_moved() {
    let folder = private_folder();
    let first = open(folder.path());
    assert_eq!(first.may_deliver().await, Ok(true));
    first.append(event("k")).await.unwrap();
    let file = folder.path().join("inbox.db");
    // The pages are in the WAL. They get into the file when the store has nothing else to do.
    eventually("the file has its pages", || (fs::metadata(&file).unwrap().len() > 8192).then_some(()));
    damage(&file);

    let refusal = open_with(&settings(folder.path())).unwrap_err();

    assert!(refusal.to_string().contains("another clawgate uses it"), "{refusal}");
    assert!(file.exists());
}

#[tokio::test]
async fn a_wal_without_its_database_is_set_aside_too() {
    let folder = private_folder();
    let wal = folder.path().join("inbox.db-wal");
    fs::write(&wal, "frames").unwrap();

    let (store, opened) = open_with(&settings(folder.path())).unwrap();

    let aside = opened.set_aside.unwrap().into_os_string().into_string().unwrap();
    assert_eq!(fs::read(format!("{aside}-wal")).unwrap(), b"frames");
    assert!(store.list(Filter::default(), 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_that_is_damaged_while_it_is_used_takes_no_more_events() {
    let folder = private_folder();
    drop(open(folder.path()));
    let store = open(folder.path());
    damage(&folder.path().join("inbox.db"));

    let first = store.append(event("1")).await;
    let second = store.append(event("2")).await;

    assert!(matches!(first, Err(StoreError::Unavailable(_))), "{first:?}");
    let damaged = StoreError::Unavailable("the database is damaged".to_owned());
    assert_eq!(second, Err(damaged));
}
