//! For any JSON.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};

use super::*;

/// Names that the sample schema has, and others.
fn name() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 14] = [
        "eventId",
        "event_name",
        "timestamp",
        "source",
        "userId",
        "invitees",
        "labels",
        "properties",
        "summary",
        "error",
        "raw",
        "email",
        "attended",
        "@type",
    ];
    prop_oneof![4 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn scalar() -> impl Strategy<Value = Value> {
    const TEXT: [&str; 7] =
        ["2026-01-31T12:00:00Z", "SOURCE_CRON", "AQI=", "-7", "1e400", "NaN", "9223372036854775808"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| Number::from_f64(float).map_or(Value::Null, Value::Number)),
        prop::sample::select(&TEXT[..]).prop_map(Value::from),
        ".{0,16}".prop_map(Value::from),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..8)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::vec((name(), json()), 0..6)
        .prop_map(|fields| Value::Object(Map::from_iter(fields)))
}

thread_local! {
    static MESSAGES: [Protobuf; 2] = [claw_event(Unknown::Refuse), claw_event(Unknown::Drop)];
}

/// Makes a message if that is possible, and then of its JSON the same message; else an error with all its words.
fn check(json: &[u8]) -> Result<(), TestCaseError> {
    MESSAGES.with(|messages| {
        for message in messages.iter().map(Protobuf::message_type) {
            match message.encode(json) {
                Ok(bytes) => {
                    let json = message.decode(&bytes);
                    let again = json.as_ref().and_then(|json| message.encode(json.as_bytes()).ok());
                    let again = again.and_then(|again| message.decode(&again));
                    // The entries of a map come in any order.
                    prop_assert_eq!(value(json.as_deref())?, value(again.as_deref())?);
                }
                Err(error) => {
                    prop_assert!(!error.to_string().is_empty() && !error.fault.hint().is_empty());
                }
            }
        }
        Ok(())
    })
}

fn value(json: Option<&str>) -> Result<Value, TestCaseError> {
    let value = json.and_then(|json| serde_json::from_str(json).ok());
    value.ok_or_else(|| TestCaseError::fail("a message without JSON"))
}

proptest! {
    #[test]
    fn any_json_becomes_a_message_that_can_be_read_again_or_an_error(json in object()) {
        check(json.to_string().as_bytes())?;
    }

    #[test]
    fn what_is_no_object_is_an_error(json in json()) {
        check(json.to_string().as_bytes())?;
    }

    #[test]
    fn bytes_that_are_no_json_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        check(&bytes)?;
    }
}
