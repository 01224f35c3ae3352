use super::*;

#[test]
fn the_articles_event_is_mapped_and_the_rest_is_dropped() {
    let fields = [
        ("name", field("/eventName")),
        ("properties", field("/properties")),
        ("user_id", Field { hash: true, ..field("/userId") }),
        ("timestamp", converted("/timestamp", As::Rfc3339)),
        ("source", constant("openclaw")),
    ];
    let source = r#"{"eventName":"signup","userId":"u-1","secret":"s","properties":{"plan": "pro"},"timestamp":1770000000}"#;

    assert_eq!(
        apply(&fields, source).unwrap(),
        r#"{"name":"signup","properties":{"plan": "pro"},"user_id":"p:u-1","timestamp":"2026-02-02T02:40:00Z","source":"openclaw"}"#
    );
}

#[test]
fn what_no_function_changes_is_copied_byte_for_byte() {
    for value in [
        "9223372036854775807",
        "18446744073709551616",
        "1e400",
        "-0",
        "1.10",
        r#""\u00e9\/ü""#,
        r#""\ud800""#,
        "[ 1 , {\"b\": 1, \"b\": 2} ]",
        "{}",
        "true",
    ] {
        assert_eq!(value_of(field("/v"), value), Ok(Some(value.to_owned())));
    }
}

#[test]
fn pointers_lead_through_objects_and_arrays() {
    let source = r#"{"a":[{"b":1},{"b~/":[10,20]}],"":{"0":"zero"},"\u0061b":true}"#;
    for (pointer, wanted) in [
        ("/a/0/b", "{\"x\":1}"),
        ("/a/1/b~0~1/1", "{\"x\":20}"),
        ("//0", "{\"x\":\"zero\"}"),
        ("/ab", "{\"x\":true}"),
        ("/a/00/b", "{}"),
        ("/a/2", "{}"),
        ("/a/-", "{}"),
        ("/a/0/b/c", "{}"),
        ("/a", "{\"x\":[{\"b\":1},{\"b~/\":[10,20]}]}"),
    ] {
        assert_eq!(apply(&[("x", field(pointer))], source).unwrap(), wanted, "{pointer}");
    }
}

#[test]
fn the_empty_pointer_is_the_whole_source() {
    let fields = [("event", field("")), ("id", field("/id"))];
    assert_eq!(apply(&fields, " {\"id\": 7} ").unwrap(), r#"{"event":{"id": 7},"id":7}"#);
    assert_eq!(apply(&fields[..1], "[1]").unwrap(), r#"{"event":[1]}"#);
}

#[test]
fn one_value_may_be_sent_in_several_fields() {
    let fields = [("a", field("/v")), ("b", converted("/v", As::String)), ("c", field("/v/w"))];
    assert_eq!(apply(&fields, r#"{"v":1}"#).unwrap(), r#"{"a":1,"b":"1"}"#);
}

#[test]
fn a_pointer_in_the_name_makes_objects_and_dots_make_none() {
    let fields = [
        ("/user/id", field("/id")),
        ("user.name", field("/name")),
        ("/user/contact/mail~1main", field("/mail")),
        ("/flags/a", field("/none")),
        ("/flags/b/c", field("/none")),
    ];
    let source = r#"{"id":1,"name":"n","mail":"m"}"#;

    assert_eq!(
        apply(&fields, source).unwrap(),
        r#"{"user":{"id":1,"contact":{"mail/main":"m"}},"user.name":"n"}"#
    );
    assert_eq!(apply(&fields, "{}").unwrap(), "{}");
    assert_eq!(apply(&fields, r#"{"name":{}}"#).unwrap(), r#"{"user.name":{}}"#);
}

#[test]
fn fields_of_different_objects_may_be_mixed() {
    let fields =
        [("/a/x", field("/v")), ("/b/x", field("/v")), ("/a/y/z", field("/v")), ("/b/y", field("/v"))];
    assert_eq!(apply(&fields, r#"{"v":1}"#).unwrap(), r#"{"a":{"x":1,"y":{"z":1}},"b":{"x":1,"y":1}}"#);
}

#[test]
fn a_field_without_a_value_gets_its_default_or_is_not_sent_or_is_missed() {
    let default = Field { default: Some(serde_json::json!({"a": [1.5, "x"]})), ..field("/v") };
    let required = Field { required: true, ..field("/v") };
    for source in ["{}", r#"{"v":null}"#, "[]", "7", "null"] {
        assert_eq!(apply(&[("x", field("/v"))], source).unwrap(), "{}", "{source}");
        assert_eq!(apply(&[("x", default.clone())], source).unwrap(), r#"{"x":{"a":[1.5,"x"]}}"#);
        let error = apply(&[("x", required.clone())], source).unwrap_err();
        assert_eq!(error.to_string(), "`x`, from `/v`: the source has no value there");
    }
    assert_eq!(apply(&[("x", required)], r#"{"v":false}"#).unwrap(), r#"{"x":false}"#);
    assert_eq!(apply(&[("x", default)], r#"{"v":false}"#).unwrap(), r#"{"x":false}"#);
}

#[test]
fn what_is_required_need_not_be_sent() {
    let settings =
        MappingSettings { required: vec!["/id".into()], ..settings_of(&[("x", constant(1))]) };
    let mapping = Mapping::new(settings, None).unwrap();

    assert_eq!(mapping.apply(b"{\"id\":0}").unwrap(), "{\"x\":1}");
    let error = mapping.apply(b"{}").unwrap_err();
    assert_eq!(error.to_string(), "required: `/id`: the source has no value there");
}

#[test]
fn a_default_and_a_constant_are_sent_as_they_are_written() {
    let default = Field { default: Some("Nobody".into()), lower: true, hash: true, ..field("/v") };
    assert_eq!(apply(&[("x", default)], "{}").unwrap(), r#"{"x":"Nobody"}"#);
    assert_eq!(apply(&[("\"é", constant("a\"\n"))], "{}").unwrap(), "{\"\\\"é\":\"a\\\"\\n\"}");
}
