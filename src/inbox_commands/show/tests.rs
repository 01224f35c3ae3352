use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::*;
use crate::inbox::EventSummary;

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + NOW
}

fn request() -> StoredRequest {
    let mut headers = HeaderMap::new();
    let fields: [(&str, &[u8]); 5] = [
        ("host", b"hooks.example.org"),
        ("content-type", b"application/json"),
        ("authorization", b"Bearer secret"),
        ("x-raw", b"\xff"),
        ("x-clawgate-client-cn", b"notes"),
    ];
    for (name, value) in fields {
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let body = Bytes::from_static(b"{\n  \"a\": \"\x1b[31m\"\n}");
    StoredRequest { method: Method::POST, target: Uri::from_static("/hooks/github?x=1"), headers, body }
}

fn attempt(second: u64, status: Option<u16>, error: Option<&str>, answer: Option<&str>) -> Attempt {
    Attempt {
        at: now() - Duration::from_secs(60 - second),
        took: Duration::from_millis(12 + 5000 * u64::from(status.is_none())),
        status,
        error: error.map(str::to_owned),
        answer: answer.map(str::to_owned),
    }
}

fn story(state: EventState) -> Story {
    let ended = (state != EventState::Waiting).then(|| now() - Duration::from_secs(30));
    let attempts =
        vec![attempt(1, Some(503), None, Some("restarting")), attempt(3, None, Some("timeout"), None)];
    let summary = EventSummary {
        seq: 1,
        id: EventId::from_bytes([1; 16]),
        route: "/hooks/github".to_owned(),
        principal: "signature:github".to_owned(),
        key: Some("72d3162e".to_owned()),
        state,
        received: now() - Duration::from_secs(60),
        next_at: ended.is_none().then(|| now() + Duration::from_secs(4)),
        ended,
        tries: 2,
        reason: (state == EventState::Dead).then_some(DeadReason::Rejected),
        size: 20,
    };
    let idempotency_key = "cg-/hooks/github-72d3162e".to_owned();
    let event = EventDetail { summary, idempotency_key, attempts, request: Some(request()) };
    Story { event, with_body: false, now: now() }
}

#[test]
fn the_story_of_a_waiting_event_ends_with_its_next_try() {
    insta::assert_snapshot!(story(EventState::Waiting).to_string(), @r"
    event 01010101-0101-0101-0101-010101010101: waiting

      route             /hooks/github
      sender            signature:github
      sender's id       72d3162e
      idempotency key   cg-/hooks/github-72d3162e
      request           POST /hooks/github?x=1, application/json, 20B

      2027-01-15T07:59:00.000Z  received, verified and stored
      2027-01-15T07:59:01.000Z  try 1: 503 after 12ms: restarting
      2027-01-15T07:59:03.000Z  try 2: no answer after 5.0s: timeout
      2027-01-15T08:00:04.000Z  next try, in 4s
    ");
}

#[test]
fn the_story_of_a_dead_event_ends_with_the_reason_and_a_hint() {
    let text = story(EventState::Dead).to_string();

    insta::assert_snapshot!(text.lines().skip(8).collect::<Vec<_>>().join("\n"), @r"
    2027-01-15T07:59:00.000Z  received, verified and stored
    2027-01-15T07:59:01.000Z  try 1: 503 after 12ms: restarting
    2027-01-15T07:59:03.000Z  try 2: no answer after 5.0s: timeout
    2027-01-15T07:59:30.000Z  given up (rejected): the upstream refuses this message
                              hint: look at its answer, and correct the sender or the upstream's mapping; then: clawgate inbox replay --id 01010101-0101-0101-0101-010101010101
    ");
}

#[test]
fn a_delivered_event_may_have_no_request_any_more() {
    let mut story = story(EventState::Delivered);
    story.event.request = None;
    story.event.attempts.remove(0);

    insta::assert_snapshot!(story.to_string(), @r"
    event 01010101-0101-0101-0101-010101010101: delivered

      route             /hooks/github
      sender            signature:github
      sender's id       72d3162e
      idempotency key   cg-/hooks/github-72d3162e
      request           20B, removed after the delivery (inbox.keep_bodies keeps it)

      2027-01-15T07:59:00.000Z  received, verified and stored
                                1 try before, of which no details are kept
      2027-01-15T07:59:03.000Z  try 2: no answer after 5.0s: timeout
      2027-01-15T07:59:30.000Z  delivered, 30.0s after it was received
    ");
}

#[test]
fn the_request_is_shown_escaped_and_without_credentials() {
    let story = Story { with_body: true, ..story(EventState::Waiting) };
    let text = story.to_string();

    insta::assert_snapshot!(text.lines().skip(13).collect::<Vec<_>>().join("\n"), @r#"
    POST /hooks/github?x=1
    host: hooks.example.org
    content-type: application/json
    authorization: (not shown)
    x-raw: (base64) /w==
    x-clawgate-client-cn: notes

    {
      "a": "\u{1b}[31m"
    }
    "#);
}

#[test]
fn a_body_that_is_no_text_is_shown_byte_for_byte() {
    let mut story = Story { with_body: true, ..story(EventState::Waiting) };
    if let Some(request) = &mut story.event.request {
        request.body = Bytes::from_static(b"\x00\xff");
    }

    assert!(story.to_string().ends_with("\n\n\\x00\\xff\n"), "{story}");
    let json = serde_json::to_value(&story).unwrap();
    assert_eq!(json["request"]["body_base64"], "AP8=");
}

#[test]
fn the_json_has_the_body_only_if_asked() {
    let with = Story { with_body: true, ..story(EventState::Dead) };
    let without = story(EventState::Dead);

    let json = serde_json::to_value(&without).unwrap();
    assert!(json["request"].get("body").is_none(), "{json}");
    insta::assert_snapshot!(format!("{:#}", serde_json::to_value(&with).unwrap()), @r#"
    {
      "id": "01010101-0101-0101-0101-010101010101",
      "seq": 1,
      "route": "/hooks/github",
      "principal": "signature:github",
      "key": "72d3162e",
      "state": "dead",
      "reason": "rejected",
      "received": "2027-01-15T07:59:00.000Z",
      "next_at": null,
      "ended": "2027-01-15T07:59:30.000Z",
      "tries": 2,
      "size": 20,
      "idempotency_key": "cg-/hooks/github-72d3162e",
      "attempts": [
        {
          "at": "2027-01-15T07:59:01.000Z",
          "took_ms": 12,
          "status": 503,
          "error": null,
          "answer": "restarting"
        },
        {
          "at": "2027-01-15T07:59:03.000Z",
          "took_ms": 5012,
          "status": null,
          "error": "timeout",
          "answer": null
        }
      ],
      "request": {
        "method": "POST",
        "target": "/hooks/github?x=1",
        "headers": [
          {
            "name": "host",
            "value": "hooks.example.org"
          },
          {
            "name": "content-type",
            "value": "application/json"
          },
          {
            "name": "authorization",
            "hidden": true
          },
          {
            "name": "x-raw",
            "value_base64": "/w=="
          },
          {
            "name": "x-clawgate-client-cn",
            "value": "notes"
          }
        ],
        "body": "{\n  \"a\": \"\u001b[31m\"\n}"
      }
    }
    "#);
}
