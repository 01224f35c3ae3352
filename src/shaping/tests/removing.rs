//! `drop` and `keep`.

use super::{changes, refusal, shape, shaped};
use crate::shaping::NotShapeable;

#[test]
fn a_dropped_member_goes_with_one_comma_wherever_it_is() {
    let body = r#"{"a":1,"b":2,"c":3}"#;
    assert_eq!(shaped("drop /a", body), r#"{"b":2,"c":3}"#);
    assert_eq!(shaped("drop /b", body), r#"{"a":1,"c":3}"#);
    assert_eq!(shaped("drop /c", body), r#"{"a":1,"b":2}"#);
    assert_eq!(shaped("drop /a\ndrop /b", body), r#"{"c":3}"#);
    assert_eq!(shaped("drop /a\ndrop /c", body), r#"{"b":2}"#);
    assert_eq!(shaped("drop /b\ndrop /c", body), r#"{"a":1}"#);
    assert_eq!(shaped("drop /a\ndrop /b\ndrop /c", body), "{}");
    assert_eq!(shaped("drop /*", body), "{}");
}

#[test]
fn the_layout_of_what_stays_is_not_touched() {
    let body = " {\n  \"id\" : 1.50 ,\n  \"text\" : [ 1,\t2 ] ,\n  \"last\" : \"\\u00fc\\/\"\n}\r\n";
    assert_eq!(shaped("drop /text", body), " {\n  \"id\" : 1.50 ,\n  \"last\" : \"\\u00fc\\/\"\n}\r\n");
    assert_eq!(
        shaped("drop /id", body),
        " {\n  \"text\" : [ 1,\t2 ] ,\n  \"last\" : \"\\u00fc\\/\"\n}\r\n"
    );
    assert_eq!(shaped("drop /last", body), " {\n  \"id\" : 1.50 ,\n  \"text\" : [ 1,\t2 ]\n}\r\n");
}

#[test]
fn numbers_survive_that_no_64_bit_float_can_hold() {
    let numbers = "[9007199254740993,18446744073709551616,1e400,-0,-0.0,1.10,1E+2,0.1e-999]";
    let body = format!(r#"{{"n":{numbers},"x":0}}"#);
    assert_eq!(shaped("drop /x", &body), format!(r#"{{"n":{numbers}}}"#));
}

#[test]
fn a_star_is_every_item_of_an_array_and_every_member_of_an_object() {
    let list = r#"{"people":[{"name":"A","email":"a"},{"email":"b"},7,{"name":"C"}]}"#;
    assert_eq!(shaped("drop /people/*/email", list), r#"{"people":[{"name":"A"},{},7,{"name":"C"}]}"#);
    let map = r#"{"people":{"u1":{"name":"A","email":"a"},"u2":{"email":"b"}}}"#;
    assert_eq!(shaped("drop /people/*/email", map), r#"{"people":{"u1":{"name":"A"},"u2":{}}}"#);
    assert_eq!(shaped("drop /people/*", list), r#"{"people":[]}"#);
}

#[test]
fn a_key_that_is_a_star_is_written_with_an_escape() {
    let body = r#"{"*":1,"a*b":2,"~2":3,"c/d":4,"e":5}"#;
    assert_eq!(shaped("drop /~2", body), r#"{"a*b":2,"~2":3,"c/d":4,"e":5}"#);
    assert_eq!(shaped("drop /a*b", body), r#"{"*":1,"~2":3,"c/d":4,"e":5}"#);
    assert_eq!(shaped("drop /a~2b", body), r#"{"*":1,"~2":3,"c/d":4,"e":5}"#);
    assert_eq!(shaped("drop /~02", body), r#"{"*":1,"a*b":2,"c/d":4,"e":5}"#);
    assert_eq!(shaped("drop /c~1d", body), r#"{"*":1,"a*b":2,"~2":3,"e":5}"#);
}

#[test]
fn a_key_is_found_however_it_is_escaped() {
    assert_eq!(shaped("drop /text", r#"{"te\u0078t":1,"b":2}"#), r#"{"b":2}"#);
    assert_eq!(shaped("drop /a~1b", r#"{"a\/b":1,"b":2}"#), r#"{"b":2}"#);
    assert_eq!(shaped("drop /ü", r#"{"\u00FC":1,"b":2}"#), r#"{"b":2}"#);
}

#[test]
fn a_dropped_item_with_a_number_becomes_null_so_that_the_others_keep_theirs() {
    let body = r#"{"a":["x","y","z"]}"#;
    let once = shaped("drop /a/1", body);
    assert_eq!(once, r#"{"a":["x",null,"z"]}"#);
    assert_eq!(shaped("drop /a/1", &once), once);
    assert_eq!(changes("drop /a/1", &once), []);
}

#[test]
fn a_number_with_a_leading_zero_names_a_member_only() {
    assert_eq!(shaped("drop /a/01", r#"{"a":["x","y"]}"#), r#"{"a":["x","y"]}"#);
    assert_eq!(shaped("drop /a/01", r#"{"a":{"01":0,"1":1}}"#), r#"{"a":{"1":1}}"#);
    assert_eq!(shaped("drop /a/1", r#"{"a":{"01":0,"1":1}}"#), r#"{"a":{"01":0}}"#);
}

#[test]
fn keep_leaves_what_it_names_and_the_way_to_it() {
    let body = r#"{"id":"e1","user":{"id":7,"name":"Ada","tags":["x"]},"text":"…","n":null}"#;
    assert_eq!(shaped("keep /id\nkeep /user/id", body), r#"{"id":"e1","user":{"id":7}}"#);
    assert_eq!(shaped("keep /user", body), r#"{"user":{"id":7,"name":"Ada","tags":["x"]}}"#);
    assert_eq!(shaped("keep /user/missing", body), r#"{"user":{}}"#);
    assert_eq!(shaped("keep /n", body), r#"{"n":null}"#);
}

#[test]
fn keep_does_not_leave_a_value_where_it_names_a_part_of_one() {
    assert_eq!(shaped("keep /user/id", r#"{"user":"Ada, born 1815"}"#), "{}");
    assert_eq!(
        shaped("keep /users/*/id", r#"{"users":["Ada",{"id":1,"x":2},[3]]}"#),
        r#"{"users":[{"id":1},[]]}"#
    );
}

#[test]
fn keep_leaves_items_at_their_place_as_far_as_a_number_names_one() {
    let body = r#"{"a":["x","y","z"]}"#;
    assert_eq!(shaped("keep /a/0", body), r#"{"a":["x"]}"#);
    assert_eq!(shaped("keep /a/1", body), r#"{"a":[null,"y"]}"#);
    assert_eq!(shaped("keep /a/1", r#"{"a":[null,"y"]}"#), r#"{"a":[null,"y"]}"#);
}

#[test]
fn drop_takes_away_from_what_keep_leaves() {
    let body = r#"{"user":{"id":7,"email":"a"},"text":"…"}"#;
    assert_eq!(shaped("keep /user\ndrop /user/email", body), r#"{"user":{"id":7}}"#);
}

#[test]
fn a_document_that_is_an_array_is_shaped_too() {
    assert_eq!(shaped("drop /*/b", r#"[{"a":1,"b":2},{"b":3}]"#), r#"[{"a":1},{}]"#);
    assert_eq!(shaped("keep /*/a", r#"[{"a":1,"b":2},5,{"b":3}]"#), r#"[{"a":1},{}]"#);
}

#[test]
fn a_body_without_anything_to_remove_is_the_same_memory() {
    let body = br#" {"a" : 1} "#;
    let shape = shape("drop /b\ndrop /a/b/c");
    let shaped = shape.apply(body).unwrap();
    assert!(shaped.is_unchanged());
    assert!(matches!(shaped.body, std::borrow::Cow::Borrowed(same) if std::ptr::eq(same, body)));
}

#[test]
fn an_empty_body_stays_empty() {
    assert!(shape("keep /a").apply(b"").unwrap().is_unchanged());
    assert!(matches!(refusal("keep /a", " "), NotShapeable::NotJson { .. }));
}

#[test]
fn changes_say_what_had_an_effect_in_the_words_of_the_settings() {
    let rules = "drop /people/*/email\ndrop /people/absent\ndrop /text/x/y\nkeep /people\nkeep /text/x";
    let body = r#"{"text":{"x":{"y":1},"secret":2},"people":[{"email":1},{"email":2}],"other":3}"#;
    assert_eq!(
        changes(rules, body),
        [("drop /people/*/email".into(), 2), ("drop /text/x/y".into(), 1), ("keep".into(), 2)]
    );
}
