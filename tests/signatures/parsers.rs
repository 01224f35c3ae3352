//! Sources, pointers and templates: what is read is printed as it was, and nothing breaks a parser.

use std::fmt::Display;
use std::str::FromStr;

use clawgate::signature::{
    Algorithm, Challenge, Encoding, Pointer, PointerError, ReplayBy, SecretEncoding, Source,
    SourceError, Template, TemplateError, TimestampUnit,
};
use proptest::prelude::*;

/// What is read is the same after it was printed; its print is the canonical form.
fn round_trip<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) -> Option<String>
where
    T::Err: PartialEq + std::fmt::Debug,
{
    let value: T = text.parse().ok()?;
    let printed = value.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&value), "{text:?}");
    Some(printed)
}

fn source() -> impl Strategy<Value = String> {
    prop_oneof![
        "header:[a-z][a-z0-9-]{0,20}\\*?",
        "field:[A-Za-z0-9_.-]{1,8}",
        "body:(/[a-z0-9é \\.:]{0,4}(~0|~1)?){1,5}",
        "query:[^{}]{1,8}",
        Just("bearer".to_owned()),
        Just("basic".to_owned()),
    ]
}

fn template() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-z0-9.:|é]{1,6}",
        Just("{{".to_owned()),
        Just("}}".to_owned()),
        Just("{body}".to_owned()),
        Just("{timestamp}".to_owned()),
        Just("{id}".to_owned()),
        Just("{method}{url}{path}".to_owned()),
        source().prop_map(|source| format!("{{{source}}}")),
    ];
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_source_is_printed_as_it_was_read(text in source()) {
        prop_assert_eq!(round_trip::<Source>(&text), Some(text));
    }

    #[test]
    fn a_template_is_printed_as_it_was_read(text in template()) {
        prop_assert_eq!(round_trip::<Template>(&text), Some(text));
    }

    #[test]
    fn a_pointer_is_printed_as_it_was_read(text in "(/([^/~]|~0|~1){0,6}){1,8}") {
        prop_assert_eq!(round_trip::<Pointer>(&text), Some(text));
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}", braces in "[{}a:/~*]{0,20}") {
        for text in [text, braces] {
            round_trip::<Source>(&text);
            round_trip::<Template>(&text);
            round_trip::<Pointer>(&text);
        }
    }

    #[test]
    fn a_pointer_finds_in_a_document_what_a_full_parser_finds(
        keys in prop::collection::vec("[ab~/é\"\\\\]{0,2}", 1..5),
        value in prop_oneof![".{0,10}".prop_map(serde_json::Value::from), any::<i64>().prop_map(Into::into)],
        beside in ".{0,10}",
    ) {
        let mut document = value.clone();
        for key in keys.iter().rev() {
            document = serde_json::json!({ format!("x{key}"): beside, key: document, "y": [beside] });
        }
        let steps = keys.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")));
        let pointer: Pointer = steps.collect::<String>().parse().unwrap();
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);

        let document = document.to_string();
        let found = pointer.find(document.as_bytes());

        prop_assert_eq!(found.map(|found| found.map(|found| found.into_owned())), Ok(Some(text)));
    }
}

#[test]
fn the_name_of_a_header_is_printed_in_lower_case() {
    assert_eq!(
        round_trip::<Source>("header:X-Hub-Signature").as_deref(),
        Some("header:x-hub-signature")
    );
}

#[test]
fn what_is_no_source_is_refused() {
    for (text, error) in [
        ("", SourceError::Unknown(String::new())),
        ("x-signature", SourceError::Unknown("x-signature".to_owned())),
        ("Header:x", SourceError::Unknown("Header:x".to_owned())),
        ("bearer:", SourceError::Unknown("bearer:".to_owned())),
        ("header:", SourceError::HeaderName(String::new())),
        ("header:*", SourceError::HeaderName("*".to_owned())),
        ("header:a*b", SourceError::HeaderName("a*b".to_owned())),
        ("header:a**", SourceError::HeaderName("a**".to_owned())),
        ("header:a b", SourceError::HeaderName("a b".to_owned())),
        ("field:", SourceError::FieldName(String::new())),
        ("field:a=b", SourceError::FieldName("a=b".to_owned())),
        ("query:", SourceError::NoName),
        ("query:{", SourceError::Brace("query:{".to_owned())),
        ("body:", SourceError::Pointer(PointerError::NoSlash)),
        ("body:a", SourceError::Pointer(PointerError::NoSlash)),
        ("body:/a~2", SourceError::Pointer(PointerError::BadEscape)),
    ] {
        assert_eq!(text.parse::<Source>(), Err(error), "{text}");
    }
}

#[test]
fn what_is_no_template_is_refused() {
    let long = "x".repeat(1025);
    let many = "{body}".repeat(33);
    for (text, error) in [
        ("", TemplateError::Empty),
        (&long, TemplateError::TooLong),
        (&many, TemplateError::TooLong),
        ("{", TemplateError::Open),
        ("a{body", TemplateError::Open),
        ("}", TemplateError::Close),
        ("{body}}", TemplateError::Close),
        ("{}", TemplateError::Unknown(String::new())),
        ("{Body}", TemplateError::Unknown("Body".to_owned())),
        ("{ body }", TemplateError::Unknown(" body ".to_owned())),
        ("{a{body}", TemplateError::Source(SourceError::Brace("a{body".to_owned()))),
        ("{query:}", TemplateError::Source(SourceError::NoName)),
    ] {
        assert_eq!(text.parse::<Template>(), Err(error), "{text}");
    }
}

#[test]
fn an_id_is_a_source_or_a_template() {
    let id = |text| Template::source_or_template(text).map(|id| id.to_string());
    assert_eq!(id("header:webhook-id").as_deref(), Ok("{header:webhook-id}"));
    assert_eq!(id("{body:/a}-{body:/b}").as_deref(), Ok("{body:/a}-{body:/b}"));
    assert!(id("webhook-id").is_err());
    assert!(id("{body:/a").is_err());
}

#[test]
fn pointers_have_a_limit() {
    assert!("/a".repeat(32).parse::<Pointer>().is_ok());
    assert_eq!("/a".repeat(33).parse::<Pointer>(), Err(PointerError::TooLong));
    assert_eq!("a".parse::<Pointer>(), Err(PointerError::NoSlash));
    assert_eq!("/~".parse::<Pointer>(), Err(PointerError::BadEscape));
}

#[test]
fn every_name_in_the_settings_is_read_as_it_is_printed() {
    fn names<T: FromStr + Display + Copy + PartialEq + std::fmt::Debug>(all: &[T])
    where
        T::Err: std::fmt::Debug + Display,
    {
        for value in all {
            assert_eq!(value.to_string().parse::<T>().ok(), Some(*value));
        }
        assert!("".parse::<T>().is_err());
    }
    names(Algorithm::ALL);
    names(Encoding::ALL);
    names(SecretEncoding::ALL);
    names(TimestampUnit::ALL);
    names(ReplayBy::ALL);
    names(Challenge::ALL);
    let error = "md5".parse::<Algorithm>().unwrap_err().to_string();
    assert_eq!(
        error,
        "`md5` is not one of sha1, sha256, sha384, sha512, ed25519, ecdsa-p256, rsa-sha256"
    );
}
