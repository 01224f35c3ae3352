//! `recover`: the events of a damaged database.

use std::fs;
use std::os::unix::fs::FileExt;

use clawgate::inbox::EventState;

use super::{Inbox, json_lines};
use crate::support::log_page;
use crate::support::process::{ClawgateCommand, Output};

/// Takes the events of `damaged` into `inbox`.
fn recover(damaged: &std::path::Path, inbox: &Inbox, words: &[&str]) -> Output {
    let command = ClawgateCommand::bare("inbox").word("recover").word(damaged);
    let command = words.iter().fold(command, |command, word| command.word(*word));
    command.arg("--inbox", inbox.path()).output()
}

#[test]
fn waiting_and_dead_events_of_another_database_are_taken_over_once() {
    let mut old = Inbox::new();
    let (dead, delivered, waiting) = (old.dead("1"), old.delivered("2"), old.waiting("3"));
    let Inbox { folder, store, .. } = old;
    drop(store);
    let damaged = folder.path().join("inbox.db");
    let inbox = Inbox::new();

    let first = recover(&damaged, &inbox, &[]);
    let second = recover(&damaged, &inbox, &["--json"]);

    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(first.stdout, "2 events are in the inbox again, waiting or dead as before\n");
    let states = [dead, delivered, waiting].map(|id| inbox.state(id));
    assert_eq!(states, [Some(EventState::Dead), None, Some(EventState::Waiting)]);
    let line = &json_lines(&first.stderr)[0];
    log_page::compare(line);
    assert_eq!((&line["event"], &line["stored"]), (&"recovered".into(), &2.into()));
    let counts = &json_lines(&second.stdout)[0];
    assert_eq!((&counts["stored"], &counts["present"]), (&0.into(), &2.into()));
}

#[test]
fn what_can_be_read_of_a_damaged_database_is_taken_over() {
    let mut old = Inbox::new();
    for number in 0..300 {
        old.count = 0;
        let mut event = old.event("/hooks/a", &number.to_string());
        event.request.body = vec![b'x'; 4000].into();
        old.append(event);
    }
    let Inbox { folder, store, .. } = old;
    drop(store);
    let damaged = folder.path().join("inbox.db");
    let file = fs::OpenOptions::new().write(true).open(&damaged).unwrap();
    let middle = file.metadata().unwrap().len() / 8192 / 2 * 8192;
    file.write_all_at(&[0x5a; 8192], middle).unwrap();
    let inbox = Inbox::new();

    let recovered = recover(&damaged, &inbox, &["--json"]);

    assert_eq!(recovered.code, Some(0), "{recovered:?}");
    let counts = &json_lines(&recovered.stdout)[0];
    let (stored, lost) =
        (counts["stored"].as_u64().unwrap(), counts["without_request"].as_u64().unwrap());
    assert!(stored >= 250 && counts["gaps"].as_u64().unwrap() + lost > 0, "{counts}");
    assert_eq!(inbox.count(EventState::Waiting), usize::try_from(stored).unwrap());
}

#[test]
fn a_file_that_is_not_there_is_a_failure() {
    let inbox = Inbox::new();
    let missing = inbox.folder.path().join("inbox.db.corrupt-20270101T000000Z");

    let output = recover(&missing, &inbox, &[]);

    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.contains(missing.to_str().unwrap()), "{output:?}");
}
