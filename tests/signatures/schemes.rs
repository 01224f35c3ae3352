//! Presets, and what settings make of them.

use std::collections::HashSet;

use clawgate::signature::{
    Algorithm, Method, Overrides, PRESETS, ReplayBy, Scheme, SchemeError, Source, Template, preset,
};

use super::with;

fn error(name: &str, set: impl FnOnce(&mut Overrides)) -> SchemeError {
    let mut overrides = Overrides::default();
    set(&mut overrides);
    match Scheme::new(preset(name).unwrap(), overrides) {
        Ok(scheme) => panic!("{scheme:?}"),
        Err(error) => error,
    }
}

fn source(text: &str) -> Source {
    text.parse().unwrap()
}

fn template(text: &str) -> Template {
    text.parse().unwrap()
}

#[test]
fn every_preset_is_readable_and_has_a_name_of_its_own() {
    let generic = ["hmac", "public-key", "token"];
    let mut names = HashSet::new();
    for preset in PRESETS {
        assert!(names.insert(preset.name), "{} is there twice", preset.name);
        assert!(!preset.sender.is_empty(), "{}", preset.name);
        let scheme = Scheme::new(preset, Overrides::default());
        match generic.contains(&preset.name) {
            true => {
                assert!(matches!(scheme, Err(SchemeError::Needs { .. })), "{}: {scheme:?}", preset.name)
            }
            false => assert!(scheme.is_ok(), "{}: {scheme:?}", preset.name),
        }
    }
    assert!(preset("GitHub").is_none());
}

#[test]
fn a_generic_scheme_needs_what_no_preset_says() {
    assert_eq!(error("hmac", |_| {}), SchemeError::Needs { scheme: "hmac", key: "signature" });
    assert_eq!(error("token", |_| {}), SchemeError::Needs { scheme: "token", key: "source" });
    let no_algorithm = error("public-key", |own| own.signature = vec![source("header:x")]);
    assert_eq!(no_algorithm, SchemeError::Needs { scheme: "public-key", key: "algorithm" });
}

#[test]
fn settings_that_do_not_fit_together_are_refused() {
    let header = || vec![source("header:x")];
    for (found, wanted) in [
        (
            error("hmac", |own| {
                own.signature = header();
                own.algorithm = Some(Algorithm::Ed25519);
            }),
            SchemeError::Algorithm { scheme: "hmac", algorithm: Algorithm::Ed25519 },
        ),
        (
            error("discord", |own| own.algorithm = Some(Algorithm::HmacSha256)),
            SchemeError::Algorithm { scheme: "discord", algorithm: Algorithm::HmacSha256 },
        ),
        (
            error("discord", |own| own.secret_encoding = Some(clawgate::signature::SecretEncoding::Hex)),
            SchemeError::Unused { scheme: "discord", key: "secret_encoding" },
        ),
        (
            error("gitlab", |own| own.signed = Some(template("{body}"))),
            SchemeError::Unused { scheme: "gitlab", key: "signed" },
        ),
        (
            error("twilio", |own| own.prefix = Some("x".to_owned())),
            SchemeError::Unused { scheme: "twilio", key: "prefix" },
        ),
        (
            error("github", |own| own.signed = Some(template("{timestamp}.{body}"))),
            SchemeError::NoTimestamp { key: "signed" },
        ),
        (
            error("github", |own| own.tolerance = Some(std::time::Duration::from_secs(1))),
            SchemeError::NoTimestamp { key: "tolerance" },
        ),
        (
            error("zoom", |own| own.signed = Some(template("{id}{timestamp}{body}"))),
            SchemeError::NoId { key: "signed" },
        ),
        (error("zoom", |own| own.replay = Some(ReplayBy::Id)), SchemeError::NoId { key: "replay" }),
        (error("github", |own| own.id = Some(template("{id}"))), SchemeError::NotAnId),
        (error("github", |own| own.id = Some(template("x{body}"))), SchemeError::NotAnId),
        (error("github", |own| own.id = Some(template("x{path}"))), SchemeError::NotAnId),
        (error("gitlab", |own| own.replay = Some(ReplayBy::Signature)), SchemeError::ReplayByToken),
        (
            error("box", |own| own.timestamp = Some(source("field:t"))),
            SchemeError::FieldWithoutHeader(source("field:t")),
        ),
        (
            error("hmac", |own| own.signature = vec![source("field:v1")]),
            SchemeError::FieldWithoutHeader(source("field:v1")),
        ),
        (
            error("github", |own| own.id = Some(template("{header:x-id-*}"))),
            SchemeError::Pattern { key: "id", place: source("header:x-id-*") },
        ),
        (
            error("stripe", |own| own.field = Some("v=1".to_owned())),
            SchemeError::FieldName("v=1".to_owned()),
        ),
        (error("stripe", |own| own.separator = Some('·')), SchemeError::Separator('·')),
        (
            error("hmac", |own| own.signature = vec![source("body:/signature")]),
            SchemeError::SignsItself(source("body:/signature")),
        ),
        (
            error("hmac", |own| {
                own.signature = vec![source("query:signature")];
                own.signed = Some(template("{url}{body}"));
            }),
            SchemeError::SignsItself(source("query:signature")),
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn a_field_chooses_among_the_marks_of_standard_webhooks() {
    let algorithms = |field: &str| {
        let scheme = with("standard-webhooks", |own| own.field = Some(field.to_owned()));
        scheme.algorithms().collect::<Vec<_>>()
    };
    assert_eq!(algorithms("v1"), [Algorithm::HmacSha256]);
    assert_eq!(algorithms("v1a"), [Algorithm::Ed25519]);
    assert_eq!(algorithms("v2"), [Algorithm::HmacSha256]);
}

#[test]
fn own_headers_take_the_place_of_both_families() {
    let scheme = with("standard-webhooks", |own| own.signature = vec![source("header:x-signature")]);
    let verifier = super::verifier(scheme, &["c2VjcmV0"]);
    let mut request = super::post("{}");
    verifier.sign(&mut request, super::at(super::NOW), "evt_1").unwrap();
    assert!(request.headers.contains_key("x-signature"));
    assert!(super::verify(&verifier, &request, super::at(super::NOW)).is_ok());

    let svix = super::verifier(super::scheme("svix"), &["c2VjcmV0"]);
    let mut request = super::post("{}");
    svix.sign(&mut request, super::at(super::NOW), "evt_1").unwrap();
    assert!(super::verify(&verifier, &request, super::at(super::NOW)).unwrap_err().missing());
}

#[test]
fn which_keys_a_scheme_takes_is_known() {
    let takes = |name| {
        let scheme = super::scheme(name);
        (scheme.takes_secrets(), scheme.takes_public_keys())
    };
    assert_eq!(takes("github"), (true, false));
    assert_eq!(takes("discord"), (false, true));
    assert_eq!(takes("standard-webhooks"), (true, true));
    assert_eq!(takes("gitlab"), (true, false));
    let v1a = with("standard-webhooks", |own| own.field = Some("v1a".to_owned()));
    assert!(!v1a.takes_secrets() && v1a.takes_public_keys());
    assert_eq!(super::scheme("twilio").method(), Method::Twilio);
    assert!(super::scheme("square").needs_public_url());
    assert!(!super::scheme("github").needs_public_url());
}
