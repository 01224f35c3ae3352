//! What a command asks before it changes several events.

use std::io::Write;
use std::process::{Command, Stdio};

use clawgate::inbox::EventState;

use super::Inbox;

#[test]
fn without_a_condition_nothing_is_changed() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1");
    for command in ["replay", "drop", "forget"] {
        let output = inbox.run(&[command, "--yes"]);

        assert_eq!(output.code, Some(2));
        let sentence = format!("clawgate: say which events to {command}: --id, --route, --state");
        assert!(output.stderr.starts_with(&sentence), "{output:?}");
    }
    assert_eq!(inbox.state(id), Some(EventState::Dead));
}

#[test]
fn in_a_script_several_events_are_changed_only_with_yes() {
    let mut inbox = Inbox::new();
    inbox.dead("1");
    inbox.dead("2");
    inbox.waiting("3");

    let output = inbox.run(&["drop", "--route", "/hooks/a"]);

    assert_eq!(output.code, Some(2));
    insta::assert_snapshot!(output.stderr, @"clawgate: this would drop 3 events (2 dead, 1 waiting): if that is meant, add --yes");
    assert_eq!((inbox.count(EventState::Dead), inbox.count(EventState::Waiting)), (2, 1));
}

#[test]
fn to_forget_by_a_condition_needs_yes_since_dropped_events_are_not_counted() {
    let mut inbox = Inbox::new();
    inbox.dead("1");

    let output = inbox.run(&["forget", "--route", "/hooks/a"]);

    assert_eq!(output.code, Some(2));
    insta::assert_snapshot!(output.stderr, @"clawgate: this would forget 1 event (1 dead), and what is left of dropped ones: if that is meant, add --yes");
    assert_eq!(inbox.count(EventState::Dead), 1);
}

/// What a command shows on a terminal where somebody types `answer`.
fn on_terminal(inbox: &Inbox, words: &str, answer: &str) -> (Option<i32>, String) {
    let line = format!("{} inbox {words} --inbox {:?}", env!("CARGO_BIN_EXE_clawgate"), inbox.path());
    let mut terminal = Command::new("script");
    terminal.env_clear().env("SHELL", "/bin/sh").args(["-qec", &line, "/dev/null"]);
    let mut terminal =
        terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    terminal.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = terminal.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn on_a_terminal_it_asks_and_does_what_is_answered() {
    let mut inbox = Inbox::new();
    inbox.dead("1");
    inbox.dead("2");

    let (code, text) = on_terminal(&inbox, "replay --route /hooks/a", "n\n");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("replay 2 events (2 dead)? [y/N] "), "{text}");
    assert!(text.ends_with("clawgate: nothing was changed\r\n"), "{text}");
    assert_eq!(inbox.count(EventState::Dead), 2);

    let (code, text) = on_terminal(&inbox, "replay --route /hooks/a", "y\n");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("2 events wait for delivery again\r\n"), "{text}");
    assert_eq!(inbox.count(EventState::Waiting), 2);
    assert!(!text.contains("\"event\""), "no line for the log on a terminal: {text}");
}
