//! JSON that is no message.

use super::*;

/// Errors of the sample schema: JSON, and what is said of it.
#[test]
fn errors_name_the_field_what_is_wrong_and_what_to_do() {
    let message = claw_event(Unknown::Refuse);
    let cases = [
        r#"{"timestamp":1769860800}"#,
        r#"{"timestamp":"yesterday"}"#,
        r#"{"userId":9223372036854775808}"#,
        r#"{"userId":"9223372036854775808"}"#,
        r#"{"userId":1.5}"#,
        r#"{"userId":"seven"}"#,
        r#"{"userId":true}"#,
        r#"{"source":"SOURCE_CRONN"}"#,
        r#"{"source":9999999999}"#,
        r#"{"source":[1]}"#,
        r#"{"raw":"%%%"}"#,
        r#"{"raw":7}"#,
        r#"{"eventNme":"x"}"#,
        r#"{"zebra":"x"}"#,
        r#"{"a b c":"x"}"#,
        r#"{"eventId":7}"#,
        r#"{"invitees":[{"email":"a"},{"email":7}]}"#,
        r#"{"invitees":[{"emial":"a"}]}"#,
        r#"{"invitees":{"email":"a"}}"#,
        r#"{"invitees":["a"]}"#,
        r#"{"invitees":[{"attended":"yes"}]}"#,
        r#"{"labels":{"private key":7}}"#,
        r#"{"labels":["a"]}"#,
        r#"{"properties":"a"}"#,
        r#"{"summary":"a","error":"b"}"#,
        r#"{"eventId":"a","eventId":"b"}"#,
        r#"{"userId":1e400}"#,
        r#"{"eventId":"\ud800"}"#,
        r#"[]"#,
        r#""text""#,
        r#"{"eventId":"#,
        r#"{} {}"#,
        "",
    ];
    let said: Vec<_> =
        cases.iter().map(|json| format!("{json}\n  {}", refused(&message, json))).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
        {"timestamp":1769860800}
          protobuf field `timestamp`: expected RFC 3339, there is a number | a unix number must be mapped with as = "rfc3339" first
        {"timestamp":"yesterday"}
          protobuf field `timestamp`: expected RFC 3339, there is other text | write it as in 2026-01-31T12:00:00Z; as = "rfc3339" in the mapping does that
        {"userId":9223372036854775808}
          protobuf field `userId`: the number does not fit into int64 | use a larger type in the schema, or correct the event
        {"userId":"9223372036854775808"}
          protobuf field `userId`: the number does not fit into int64 | use a larger type in the schema, or correct the event
        {"userId":1.5}
          protobuf field `userId`: the number has a fraction, and int64 has none | use double in the schema, or correct the event
        {"userId":"seven"}
          protobuf field `userId`: the text is no number for int64 | correct the event; as = "integer" in the mapping checks it
        {"userId":true}
          protobuf field `userId`: expected a number, there is true or false | correct the mapping or the event
        {"source":"SOURCE_CRONN"}
          protobuf field `source`: unrecognized enum value | the schema has `SOURCE_UNSPECIFIED`, `SOURCE_SKILL`, `SOURCE_CRON`, `SOURCE_WEBHOOK`
        {"source":9999999999}
          protobuf field `source`: the number does not fit into an enum | use a larger type in the schema, or correct the event
        {"source":[1]}
          protobuf field `source`: expected the name of an enum value, there is an array | correct the mapping or the event
        {"raw":"%%%"}
          protobuf field `raw`: invalid base64 | send the bytes in base64 or base64url
        {"raw":7}
          protobuf field `raw`: expected bytes in base64, there is a number | correct the mapping or the event
        {"eventNme":"x"}
          `claw.ClawEvent` has no field `eventNme` | did you mean `eventName`?
        {"zebra":"x"}
          `claw.ClawEvent` has no field `zebra` | map the fields that the message has, or set unknown = "drop"
        {"a b c":"x"}
          `claw.ClawEvent` has no field of this name | map the fields that the message has, or set unknown = "drop"
        {"eventId":7}
          protobuf field `eventId`: expected text, there is a number | map it with as = "string"
        {"invitees":[{"email":"a"},{"email":7}]}
          protobuf field `invitees[1].email`: expected text, there is a number | map it with as = "string"
        {"invitees":[{"emial":"a"}]}
          protobuf field `invitees[0]`: `claw.Invitee` has no field `emial` | did you mean `email`?
        {"invitees":{"email":"a"}}
          protobuf field `invitees`: expected an array, there is an object | correct the mapping or the event
        {"invitees":["a"]}
          protobuf field `invitees[0]`: expected an object, there is text | correct the mapping or the event
        {"invitees":[{"attended":"yes"}]}
          protobuf field `invitees[0].attended`: expected true or false, there is text | map it with as = "boolean"
        {"labels":{"private key":7}}
          protobuf field `labels[…]`: expected text, there is a number | map it with as = "string"
        {"labels":["a"]}
          protobuf field `labels`: expected an object, there is an array | correct the mapping or the event
        {"properties":"a"}
          protobuf field `properties`: expected an object, there is text | correct the mapping or the event
        {"summary":"a","error":"b"}
          there are two fields of the oneof `outcome` | map one of them
        {"eventId":"a","eventId":"b"}
          a name is there twice | two parsers could read that differently: look at what sent the event
        {"userId":1e400}
          there is a number that is too large, or text that is not Unicode | send the number as text, or correct what sends the event
        {"eventId":"\ud800"}
          there is a number that is too large, or text that is not Unicode | send the number as text, or correct what sends the event
        []
          expected an object, there is an array | correct the mapping or the event
        "text"
          expected an object, there is text | correct the mapping or the event
        {"eventId":
          the body is not JSON | have the caller send JSON, uncompressed
        {} {}
          the body is not JSON | have the caller send JSON, uncompressed

          the body is not JSON | have the caller send JSON, uncompressed
        "#);
}

#[test]
fn errors_quote_no_value_of_the_event() {
    let message = claw_event(Unknown::Refuse);
    for json in [
        r#"{"timestamp":"s3cret"}"#,
        r#"{"userId":"s3cret"}"#,
        r#"{"source":"s3cret"}"#,
        r#"{"raw":"s3cret!"}"#,
        r#"{"labels":{"s3cret":7}}"#,
        r#"{"labels":{"s3cret":{"x":"s3cret"}}}"#,
        r#"{"invitees":"s3cret"}"#,
        r#"{"s3cret word":1}"#,
    ] {
        let said = refused(&message, json);
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_required_field_of_proto2_that_is_missing_is_named() {
    let schema = "syntax = \"proto2\"; message M { required string id = 1; repeated M parts = 2; }";
    let message = message(schema);
    assert_eq!(round_trip(&message, r#"{"id":"a"}"#), r#"{"id":"a"}"#);
    let said = refused(&message, r#"{"id":"a","parts":[{"id":"b"},{}]}"#);
    insta::assert_snapshot!(said, @"protobuf field `parts[1].id`: missing, and the schema says that it is required | map it, with required = true or a default");
}

#[test]
fn keys_of_maps_that_do_not_fit_are_refused() {
    let message = message("syntax = \"proto3\"; message M { map<int32, string> names = 1; }");
    insta::assert_snapshot!(refused(&message, r#"{"names":{"one":"a"}}"#), @"protobuf field `names`: a key of the map is no int32 | correct the event, or use map<string, …> in the schema");
}

#[test]
fn wrapped_values_and_durations_are_explained_too() {
    let schema = "syntax = \"proto3\"; import \"google/protobuf/wrappers.proto\"; import \"google/protobuf/duration.proto\"; \
                  message M { google.protobuf.Int32Value n = 1; google.protobuf.Duration d = 2; }";
    let message = message(schema);
    assert_eq!(round_trip(&message, r#"{"n":7,"d":"1.5s"}"#), r#"{"n":7,"d":"1.500s"}"#);
    insta::assert_snapshot!(refused(&message, r#"{"n":"x"}"#), @r#"protobuf field `n`: the text is no number for int32 | correct the event; as = "integer" in the mapping checks it"#);
    insta::assert_snapshot!(refused(&message, r#"{"d":90}"#), @r#"protobuf field `d`: expected a duration, there is a number | write seconds with an s, as in "1.5s""#);
}

#[test]
fn deep_json_is_refused_before_a_message_is_made() {
    let message = claw_event(Unknown::Drop);
    for place in ["properties", "unknown"] {
        let nested = |levels: usize| {
            format!("{{\"{place}\":{}7{}}}", "{\"a\":".repeat(levels), "}".repeat(levels))
        };
        assert!(message.message_type().encode(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        for levels in [MAX_DEPTH, 100, 1_000, 50_000] {
            let error = message.message_type().encode(nested(levels).as_bytes()).unwrap_err();
            assert_eq!(error.fault, Fault::TooDeep);
        }
    }
}

#[test]
fn json_with_too_many_values_is_refused_before_a_message_is_made() {
    let message = claw_event(Unknown::Drop);
    let with = |count: usize| format!("{{\"properties\":{{\"a\":[{}]}}}}", vec!["0"; count].join(","));
    // Two objects and the array are values, too.
    assert!(message.message_type().encode(with(MAX_VALUES - 3).as_bytes()).is_ok());
    let error = message.message_type().encode(with(MAX_VALUES - 2).as_bytes()).unwrap_err();
    assert_eq!(error.fault, Fault::TooManyValues);
}
