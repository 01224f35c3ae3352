//! A disk that takes no more bytes.

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use clawgate::inbox::{Appended, Filter, Store as _, StoreError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::support::{event, open};
use crate::support::private_folder;

/// Tells the child where its database is.
const FOLDER: &str = "CLAWGATE_TEST_INBOX";

#[test]
fn when_the_disk_takes_no_more_bytes_events_are_refused_and_later_stored_again() {
    let folder = private_folder();
    // The signal would end the child. A write beyond the limit then fails as on a disk that is full.
    let script = "trap '' XFSZ; ulimit -S -f 4096; exec \"$@\"";

    let child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "inbox::store::disk::the_child_with_a_limit", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{} {text}", String::from_utf8_lossy(&child.stdout));
}

#[tokio::test]
#[ignore = "it needs a process of its own, with a limit for the size of its files"]
async fn the_child_with_a_limit() {
    let store = open(&PathBuf::from(std::env::var_os(FOLDER).expect("started by the test above only")));
    let large = |key: usize| {
        let mut event = event(&key.to_string());
        event.request.body = Bytes::from(vec![b'x'; 100 * 1024]);
        event
    };
    let mut stored = 0;
    let refusal = loop {
        match store.append(large(stored)).await {
            Ok(_) => stored += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, StoreError::Unavailable(_) | StoreError::Full(_)), "{refusal}");
    assert!((1..100).contains(&stored), "{stored}");
    assert_eq!(
        store.list(Filter::default(), 1_000).await.unwrap().len(),
        stored,
        "what was stored is there"
    );

    let unlimited = Rlimit { current: None, maximum: getrlimit(Resource::Fsize).maximum };
    setrlimit(Resource::Fsize, unlimited).unwrap();

    assert_eq!(store.append(large(stored)).await, Ok(Appended::New));
    assert_eq!(store.list(Filter::default(), 1_000).await.unwrap().len(), stored + 1);
}
