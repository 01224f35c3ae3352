use std::time::SystemTime;

use http::HeaderMap;
use proptest::prelude::*;

use super::super::{Key, Overrides, Scheme, Verifier, preset};
use super::*;

const SECRET: &[u8] = b"qwerty-secret";

/// A request without headers.
fn request<'a>(
    headers: &'a HeaderMap,
    method: &'a Method,
    target: &'a str,
    body: &'a [u8],
) -> SignedRequest<'a> {
    SignedRequest { method, target, public_url: None, headers, body }
}

fn unsigned(
    challenge: Challenge,
    method: &Method,
    target: &str,
    body: &[u8],
) -> Result<Option<Answer>, ChallengeError> {
    challenge.answer_unsigned(&request(&HeaderMap::new(), method, target, body), Some(b"verify-me"))
}

/// The answer to a request that carries a valid token: which scheme verified it is of no account.
fn signed(challenge: Challenge, method: &Method, body: &[u8]) -> Result<Option<Answer>, ChallengeError> {
    let scheme = Scheme::new(preset("gitlab").unwrap(), Overrides::default()).unwrap();
    let other = Key::read("other", b"other-secret", &scheme).unwrap();
    let key = Key::read("secret", SECRET, &scheme).unwrap();
    let verifier = Verifier::new(scheme, vec![other, key]).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-gitlab-token", HeaderValue::from_bytes(SECRET).unwrap());
    let request = request(&headers, method, "/", body);
    let verified = verifier.verify(&request, SystemTime::UNIX_EPOCH).unwrap();
    challenge.answer_signed(&request, &verified, &verifier)
}

fn text(body: &str) -> Result<Option<Answer>, ChallengeError> {
    Ok(Some(Answer::text(body.to_owned())))
}

#[test]
fn slack_gets_its_challenge_as_text() {
    let body = br#"{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let answer = text("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
    assert_eq!(signed(Challenge::Slack, &Method::POST, body), answer);
    assert_eq!(signed(Challenge::Slack, &Method::GET, body), Ok(None));
    let events: [&[u8]; 5] = [
        br#"{"type":"event_callback","challenge":"x"}"#,
        br#"{"type":"url_verification"}"#,
        br#"{"type":"url_verification","type":"url_verification","challenge":"x"}"#,
        br#"["url_verification"]"#,
        b"payload=%7B%7D",
    ];
    for event in events {
        assert_eq!(signed(Challenge::Slack, &Method::POST, event), Ok(None));
    }
}

#[test]
fn zoom_gets_the_hmac_of_its_token_with_the_key_that_verified_the_request() {
    let body = br#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}"#;
    let answer = signed(Challenge::Zoom, &Method::POST, body).unwrap().unwrap();
    // printf %s qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac qwerty-secret
    let encrypted = "8b5f9624dd8b94cb756ac9f642a38e85ba7fa578d64e3d972cd0ba81948dedf3";
    let expected =
        format!(r#"{{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"{encrypted}"}}"#);
    assert_eq!((answer.status, answer.content_type), (StatusCode::OK, Some("application/json")));
    assert_eq!(answer.body, expected);
    let event = br#"{"payload":{"plainToken":"x"},"event":"meeting.started"}"#;
    assert_eq!(signed(Challenge::Zoom, &Method::POST, event), Ok(None));
}

#[test]
fn discord_gets_an_answer_to_its_two_pings_and_events_pass() {
    let ping =
        signed(Challenge::Discord, &Method::POST, br#"{"version":1,"application_id":"1","type":0}"#);
    let ping = ping.unwrap().unwrap().into_response();
    assert_eq!((ping.status(), ping.body().as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(ping.headers().get(CONTENT_TYPE), None);

    let interaction = signed(Challenge::Discord, &Method::POST, br#"{"type":1,"id":"2","token":"x"}"#);
    assert_eq!(interaction.unwrap().unwrap().body, r#"{"type":1}"#);

    let events: [&[u8]; 4] = [
        br#"{"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}"#,
        br#"{"event":null,"type":2}"#,
        br#"{"type":2,"data":{}}"#,
        br#"{"type":"1"}"#,
    ];
    for event in events {
        assert_eq!(signed(Challenge::Discord, &Method::POST, event), Ok(None));
    }
}

#[test]
fn meta_gets_its_challenge_if_it_knows_the_token() {
    let target = "/hook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me";
    assert_eq!(unsigned(Challenge::Meta, &Method::GET, target, b""), text("1158201444"));

    for (wrong, error) in [
        (target.replace("verify-me", "verify-m"), ChallengeError::WrongToken),
        (target.replace("verify-me", "verify-me2"), ChallengeError::WrongToken),
        (target.replace("verify-me", ""), ChallengeError::WrongToken),
        (target.replace("1158201444", ""), ChallengeError::Unprintable),
    ] {
        assert_eq!(unsigned(Challenge::Meta, &Method::GET, &wrong, b""), Err(error), "{wrong}");
    }
}

#[test]
fn a_token_that_is_not_set_matches_nothing() {
    let (headers, method) = (HeaderMap::new(), Method::GET);
    for presented in ["", "x"] {
        let target = format!("/?hub.mode=subscribe&hub.challenge=1&hub.verify_token={presented}");
        for token in [None, Some(&b""[..])] {
            let answer =
                Challenge::Meta.answer_unsigned(&request(&headers, &method, &target, b""), token);
            assert_eq!(answer, Err(ChallengeError::NoToken), "{presented} {token:?}");
        }
    }
}

#[test]
fn microsoft_graph_gets_its_token_decoded() {
    let target =
        "/hook?tenant=1&validationToken=Validation%3a+Testing+client+application+Request-Id%3A+6b0c";
    let answer = text("Validation: Testing client application Request-Id: 6b0c");
    assert_eq!(unsigned(Challenge::Graph, &Method::POST, target, b""), answer);
    assert_eq!(unsigned(Challenge::Graph, &Method::GET, target, b""), Ok(None));
    assert_eq!(unsigned(Challenge::Graph, &Method::POST, "/hook?tenant=1", b"{}"), Ok(None));
    let twice = "/hook?validationToken=a&validationToken=b";
    assert_eq!(unsigned(Challenge::Graph, &Method::POST, twice, b""), Ok(None));
}

#[test]
fn dropbox_gets_its_challenge_as_text_that_no_browser_takes_for_a_page() {
    let answer = unsigned(Challenge::Dropbox, &Method::GET, "/hook?challenge=abc%20%3Cb%3E", b"");
    let response = answer.unwrap().unwrap().into_response();
    assert_eq!((response.status(), response.body().as_str()), (StatusCode::OK, "abc <b>"));
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
    assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
}

#[test]
fn notion_gets_an_answer_and_its_token_is_handed_out() {
    let body = br#"{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}"#;
    let answer = unsigned(Challenge::Notion, &Method::POST, "/", body).unwrap().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(answer.secret.as_deref(), Some("secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"));
    let event = br#"{"verification_token":"x","id":"1"}"#;
    assert_eq!(unsigned(Challenge::Notion, &Method::POST, "/", event), Ok(None));
    let forged = br#"{"verification_token":"a\nb"}"#;
    assert_eq!(
        unsigned(Challenge::Notion, &Method::POST, "/", forged),
        Err(ChallengeError::Unprintable)
    );
}

#[test]
fn a_get_opens_a_route_only_with_exactly_the_parameters_of_the_challenge() {
    let headers = HeaderMap::new();
    let opened = |challenge: Challenge, method: &Method, target: &str| {
        challenge.is_opened_by(&request(&headers, method, target, b""))
    };
    let meta = "/hook?hub.verify_token=x&hub.mode=subscribe&hub.challenge=1";
    assert!(opened(Challenge::Meta, &Method::GET, meta));
    assert!(opened(Challenge::Dropbox, &Method::GET, "/hook?challenge=1"));

    let more = format!("{meta}&x=1");
    for (challenge, method, target) in [
        (Challenge::Meta, Method::HEAD, meta),
        (Challenge::Meta, Method::POST, meta),
        (Challenge::Meta, Method::GET, &more),
        (Challenge::Meta, Method::GET, "/hook?hub.mode=subscribe&hub.challenge=1"),
        (Challenge::Meta, Method::GET, "/hook?challenge=1"),
        (Challenge::Meta, Method::GET, "/hook?hub.verify_token=x&hub.mode=unsubscribe&hub.challenge=1"),
        (Challenge::Dropbox, Method::GET, "/hook"),
        (Challenge::Dropbox, Method::GET, "/hook?challenge=1&challenge=2"),
        (Challenge::Slack, Method::GET, "/hook"),
        (Challenge::Graph, Method::GET, "/hook?validationToken=1"),
    ] {
        assert!(!opened(challenge, &method, target), "{challenge} {method} {target}");
        if challenge.opens().is_some() {
            assert_eq!(
                unsigned(challenge, &method, target, b""),
                Ok(None),
                "{challenge} {method} {target}"
            );
        }
    }
}

#[test]
fn a_challenge_is_answered_on_its_own_side_of_the_verification_only() {
    let meta = "/?hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-me";
    for challenge in Challenge::ALL.iter().copied().filter(|challenge| challenge.is_signed()) {
        for body in [
            &br#"{"type":"url_verification","challenge":"x"}"#[..],
            br#"{"event":"endpoint.url_validation","payload":{"plainToken":"x"}}"#,
            br#"{"type":1}"#,
        ] {
            assert_eq!(unsigned(challenge, &Method::POST, meta, body), Ok(None), "{challenge}");
        }
    }
    for challenge in Challenge::ALL.iter().copied().filter(|challenge| !challenge.is_signed()) {
        let body = br#"{"verification_token":"x"}"#;
        assert_eq!(signed(challenge, &Method::POST, body), Ok(None), "{challenge}");
    }
}

#[test]
fn a_body_longer_than_a_challenge_is_not_read() {
    let body = |length: usize| {
        let start = r#"{"type":"url_verification","challenge":"x","pad":""#;
        format!(r#"{start}{}"}}"#, "x".repeat(length - start.len() - 2))
    };
    let longest = body(MAX_CHALLENGE_BODY);
    assert_eq!(longest.len(), MAX_CHALLENGE_BODY);
    assert_eq!(signed(Challenge::Slack, &Method::POST, longest.as_bytes()), text("x"));
    assert_eq!(
        signed(Challenge::Slack, &Method::POST, body(MAX_CHALLENGE_BODY + 1).as_bytes()),
        Ok(None)
    );
}

fn challenge() -> impl Strategy<Value = Challenge> {
    proptest::sample::select(Challenge::ALL)
}

/// Text around the longest that is repeated, with a few characters that are not.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "[ -~\u{0}-\u{1f}\u{7f}-\u{ff}]{0,40}",
        (MAX_ECHO - 2..MAX_ECHO + 2).prop_map(|length| "x".repeat(length)),
    ]
}

proptest! {
    #[test]
    fn an_answer_is_short_printable_ascii_whatever_the_sender_sends(challenge in challenge(), text in odd_text()) {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let json = serde_json::to_string(&text).unwrap();
        let (method, target, body) = match challenge {
            Challenge::Meta => (
                Method::GET,
                format!("/?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge={encoded}"),
                String::new(),
            ),
            Challenge::Dropbox => (Method::GET, format!("/?challenge={encoded}"), String::new()),
            Challenge::Graph => (Method::POST, format!("/?validationToken={encoded}"), String::new()),
            Challenge::Slack => (
                Method::POST,
                String::new(),
                format!(r#"{{"type":"url_verification","challenge":{json}}}"#),
            ),
            Challenge::Zoom => (
                Method::POST,
                String::new(),
                format!(r#"{{"event":"endpoint.url_validation","payload":{{"plainToken":{json}}}}}"#),
            ),
            Challenge::Notion => (Method::POST, String::new(), format!(r#"{{"verification_token":{json}}}"#)),
            Challenge::Discord => (Method::POST, String::new(), format!(r#"{{"type":1,"x":{json}}}"#)),
        };
        let answer = if challenge.is_signed() {
            signed(challenge, &method, body.as_bytes())
        } else {
            unsigned(challenge, &method, &target, body.as_bytes())
        };

        let is_printable = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let fits = !text.is_empty() && text.len() <= MAX_ECHO && is_printable(&text);
        match answer {
            Ok(Some(answer)) => {
                prop_assert!(fits || challenge == Challenge::Discord);
                prop_assert!(is_printable(&answer.body) && is_printable(&answer.secret.unwrap_or_default()));
                prop_assert!(answer.body.len() <= 2 * MAX_ECHO + 200);
            }
            Ok(None) => prop_assert!(false, "it is a challenge"),
            Err(error) => prop_assert!(!fits && error == ChallengeError::Unprintable),
        }
    }

    #[test]
    fn a_request_of_any_bytes_gets_at_most_printable_ascii(
        challenge in challenge(), target in "[ -~]{0,60}", body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        for method in [Method::GET, Method::POST] {
            for answer in [unsigned(challenge, &method, &target, &body), signed(challenge, &method, &body)] {
                if let Ok(Some(answer)) = answer {
                    prop_assert!(answer.body.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
                }
            }
        }
    }
}
