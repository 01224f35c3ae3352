//! What is under a signature, and what a repeated request is recognised by.

use std::fmt::Write;

use clawgate::signature::{MAX_ID, Method, PRESETS, ReplayBy, Scheme};

use super::{NOW, at, post, scheme, verifier, verify, with};

#[test]
fn each_preset_says_what_is_signed_and_what_repeated_requests_are_known_by() {
    let mut table = String::new();
    for preset in PRESETS {
        let Ok(scheme) = Scheme::new(preset, Default::default()) else { continue };
        let coverage = scheme.coverage();
        let parts = [
            ("body", coverage.body),
            ("url", coverage.url),
            ("method", coverage.method),
            ("time", coverage.timestamp),
            ("id", coverage.id),
        ];
        let parts: Vec<_> =
            parts.iter().filter(|(_, is_signed)| *is_signed).map(|(name, _)| *name).collect();
        let parts = if parts.is_empty() { "nothing".to_owned() } else { parts.join(" ") };
        writeln!(table, "{}: {parts} | {}", preset.name, scheme.replay()).unwrap();
    }
    insta::assert_snapshot!(table, @r"
    standard-webhooks: body time id | id
    svix: body time id | id
    fathom: body time id | id
    github: body | signature
    gitlab: nothing | id
    stripe: body time id | id
    slack: body time id | id
    shopify: body | signature
    linear: body time | signature
    zoom: body time | signature
    notion: body id | id
    intercom: body id | id
    hubspot: body url method time | signature
    pagerduty: body id | id
    mailgun: time id | id
    sendgrid: body time | signature
    discord: body time | signature
    telnyx: body time id | id
    docusign: body | signature
    meta: body | signature
    typeform: body id | id
    calendly: body time | signature
    square: body url id | id
    paddle: body time id | id
    dropbox: body | signature
    box: body time id | id
    bitbucket: body | signature
    telegram: nothing | id
    plain: body time id | id
    fireflies: body time id | id
    zendesk: body time | signature
    twilio: body url | signature
    ");
}

#[test]
fn a_preset_that_leaves_the_body_unsigned_says_so() {
    for preset in PRESETS {
        let Ok(scheme) = Scheme::new(preset, Default::default()) else { continue };
        assert!(scheme.coverage().body || !preset.note.is_empty(), "{}", preset.name);
    }
}

#[test]
fn every_scheme_that_signs_can_recognise_a_repeated_request() {
    for sender in super::senders::senders() {
        let verifier = sender.verifier(b"secret");
        let event = |body: &str| {
            let mut request = post(body);
            sender.sign(&verifier, &mut request, at(NOW), "evt_1").unwrap();
            verify(&verifier, &request, at(NOW)).unwrap().event()
        };
        if sender.scheme.method() == Method::Token {
            continue;
        }
        assert!(event("{}").is_some(), "{}", sender.name);
        assert_eq!(event("{}"), event("{}"), "{}: the same request", sender.name);
        let is_by_id = sender.scheme.replay() == ReplayBy::Id;
        let has_id = verify_id(&sender).is_some();
        assert_eq!(event("{}") == event(r#"{"x":1}"#), is_by_id && has_id, "{}", sender.name);
    }
}

fn verify_id(sender: &super::senders::Sender) -> Option<String> {
    let verifier = sender.verifier(b"secret");
    let mut request = post("{}");
    sender.sign(&verifier, &mut request, at(NOW), "evt_1").unwrap();
    verify(&verifier, &request, at(NOW)).unwrap().id().map(str::to_owned)
}

#[test]
fn the_settings_choose_what_a_repeated_request_is_known_by() {
    let event = |replay, id: &str| {
        let github = verifier(with("github", |own| own.replay = Some(replay)), &["secret"]);
        let mut request = post("{}");
        github.sign(&mut request, at(NOW), id).unwrap();
        verify(&github, &request, at(NOW)).unwrap().event()
    };
    assert_eq!(event(ReplayBy::Off, "1"), None);
    assert_eq!(event(ReplayBy::Signature, "1"), event(ReplayBy::Signature, "2"));
    assert_ne!(event(ReplayBy::Id, "1"), event(ReplayBy::Id, "2"));
    assert_eq!(
        scheme("github").replay(),
        ReplayBy::Signature,
        "anybody can change the header with the id"
    );
}

#[test]
fn an_id_that_is_long_or_not_visible_ascii_is_hashed() {
    let id = |id: &str| {
        let verifier = verifier(scheme("standard-webhooks"), &["c2VjcmV0"]);
        let mut request = post("{}");
        verifier.sign(&mut request, at(NOW), id).unwrap();
        verify(&verifier, &request, at(NOW)).unwrap().id().unwrap().to_owned()
    };
    assert_eq!(id("evt_1"), "evt_1");
    assert_eq!(id(&"x".repeat(MAX_ID)), "x".repeat(MAX_ID));
    assert_eq!(id("a b"), "sha256:c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65");
    for hashed in [&"x".repeat(MAX_ID + 1), "é", "a\tb"] {
        assert!(id(hashed).starts_with("sha256:"), "{hashed}");
    }
}

#[test]
fn an_id_can_be_made_of_several_values() {
    let scheme = with("github", |own| {
        own.id = Some("{body:/jobId}-{body:/runAtMs}".parse().unwrap());
    });
    assert_eq!(scheme.replay(), ReplayBy::Id, "all of it is signed");
    let github = verifier(scheme, &["secret"]);
    let id = |body: &str| {
        let mut request = post(body);
        github.sign(&mut request, at(NOW), "").unwrap();
        verify(&github, &request, at(NOW)).unwrap().id().map(str::to_owned)
    };
    assert_eq!(id(r#"{"jobId":"a","runAtMs":5}"#).as_deref(), Some("a-5"));
    assert_eq!(id(r#"{"jobId":"a"}"#), None);
}

#[test]
fn hubspot_signs_the_url_as_it_is_or_with_some_escapes_decoded() {
    let hubspot = verifier(scheme("hubspot"), &["secret"]);
    let target = "/hook?a=%3a%2F%3f%40%21%24%27%28%29%2A%2c%3B&b=%20%25%2";
    let decoded = "/hook?a=:/?@!$'()*,;&b=%20%25%2";
    for signed in [target, decoded] {
        let mut request =
            clawgate::signature::OutgoingRequest { target: signed.to_owned(), ..post("{}") };
        let own = with("hmac", |own| {
            own.signature = vec!["header:x-hubspot-signature-v3".parse().unwrap()];
            own.encoding = Some(clawgate::signature::Encoding::Base64);
            own.timestamp = Some("header:x-hubspot-request-timestamp".parse().unwrap());
            own.timestamp_unit = Some(clawgate::signature::TimestampUnit::Milliseconds);
            own.signed = Some("{method}{url}{body}{timestamp}".parse().unwrap());
        });
        verifier(own, &["secret"]).sign(&mut request, at(NOW), "").unwrap();
        request.target = target.to_owned();
        assert!(verify(&hubspot, &request, at(NOW)).is_ok(), "{signed}");
    }
}
