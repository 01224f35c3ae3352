//! JSON that is a message.

use super::*;

#[test]
fn a_message_has_the_bytes_of_the_wire_format() {
    let bytes = claw_event(Unknown::Refuse)
        .message_type()
        .encode(br#"{"eventId":"e-1","userId":300,"source":"SOURCE_CRON"}"#)
        .unwrap();
    // Field 1 as text, field 4 and 5 as varints.
    assert_eq!(&*bytes, b"\x0a\x03e-1\x20\x02\x28\xac\x02");
}

#[test]
fn fields_have_their_name_of_json_or_of_the_schema() {
    let message = claw_event(Unknown::Refuse);
    for name in ["eventName", "event_name"] {
        assert_eq!(round_trip(&message, &format!("{{\"{name}\":\"x\"}}")), r#"{"eventName":"x"}"#);
    }
}

#[test]
fn integers_of_64_bits_survive_as_numbers_and_as_text() {
    let message = claw_event(Unknown::Refuse);
    for written in ["9007199254740993", "\"9007199254740993\"", "-9223372036854775808"] {
        let digits = written.trim_matches('"');
        let expected = format!("{{\"userId\":\"{digits}\"}}");
        assert_eq!(round_trip(&message, &format!("{{\"userId\":{written}}}")), expected);
    }
}

#[test]
fn all_kinds_of_values_arrive() {
    let json = r#"{"timestamp":"2026-01-31T12:00:00.5+01:00","source":3,"invitees":[{"email":"a@b"},{"attended":true}],"labels":{"k":"v"},"properties":{"n":1.5,"list":[1,null,{"a":"b"}]},"summary":"done","raw":"-_8="}"#;
    insta::assert_snapshot!(round_trip(&claw_event(Unknown::Refuse), json), @r#"{"timestamp":"2026-01-31T11:00:00.500Z","source":"SOURCE_WEBHOOK","invitees":[{"email":"a@b"},{"attended":true}],"labels":{"k":"v"},"properties":{"list":[1.0,null,{"a":"b"}],"n":1.5},"summary":"done","raw":"+/8="}"#);
}

#[test]
fn null_is_no_value() {
    assert_eq!(round_trip(&claw_event(Unknown::Refuse), r#"{"eventId":null,"timestamp":null}"#), "{}");
}

#[test]
fn unknown_fields_and_enum_names_are_left_out_where_the_settings_say_so() {
    let json =
        r#"{"eventId":"e-1","other":{"deep":[1]},"source":"SOURCE_NEW","invitees":[{"phone":1}]}"#;
    assert_eq!(round_trip(&claw_event(Unknown::Drop), json), r#"{"eventId":"e-1","invitees":[{}]}"#);
}

#[test]
fn the_example_is_a_message_and_the_fields_are_as_in_the_schema() {
    let message = claw_event(Unknown::Refuse);
    let example = message.message_type().example();
    assert!(message.message_type().encode(example.as_bytes()).is_ok(), "{example}");
    insta::assert_snapshot!(example, @r#"{"eventId":"some eventId","eventName":"some eventName","timestamp":"2026-01-31T12:00:00Z","source":"SOURCE_SKILL","userId":7,"invitees":[{"email":"some email","displayName":"some displayName","attended":true}],"labels":{"key":"some value"},"properties":{"key":"text"},"summary":"some summary","raw":"AQID"}"#);
    insta::assert_snapshot!(message.message_type().fields().join("\n"), @r"
        string event_id = 1
        string event_name = 2
        google.protobuf.Timestamp timestamp = 3
        claw.Source source = 4
        int64 user_id = 5
        repeated claw.Invitee invitees = 6
        map<string, string> labels = 7
        google.protobuf.Struct properties = 8
        string summary = 9
        string error = 10
        bytes raw = 11
        ");
}

#[test]
fn the_example_of_a_message_within_itself_ends() {
    let tree = message("syntax = \"proto3\"; message M { string name = 1; repeated M parts = 2; }");
    insta::assert_snapshot!(tree.message_type().example(), @r#"{"name":"some name","parts":[{"name":"some name","parts":[{"name":"some name"}]}]}"#);
}

#[test]
fn mapped_fields_are_looked_up_in_messages_within_messages() {
    let message = claw_event(Unknown::Drop);
    let check = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        message.message_type().check_field(&names).map_err(|error| error.to_string())
    };
    for names in [
        &["eventId"][..],
        &["timestamp"],
        &["labels", "any"],
        &["properties", "a", "b"],
        &["invitees", "email"],
    ] {
        assert_eq!(check(names), Ok(()));
    }
    assert_eq!(check(&["name"]), Err("`claw.ClawEvent` has no field `name`".to_owned()));
    let inner = check(&["invitees", "mail"]);
    assert_eq!(inner, Err("protobuf field `invitees`: `claw.Invitee` has no field `mail`".to_owned()));
}
