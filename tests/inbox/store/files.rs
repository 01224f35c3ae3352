//! The files of the database: who may use them, and whose they are.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use clawgate::inbox::{Filter, OpenError, SqliteStore, Store as _};
use rusqlite::Connection;

use super::support::{due, event, keys, open, open_with, settings};
use crate::support::private_folder;

/// Makes a database one of the first version.
const FIRST_VERSION: &str =
    "DROP INDEX event_batch; ALTER TABLE event DROP COLUMN batch; DROP TABLE seen_up_to;
     PRAGMA user_version = 1";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn refusal(folder: &Path) -> String {
    open_with(&settings(folder)).unwrap_err().to_string()
}

#[tokio::test]
async fn only_their_owner_may_use_the_files_that_are_made() {
    let folder = private_folder();
    let below = folder.path().join("inbox");

    let store = open(&below);
    store.append(event("k")).await.unwrap();
    assert!(store.may_deliver().await.unwrap());

    assert_eq!(mode(&below), 0o700);
    for name in ["inbox.db", "inbox.db-wal", "inbox.db-shm", "inbox.lock"] {
        assert_eq!(mode(&below.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_folder_that_others_may_use_is_refused_with_the_command_that_changes_it() {
    let folder = private_folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();

    let refusal = refusal(folder.path());

    assert!(refusal.contains("mode 0750"), "{refusal}");
    assert!(refusal.contains(&format!("chmod 0700 {}", folder.path().display())), "{refusal}");
    assert!(!folder.path().join("inbox.db").exists());
}

#[test]
fn a_file_that_others_may_read_is_refused_with_the_command_that_changes_it() {
    let folder = private_folder();
    drop(open(folder.path()));
    let file = folder.path().join("inbox.db");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();

    let refusal = refusal(folder.path());

    assert!(refusal.contains(&format!("chmod 0600 {}", file.display())), "{refusal}");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_with_its_name() {
    let folder = private_folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();

    let refusal = refusal(&file.join("below"));

    assert!(refusal.contains(&file.display().to_string()), "{refusal}");
}

#[test]
fn a_database_of_a_newer_clawgate_is_refused_and_left_as_it_is() {
    let folder = private_folder();
    drop(open(folder.path()));
    let file = folder.path().join("inbox.db");
    Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();

    for opened in
        [open_with(&settings(folder.path())).map(|opened| opened.0), SqliteStore::attach(&file)]
    {
        assert_eq!(opened.unwrap_err(), OpenError::NewerSchema { path: file.clone(), found: 99 });
    }
}

#[tokio::test]
async fn the_events_of_a_database_of_an_older_clawgate_are_kept() {
    let folder = private_folder();
    open(folder.path()).append(event("a")).await.unwrap();
    Connection::open(folder.path().join("inbox.db")).unwrap().execute_batch(FIRST_VERSION).unwrap();

    let store = open(folder.path());

    let events = due(&store).await;
    assert_eq!(keys(&events), ["a"]);
    assert_eq!(events[0].batch, None);
    store.append(event("b")).await.unwrap();
}

#[tokio::test]
async fn a_command_can_use_the_database_of_an_older_clawgate() {
    let folder = private_folder();
    open(folder.path()).append(event("a")).await.unwrap();
    let file = folder.path().join("inbox.db");
    Connection::open(&file).unwrap().execute_batch(FIRST_VERSION).unwrap();

    let store = SqliteStore::attach(&file).unwrap();

    assert_eq!(store.list(Filter::default(), 10).await.unwrap().len(), 1);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_as_it_is() {
    let folder = private_folder();
    let file = folder.path().join("inbox.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

    let opened = open_with(&settings(folder.path()));

    assert_eq!(opened.unwrap_err(), OpenError::Foreign(file.clone()));
    let tables: i64 = Connection::open(&file)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_command_makes_no_database() {
    let folder = private_folder();
    let file = folder.path().join("inbox.db");

    assert_eq!(SqliteStore::attach(&file).unwrap_err(), OpenError::Missing(file));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
