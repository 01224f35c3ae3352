//! Values that are read from the body.

use clawgate::signature::{LookupError, Pointer, SignatureError, Source};

use super::{NOW, at, post, scheme, verifier, verify};

fn find(pointer: &str, document: &str) -> Result<Option<String>, LookupError> {
    let pointer: Pointer = pointer.parse().unwrap();
    pointer.find(document.as_bytes()).map(|found| found.map(|found| found.into_owned()))
}

#[test]
fn a_pointer_finds_strings_numbers_and_booleans_as_they_are_written() {
    for (pointer, document, value) in [
        ("/a", r#"{"a":"x"}"#, "x"),
        ("/a/b", r#"{"z":[{"a":1}],"a":{"a":"no","b":"x"}}"#, "x"),
        ("/a", r#"{"a": 1700000000123 }"#, "1700000000123"),
        ("/a", r#"{"a":1.50e+3}"#, "1.50e+3"),
        ("/a", r#"{"a":9007199254740993}"#, "9007199254740993"),
        ("/a", r#"{"a":true}"#, "true"),
        ("/a", r#"{"a":"\u0041\n\"\\"}"#, "A\n\"\\"),
        ("/a~1b/c~0d", r#"{"a/b":{"c~d":"x"}}"#, "x"),
        ("/é", r#"{"\u00e9":"x"}"#, "x"),
        ("/1/a", r#"[{"a":"no"},{"a":"x"}]"#, "x"),
        ("/0", r#"["x"]"#, "x"),
        ("/", r#"{"":"x"}"#, "x"),
        ("/0", r#"{"0":"x"}"#, "x"),
    ] {
        assert_eq!(find(pointer, document), Ok(Some(value.to_owned())), "{pointer} in {document}");
    }
}

#[test]
fn a_value_that_is_not_there_is_no_error() {
    for (pointer, document) in [
        ("/a", "{}"),
        ("/a", r#"{"a":null}"#),
        ("/a/b", r#"{"a":"b"}"#),
        ("/a/b", r#"{"a":null}"#),
        ("/a/b", r#"{"a":-1.5}"#),
        ("/a/b", r#"{"a":[{"b":1}]}"#),
        ("/2", "[1,2]"),
        ("/01", "[1,2]"),
        ("/-", "[1,2]"),
        ("/+1", "[1,2]"),
        ("/a", "17"),
        ("/a", r#""a""#),
    ] {
        assert_eq!(find(pointer, document), Ok(None), "{pointer} in {document}");
    }
}

#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    for (pointer, document, error) in [
        ("/a", r#"{"a":1,"a":1}"#, LookupError::DuplicateKey),
        ("/a", r#"{"a":1,"b":2,"\u0061":3}"#, LookupError::DuplicateKey),
        ("/a/b", r#"{"a":{"b":1},"a":{"b":2}}"#, LookupError::DuplicateKey),
        ("/a/b", r#"{"a":{"b":1,"b":2}}"#, LookupError::DuplicateKey),
        ("/a/b", r#"{"a":{},"a":{"b":2}}"#, LookupError::DuplicateKey),
        ("/a", r#"{"a":{}}"#, LookupError::NotScalar),
        ("/a", r#"{"a":[]}"#, LookupError::NotScalar),
        ("/a", "", LookupError::NotJson),
        ("/a", r#"{"a":1"#, LookupError::NotJson),
        ("/a", r#"{"a":1} {}"#, LookupError::NotJson),
        ("/a", r#"{"a":1,}"#, LookupError::NotJson),
        ("/a", r#"{a:1}"#, LookupError::NotJson),
        ("/a", r#"{"a":01}"#, LookupError::NotJson),
        ("/a", r#"{"a":NaN}"#, LookupError::NotJson),
        ("/a", r#"{"a":"\ud800"}"#, LookupError::NotJson),
        ("/a", "a=1&b=2", LookupError::NotJson),
    ] {
        assert_eq!(find(pointer, document), Err(error), "{pointer} in {document}");
    }
    // Keys beside the way are the upstream's matter.
    assert_eq!(find("/a", r#"{"b":1,"b":2,"a":"x"}"#), Ok(Some("x".to_owned())));
    let pointer: Pointer = "/a".parse().unwrap();
    assert_eq!(pointer.find(b"{\"a\":\"\xff\"}"), Err(LookupError::NotJson));
}

#[test]
fn deep_and_long_documents_are_read_without_recursion_or_refused() {
    let deep = format!(r#"{{"z":{}{},"a":"x"}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let found = find("/a", &deep);
    assert!(matches!(found, Ok(Some(_)) | Err(LookupError::NotJson)), "{found:?}");
    let on_the_way = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    assert!(find("/a/a/a", &on_the_way).is_err());
}

#[test]
fn a_duplicate_key_on_the_way_to_the_time_or_the_id_is_refused() {
    let source = |text: &str| text.parse::<Source>().unwrap();
    let linear = verifier(scheme("linear"), &["secret"]);
    let mut request = post("{}");
    linear.sign(&mut request, at(NOW), "evt_1").unwrap();
    assert!(verify(&linear, &request, at(NOW)).is_ok());

    let twice = format!(r#"{{"webhookTimestamp":{NOW}000,"webhookTimestamp":0}}"#);
    let signed = sign_raw("linear-signature", &twice);
    let error = SignatureError::Body(source("body:/webhookTimestamp"), LookupError::DuplicateKey);
    assert_eq!(verify(&linear, &signed, at(NOW)), Err(error));

    let intercom = verifier(scheme("notion"), &["secret"]);
    let mut request = post(r#"{"id":"1","id":"2"}"#);
    intercom.sign(&mut request, at(NOW), "evt_1").unwrap();
    let error = SignatureError::Body(source("body:/id"), LookupError::DuplicateKey);
    assert_eq!(verify(&intercom, &request, at(NOW)), Err(error));
}

/// A request whose body is signed as it is.
fn sign_raw(header: &str, body: &str) -> clawgate::signature::OutgoingRequest {
    let scheme =
        super::with("hmac", |own| own.signature = vec![format!("header:{header}").parse().unwrap()]);
    let mut request = post(body);
    verifier(scheme, &["secret"]).sign(&mut request, at(NOW), "").unwrap();
    request
}

#[test]
fn the_body_is_not_read_as_json_before_its_signature_is_verified() {
    let linear = verifier(scheme("linear"), &["other"]);
    for body in ["not JSON", r#"{"webhookTimestamp":1,"webhookTimestamp":2}"#, "{}"] {
        let request = sign_raw("linear-signature", body);
        assert_eq!(verify(&linear, &request, at(NOW)), Err(SignatureError::Mismatch), "{body}");
    }
}

#[test]
fn a_body_that_is_not_json_has_no_id() {
    // Slack's slash commands are forms.
    let slack = verifier(scheme("slack"), &["secret"]);
    let mut request = post("command=%2Fweather&text=94070");
    slack.sign(&mut request, at(NOW), "").unwrap();

    let verified = verify(&slack, &request, at(NOW)).unwrap();

    assert_eq!(verified.id(), None);
    assert!(verified.event().is_some(), "it is known by its signature");
}

#[test]
fn a_signature_and_a_time_in_the_body_are_taken_from_there() {
    let mailgun = verifier(scheme("mailgun"), &["secret"]);
    let mut request = post(r#"{"event-data":{"event":"opened"}}"#);
    mailgun.sign(&mut request, at(NOW), "token-1").unwrap();
    let verified = verify(&mailgun, &request, at(NOW)).unwrap();
    assert_eq!(verified.id(), Some("token-1"));

    // The preset's note says so: the event itself is not signed.
    let body = String::from_utf8(request.body.clone()).unwrap().replace("opened", "clicked");
    request.body = body.clone().into_bytes();
    assert!(verify(&mailgun, &request, at(NOW)).is_ok());
    request.body = body.replace("token-1", "token-2").into_bytes();
    assert_eq!(verify(&mailgun, &request, at(NOW)), Err(SignatureError::Mismatch));
}
