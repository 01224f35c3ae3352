//! `list`, `show`, `stats` and `export`.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use bytes::Bytes;
use http::HeaderValue;

use super::{Inbox, json_lines};

/// The text without what differs from run to run.
fn stable(text: &str, ids: &[impl ToString]) -> String {
    let text = text.replace("1s ago", "now");
    (1..).zip(ids).fold(text, |text, (number, id)| {
        text.replace(&id.to_string(), &format!("ID-{number}{}", "-".repeat(32)))
    })
}

#[test]
fn a_list_has_the_newest_event_first_with_what_has_become_of_it() {
    let mut inbox = Inbox::new();
    let ids = [inbox.dead("1"), inbox.delivered("2"), inbox.waiting_for("/hooks/longer", "3")];

    insta::assert_snapshot!(stable(&inbox.stdout(&["list"]), &ids), @r"
    ID                                    RECEIVED  ROUTE          STATE      TRIES  SIZE
    ID-3--------------------------------  3m ago    /hooks/longer  waiting    0      11B   next try now
    ID-2--------------------------------  3m ago    /hooks/a       delivered  1      11B   3m ago
    ID-1--------------------------------  3m ago    /hooks/a       dead       1      11B   rejected
    ");
}

#[test]
fn a_list_says_that_there_are_more() {
    let mut inbox = Inbox::new();
    for key in ["1", "2", "3"] {
        inbox.waiting(key);
    }

    let text = inbox.stdout(&["list", "--limit", "2"]);

    assert!(text.ends_with("\n\nthe newest 2 events; there are more (--limit)\n"), "{text}");
    assert!(!inbox.stdout(&["list", "--limit", "3"]).contains("more"));
}

#[test]
fn an_empty_list_says_so_and_is_no_failure() {
    assert_eq!(Inbox::new().stdout(&["list"]), "no events\n");
}

#[test]
fn a_list_has_only_events_that_fit_all_conditions() {
    let mut inbox = Inbox::new();
    let (dead, waiting) = (inbox.dead("1"), inbox.waiting("2"));
    let other = inbox.waiting_for("/hooks/b", "3");
    let (dead, waiting, other) = (dead.to_string(), waiting.to_string(), other.to_string());

    let listed = |words: &[&str]| -> Vec<String> {
        let lines = inbox.stdout(&[&["list", "--json"], words].concat());
        json_lines(&lines).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
    };

    assert_eq!(listed(&["--id", &dead, "--id", &other]), [&*other, &*dead]);
    assert_eq!(listed(&["--route", "/hooks/b"]), [&*other]);
    assert_eq!(listed(&["--state", "dead"]), [&*dead]);
    assert_eq!(listed(&["--state", "waiting", "--route", "/hooks/a"]), [&*waiting]);
    assert_eq!(listed(&["--key", "2"]), [&*waiting]);
    assert_eq!(listed(&["--reason", "rejected"]), [&*dead]);
    assert_eq!(listed(&["--reason", "too_old"]), [""; 0]);
    assert_eq!(listed(&["--principal", "signature:github"]).len(), 3);
    assert_eq!(listed(&["--since", "10m"]).len(), 3);
    assert_eq!(listed(&["--since", "1m"]), [""; 0]);
    assert_eq!(listed(&["--until", "1m"]).len(), 3);
    assert_eq!(listed(&["--until", "2020-01-01T00:00:00Z"]), [""; 0]);
}

#[test]
fn a_condition_that_is_none_is_a_mistake_with_the_possible_values() {
    let inbox = Inbox::new();
    for (words, part) in [
        (["--state", "lost"], "waiting, delivered, dead"),
        (["--reason", "bad"], "too_many_attempts"),
        (["--id", "7"], "those look like 0198f2c4-7d5a-7c3e-9b1d-2f6a8e4c0b17"),
        (["--since", "yesterday"], "2h or 7d"),
    ] {
        let output = inbox.run(&[&["list"], &words[..]].concat());

        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(part), "{output:?}");
    }
}

#[test]
fn the_story_of_an_event_has_its_try_and_the_upstreams_answer() {
    let mut inbox = Inbox::new();
    let id = inbox.dead("1");

    let text = inbox.stdout(&["show", &id.to_string()]);

    for part in [
        &format!("event {id}: dead\n"),
        "  sender            signature:github\n",
        "  idempotency key   cg-/hooks/a-1\n",
        "  request           POST /hooks/a?x=1, application/json, 11B\n",
        "Z  received, verified and stored\n",
        "Z  try 1: 422 after 12ms: no such action\n",
        "Z  given up (rejected): the upstream refuses this message\n",
        &format!("clawgate inbox replay --id {id}\n"),
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains(r#"{"key":"1"}"#), "{text}");
}

#[test]
fn the_body_is_shown_only_if_asked() {
    let mut inbox = Inbox::new();
    let id = inbox.waiting("1").to_string();

    assert!(!inbox.stdout(&["show", &id, "--json"]).contains("body"));
    let text = inbox.stdout(&["show", &id, "--body"]);
    assert!(
        text.ends_with("\n\nPOST /hooks/a?x=1\ncontent-type: application/json\n\n{\"key\":\"1\"}\n"),
        "{text}"
    );
}

#[test]
fn an_event_that_is_not_there_is_a_failure() {
    let id = "0198f2c4-7d5a-7c3e-9b1d-2f6a8e4c0b17";

    let output = Inbox::new().run(&["show", id]);

    assert_eq!(output.code, Some(1));
    assert_eq!(output.stderr, format!("clawgate: there is no event {id}\n"));
}

#[test]
fn the_statistics_have_a_row_for_each_route() {
    let mut inbox = Inbox::new();
    inbox.dead("1");
    inbox.delivered("2");
    inbox.waiting("3");
    inbox.waiting_for("/hooks/b", "4");

    let text = inbox.stdout(&["stats"]);
    let (table, size) = text.split_once("\n\n").unwrap();
    insta::assert_snapshot!(table, @r"
    ROUTE     WAITING  OLDEST  DEAD  DELIVERED  BODIES
    /hooks/a  1        3m ago  1     1          22B
    /hooks/b  1        3m ago  0     0          11B
    ");
    assert!(
        size.starts_with("the database uses ") && size.ends_with(" free on its file system\n"),
        "{size}"
    );

    let json = &json_lines(&inbox.stdout(&["stats", "--json"]))[0];
    assert_eq!(json["routes"][0]["dead"], 1);
    assert!(json["used_bytes"].as_u64() > Some(0) && json["free_bytes"].as_u64() > Some(0), "{json}");
}

#[test]
fn an_export_has_whole_events_in_the_order_of_arrival() {
    let mut inbox = Inbox::new();
    inbox.dead("1");
    let mut binary = inbox.event("/hooks/a", "2");
    binary.request.body = Bytes::from_static(b"\x00\xff");
    binary.request.headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
    inbox.append(binary);

    let text = inbox.stdout(&["export"]);
    let events = json_lines(&text);

    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["request"]["body"], r#"{"key":"1"}"#);
    assert_eq!(events[0]["attempts"][0]["status"], 422);
    assert_eq!(events[1]["request"]["body_base64"], "AP8=");
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(json_lines(&inbox.stdout(&["export", "--state", "dead"])).len(), 1);
    assert_eq!(json_lines(&inbox.stdout(&["export", "--limit", "1"]))[0]["key"], "2");
}

#[test]
fn an_export_that_cannot_be_written_is_a_failure() {
    let mut inbox = Inbox::new();
    inbox.waiting("1");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_clawgate"));
    let command = command.env_clear().args(["inbox", "export", "--inbox"]).arg(inbox.path());
    let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("clawgate: cannot write the result: "), "{stderr}");
}

#[test]
fn all_events_of_a_large_inbox_are_exported() {
    let mut inbox = Inbox::new();
    for number in 0..1_100 {
        inbox.count = 0;
        inbox.waiting(&number.to_string());
    }

    let events = json_lines(&inbox.stdout(&["export"]));

    let keys: Vec<_> = events.iter().map(|event| event["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys, (0..1_100).map(|number| number.to_string()).collect::<Vec<_>>());
}
