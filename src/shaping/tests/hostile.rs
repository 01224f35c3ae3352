//! Bodies that were made to cost much, or to mean two things.

use std::time::{Duration, Instant};

use super::{refusal, shape, shaped};
use crate::shaping::{Kind, NotShapeable};

const MIB: usize = 1024 * 1024;

#[test]
fn a_key_that_is_twice_on_the_way_of_a_pointer_is_refused() {
    let twice = |pointer: &str| NotShapeable::DuplicateKey(pointer.into());
    assert_eq!(refusal("drop /a", r#"{"a":1,"b":2,"a":3}"#), twice("/a"));
    assert_eq!(refusal("drop /a", r#"{"a":1,"\u0061":3}"#), twice("/a"));
    assert_eq!(refusal("drop /a/b", r#"{"a":{"b":1},"a":{"c":2}}"#), twice("/a/b"));
    assert_eq!(refusal("drop /*/b", r#"{"x":1,"x":2}"#), twice("/*/b"));
    assert_eq!(refusal("keep /a", r#"{"a":1,"a":3}"#), twice("/a"));
    assert_eq!(refusal("truncate /a 9", r#"{"a":"b","a":"c"}"#), twice("/a"));
}

#[test]
fn a_key_that_is_twice_beside_the_way_stays_as_it_is() {
    let body = r#"{"b":1,"b":2,"c":{"a":1,"a":2},"a":{"x":1,"x":2}}"#;
    assert_eq!(shaped("drop /a", body), r#"{"b":1,"b":2,"c":{"a":1,"a":2}}"#);
}

#[test]
fn a_key_with_half_of_a_surrogate_pair_is_refused_where_keys_are_compared() {
    assert_eq!(refusal("drop /a/b", r#"{"x\ud800":1}"#), NotShapeable::KeyNotUnicode);
    let beside = r#"{"x":{"\ud800":"\udc00"}}"#;
    assert_eq!(shaped("drop /a/b", beside), beside);
    assert_eq!(shaped("keep /x", beside), beside);
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for body in [
        "a=b",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "['a']",
        "[1]x",
        "[01]",
        "[.5]",
        "[NaN]",
        "[\"\\x\"]",
        "[\"\t\"]",
        "\u{feff}{}",
        "[1] [2]",
        "// c\n[]",
        "[\"\\ud8\"]",
        "[tru]",
        "\0",
        "[1}",
    ] {
        let wrong = refusal("drop /0/a", body);
        assert!(matches!(wrong, NotShapeable::NotJson { .. }), "{body}: {wrong}");
    }
    assert_eq!(refusal("drop /a", "{\n\"a\": x}"), NotShapeable::NotJson { line: 2, column: 6 });
    let not_utf8 = shape("drop /a").apply(b"{\"b\":\"\xff\"}").unwrap_err();
    assert_eq!(not_utf8, NotShapeable::NotUtf8(6));
}

#[test]
fn a_document_without_members_and_items_is_refused() {
    for (body, kind) in [
        (r#""{\"a\":1}""#, Kind::String),
        ("12", Kind::Number),
        ("null", Kind::Null),
        (" true ", Kind::Boolean),
    ] {
        assert_eq!(refusal("drop /a", body), NotShapeable::NotContainer(kind));
    }
}

#[test]
fn refusals_quote_nothing_of_the_body() {
    let bodies = [
        r#"{"s3cret":1,"s3cret":2}"#,
        r#"{"x":["s3cret"]}"#,
        r#"{"s3cret\ud800":1}"#,
        r#"{"z":{"y":"s3cret\ud800"}}"#,
        "s3cret",
        r#""s3cret""#,
    ];
    for body in bodies {
        let wrong = refusal("truncate /x 3\nhash /*/y", body);
        assert!(!format!("{wrong} {wrong:?}").contains("s3cret"), "{wrong}");
    }
}

/// All of these take milliseconds with optimisation. The limit is for slow machines, and still finds what is quadratic.
fn in_time<T>(f: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = f();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    result
}

#[test]
fn a_mebibyte_of_brackets_uses_neither_stack_nor_time() {
    let steps = format!("drop {}", "/*".repeat(32));
    let open = "[".repeat(MIB);
    let closed = "[".repeat(MIB / 2) + &"]".repeat(MIB / 2);
    let objects = "{\"a\":".repeat(MIB / 10) + "1" + &"}".repeat(MIB / 10);
    in_time(|| {
        assert!(matches!(refusal(&steps, &open), NotShapeable::NotJson { .. }));
        assert_eq!(shaped(&steps, &closed).len(), 64);
        assert_eq!(shaped(&steps, &objects).len(), 31 * 6 + 2);
        assert_eq!(shaped("drop /a/a", &objects), r#"{"a":{}}"#);
    });
}

#[test]
fn many_keys_and_items_cost_what_they_weigh() {
    let members: Vec<_> = (0..100_000).map(|number| format!(r#""k{number}":{{"x":1}}"#)).collect();
    let object = format!("{{{}}}", members.join(","));
    let array = format!("[{}]", vec!["1"; 500_000].join(","));
    in_time(|| {
        assert_eq!(shaped("drop /*/x", &object).len(), object.len() - 100_000 * 5);
        assert_eq!(shaped("keep /k99999", &object), r#"{"k99999":{"x":1}}"#);
        assert_eq!(shaped("drop /*", &object), "{}");
        assert_eq!(shaped("drop /*", &array), "[]");
        assert_eq!(shaped("keep /499999", &array).len(), 500_000 * 5 - 2);
    });
}

#[test]
fn many_pointers_cost_little_for_each_key() {
    let lines: Vec<_> = (0..256).map(|number| format!("drop /*/x{number}")).collect();
    let members: Vec<_> = (0..100_000).map(|number| format!(r#""x{number}":0"#)).collect();
    let body = format!("[{{{}}}]", members.join(","));
    let shaped = in_time(|| shaped(&lines.join("\n"), &body));
    assert!(shaped.starts_with(r#"[{"x256":0,"#), "{}", &shaped[..20]);
}

#[test]
fn long_strings_of_escapes_are_read_once() {
    let escapes = r"\u00e9".repeat(MIB / 6);
    let body = format!(r#"{{"a":"{escapes}","{escapes}":1}}"#);
    in_time(|| {
        assert_eq!(shaped("truncate /a 2\nkeep /a", &body), r#"{"a":"\u00e9\u00e9"}"#);
        assert!(shaped("hash /a\nkeep /a", &body).len() < 50);
        assert_eq!(shaped("truncate /a 1000000", &body), body);
    });
}
