//! Settings that make no shape.

use super::{pattern, settings};
use crate::shaping::{PointerPattern, Rule, Shape, ShapeError, ShapeSettings};
use crate::signature::PointerError;

fn error(lines: &str) -> ShapeError {
    let error = Shape::new(settings(lines)).unwrap_err();
    assert!(!error.hint().is_empty());
    error
}

fn no_effect(rule: Rule, pointer: &str, other: Rule, by: &str) -> ShapeError {
    ShapeError::NoEffect { rule, pointer: pointer.into(), other, by: by.into() }
}

#[test]
fn a_pointer_is_one_of_rfc_6901() {
    for (text, error) in [
        ("", PointerError::NoSlash),
        ("a", PointerError::NoSlash),
        ("/a~", PointerError::BadEscape),
        ("/a~3", PointerError::BadEscape),
        ("/~~2", PointerError::BadEscape),
        (&"/*".repeat(33), PointerError::TooLong),
    ] {
        assert_eq!(text.parse::<PointerPattern>(), Err(error), "{text}");
    }
    assert_eq!(pattern("/a/*/~2/~02").to_string(), "/a/*/~2/~02");
}

#[test]
fn a_shape_has_a_rule_and_not_too_many() {
    assert_eq!(Shape::new(ShapeSettings::default()).unwrap_err(), ShapeError::NoRule);
    assert_eq!(error("keep"), ShapeError::KeepsNothing);
    let lines =
        |count| (0..count).map(|number| format!("drop /{number}")).collect::<Vec<_>>().join("\n");
    assert_eq!(error(&lines(257)), ShapeError::TooManyPointers(257));
    assert!(Shape::new(settings(&lines(256))).is_ok());
}

#[test]
fn hash_needs_a_key() {
    let without = ShapeSettings { hash_key: None, ..settings("hash /a") };
    assert_eq!(Shape::new(without).unwrap_err(), ShapeError::NoHashKey);
}

#[test]
fn when_larger_needs_something_that_it_switches() {
    assert_eq!(error("hash /a\nip_prefix /b\nwhen_larger 5"), ShapeError::WhenLargerAlone);
}

#[test]
fn a_place_is_in_one_rule() {
    let twice = |first, second| ShapeError::Twice { first, second, pointer: "/a/*".into() };
    assert_eq!(error("drop /a/*\nhash /a/*"), twice(Rule::Drop, Rule::Hash));
    assert_eq!(error("truncate /a/* 1\nip_prefix /a/*"), twice(Rule::IpPrefix, Rule::Truncate));
    assert_eq!(error("keep /a/*\nkeep /a/*"), twice(Rule::Keep, Rule::Keep));
    assert!(Shape::new(settings("keep /a\nhash /a")).is_ok());
}

#[test]
fn a_rule_within_what_another_takes_away_is_refused() {
    for (lines, expected) in [
        ("drop /a\nhash /a/b", no_effect(Rule::Hash, "/a/b", Rule::Drop, "/a")),
        ("drop /a/*\ndrop /a/0", no_effect(Rule::Drop, "/a/0", Rule::Drop, "/a/*")),
        ("drop /a/0\nkeep /a/0", no_effect(Rule::Keep, "/a/0", Rule::Drop, "/a/0")),
        ("hash /a\ndrop /a/b", no_effect(Rule::Drop, "/a/b", Rule::Hash, "/a")),
        ("truncate /a 9\nkeep /a/b", no_effect(Rule::Keep, "/a/b", Rule::Truncate, "/a")),
        ("hash /*\ntruncate /a 9", no_effect(Rule::Truncate, "/a", Rule::Hash, "/*")),
    ] {
        assert_eq!(error(lines), expected, "{lines}");
    }
}

#[test]
fn a_rule_for_what_keep_does_not_leave_is_refused() {
    let not_kept = ShapeError::NotKept { rule: Rule::Hash, pointer: "/b".into() };
    assert_eq!(error("keep /a\nhash /b"), not_kept);
    let parent = ShapeError::NotKept { rule: Rule::Truncate, pointer: "/a/0".into() };
    assert_eq!(error("keep /a/*/x\ntruncate /a/0 5"), parent);
    assert!(Shape::new(settings("keep /a/*/x\ndrop /a/0/x/y")).is_ok());
    assert!(Shape::new(settings("keep /a/0\nhash /a/*/x")).is_ok());
}

#[test]
fn errors_name_rule_and_pointer() {
    let text = error("drop /a\nhash /a/b").to_string();
    assert_eq!(text, "`/a/b` of `hash` has no effect, because `drop` has `/a`");
}
