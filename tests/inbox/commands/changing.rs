//! `replay`, `drop` and `forget`.

use clawgate::inbox::{Appended, EventState};

use super::{Inbox, json_lines};
use crate::support::log_page;
use crate::support::process::ClawgateCommand;

#[test]
fn a_replayed_event_waits_again_with_a_new_idempotency_key() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1");

    let output = inbox.run(&["replay", "--id", &id.to_string()]);

    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "1 event waits for delivery again\n"));
    let event = inbox.detail(id).unwrap();
    assert_eq!(event.summary.state, EventState::Waiting);
    assert_eq!(event.idempotency_key, "cg-/hooks/a-1-r1");
}

#[test]
fn without_a_state_only_dead_events_are_replayed() {
    let mut inbox = Inbox::new();
    let (dead, delivered) = (inbox.dead("1"), inbox.delivered("2"));

    let output = inbox.run(&["replay", "--route", "/hooks/a", "--yes"]);

    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "1 event waits for delivery again\n"));
    assert_eq!(inbox.state(dead), Some(EventState::Waiting));
    assert_eq!(inbox.state(delivered), Some(EventState::Delivered));
}

#[test]
fn a_replay_says_which_events_cannot_be_delivered_again() {
    let mut inbox = Inbox::new();
    let ids = [inbox.dead("1"), inbox.delivered("2"), inbox.waiting("3")].map(|id| id.to_string());

    let output = inbox.run(&["replay", "--id", &ids[0], "--id", &ids[1], "--id", &ids[2], "--yes"]);

    insta::assert_snapshot!(output.stdout, @r"
    1 event waits for delivery again
    1 event waits already
    1 event cannot be delivered again: no request is stored (inbox.keep_bodies)
    ");
}

#[test]
fn a_dropped_event_is_gone_and_a_repetition_is_a_duplicate() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1");

    let output = inbox.run(&["drop", "--id", &id.to_string()]);

    let sentence = "1 event is removed; if a sender repeats one, it is a duplicate\n";
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), sentence));
    assert_eq!(inbox.state(id), None);
    let again = inbox.event("/hooks/a", "1");
    assert_eq!(inbox.append(again), Appended::Duplicate { first: id });
}

#[test]
fn a_forgotten_event_is_gone_and_a_repetition_is_a_new_event() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1");

    let output = inbox.run(&["forget", "--id", &id.to_string()]);

    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(inbox.state(id), None);
    let again = inbox.event("/hooks/a", "1");
    assert_eq!(inbox.append(again), Appended::New);
}

#[test]
fn what_is_left_of_a_dropped_event_can_be_forgotten() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1");
    inbox.run(&["drop", "--id", &id.to_string()]);

    let output = inbox.run(&["forget", "--key", "1", "--yes"]);

    assert_eq!(output.stdout, "1 event was dropped before, and forgotten now\n");
    let again = inbox.event("/hooks/a", "1");
    assert_eq!(inbox.append(again), Appended::New);
}

#[test]
fn a_limit_holds_for_the_newest_events() {
    let mut inbox = Inbox::new();
    let [first, second, third] = ["1", "2", "3"].map(|key| inbox.dead(key));

    for command in ["drop", "forget"] {
        let output = inbox.run(&[command, "--state", "dead", "--limit", "1", "--yes"]);
        assert_eq!(output.code, Some(0), "{output:?}");
    }

    assert_eq!([first, second, third].map(|id| inbox.state(id)), [Some(EventState::Dead), None, None]);
}

#[test]
fn an_event_that_is_not_there_leaves_all_others_as_they_are() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1");
    let unknown = "0198f2c4-7d5a-7c3e-9b1d-2f6a8e4c0b17";

    let output = inbox.run(&["drop", "--id", &id.to_string(), "--id", unknown, "--yes"]);

    assert_eq!(output.code, Some(1));
    let sentence = format!("there is no event {unknown}, or it does not fit the other conditions");
    assert!(output.stderr.contains(&sentence), "{output:?}");
    assert_eq!(inbox.state(id), Some(EventState::Dead));
}

#[test]
fn no_event_that_fits_is_no_failure() {
    let inbox = Inbox::new();

    assert_eq!(inbox.stdout(&["drop", "--state", "dead", "--until", "30d", "--yes"]), "no event fits\n");
    let json = inbox.stdout(&["replay", "--reason", "too_old", "--json"]);
    assert_eq!(json, "{\"action\":\"replay\",\"selected\":0,\"changed\":0,\"dropped_before\":0}\n");
}

#[test]
fn each_change_leaves_a_line_for_the_log_with_events_and_conditions() {
    let mut inbox = Inbox::new();
    for (command, event, level) in
        [("replay", "replayed", "info"), ("drop", "dropped", "warn"), ("forget", "forgotten", "warn")]
    {
        let id = inbox.dead(command);

        let output = inbox.run(&[command, "--key", command, "--yes", "--json"]);

        assert_eq!(json_lines(&output.stdout)[0]["changed"], 1, "{output:?}");
        let line = &json_lines(&output.stderr)[0];
        log_page::compare(line);
        assert_eq!((&line["event"], &line["level"]), (&event.into(), &level.into()));
        assert_eq!(line["count"], 1);
        assert_eq!(line["events"][0], id.to_string());
        assert_eq!(line["filter"], format!("--key {command}"));
        assert_eq!(line["inbox"], inbox.path().to_str().unwrap());
    }
}

#[test]
fn all_events_of_a_large_inbox_are_changed() {
    let mut inbox = Inbox::new();
    for number in 0..1_100 {
        inbox.count = 0;
        inbox.waiting(&number.to_string());
    }

    let output = inbox.run(&["drop", "--route", "/hooks/a", "--yes"]);

    assert!(output.stdout.starts_with("1100 events are removed"), "{output:?}");
    assert_eq!(inbox.count(EventState::Waiting), 0);
    let line = &json_lines(&output.stderr)[0];
    assert_eq!((&line["count"], line["events"].as_array().unwrap().len()), (&1100.into(), 20));
}

#[test]
fn the_line_for_the_log_has_the_whole_path_of_the_database() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1").to_string();

    let command = ClawgateCommand::bare("inbox").word("drop").arg("--id", id);
    let output = command.arg("--inbox", "inbox.db").dir(inbox.folder.path()).output();

    assert_eq!(json_lines(&output.stderr)[0]["inbox"], inbox.path().to_str().unwrap(), "{output:?}");
}
