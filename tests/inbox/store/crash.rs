//! A process that is killed while it stores events.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clawgate::inbox::{Appended, Filter, Store as _};

use super::support::{event, open};
use crate::support::private_folder;

/// Tells the child where its database is.
const FOLDER: &str = "CLAWGATE_TEST_INBOX";
/// Events that the child must have acknowledged before it is killed.
const ENOUGH: usize = 300;

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_stored() {
    let folder = private_folder();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inbox::store::crash::the_child_that_stores", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = HashSet::new();
    for line in lines {
        // SIGKILL, at any moment of the next commits. What the child has written until then is still read.
        if acknowledged.len() == ENOUGH {
            child.kill().unwrap();
        }
        acknowledged.extend(line.unwrap().strip_prefix("stored ").map(str::to_owned));
    }
    child.wait().unwrap();

    assert!(acknowledged.len() >= ENOUGH, "{}", acknowledged.len());
    let store = open(folder.path());
    let stored = store.list(Filter::default(), usize::MAX).await.unwrap();
    let stored: HashSet<_> = stored.into_iter().map(|event| event.key.unwrap()).collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(store.append(event("after")).await, Ok(Appended::New));
}

#[tokio::test]
#[ignore = "it runs until it is killed, as a process of its own"]
async fn the_child_that_stores() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("started by the test above only"));
    let store = open(&folder);
    for batch in 0.. {
        let events: Vec<_> = (0..10).map(|number| event(&format!("{batch}-{number}"))).collect();
        let keys: Vec<_> = events.iter().map(|event| event.key.clone().unwrap()).collect();
        let stored: Vec<_> = events.into_iter().map(|event| store.append(event)).collect();
        for (stored, key) in stored.into_iter().zip(keys) {
            if stored.await == Ok(Appended::New) {
                let mut out = std::io::stdout().lock();
                writeln!(out, "stored {key}").unwrap();
                out.flush().unwrap();
            }
        }
    }
}
