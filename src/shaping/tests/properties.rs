//! What holds for all bodies and all rules.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::IgnoredAny;

use super::model::{Json, expected};
use super::{KEY, pattern};
use crate::shaping::{HashKey, PointerPattern, Shape, ShapeSettings};

const KEYS: &[&str] = &[r#""a""#, r#""\u0061""#, r#""b""#, r#""*""#, r#""0""#, r#""1""#, r#""~""#];
const STEPS: &[&str] = &["/a", "/b", "/*", "/*", "/~2", "/0", "/1", "/~0"];
/// None has a blank, so that blanks can be taken out of a whole body.
const SINGLE: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1.10",
    "1e400",
    "9007199254740993",
    r#""""#,
    r#""abcdef""#,
    r#""\u00e9\/\n\ud83d\udc4bx""#,
    r#""ü\"👋\\""#,
    r#""192.0.2.7""#,
    r#""192.0.2.0""#,
];
const BLANKS: &[&str] = &["", "", " ", "\n", "\t\r\n  "];

fn json() -> impl Strategy<Value = Json> {
    let single = select(SINGLE).prop_map(Json::Single);
    single.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::Array),
            vec((select(KEYS), inner), 0..5).prop_map(Json::Object),
        ]
    })
}

fn pointer() -> impl Strategy<Value = PointerPattern> {
    vec(select(STEPS), 1..4).prop_map(|steps| pattern(&steps.concat()))
}

prop_compose! {
    fn removing()(
        drop in vec(pointer(), 0..3),
        keep in proptest::option::weighted(0.4, vec(pointer(), 1..4)),
    ) -> ShapeSettings {
        ShapeSettings { drop, keep, ..ShapeSettings::default() }
    }
}

prop_compose! {
    fn any_rules()(
        rules in removing(),
        hash in vec(pointer(), 0..2),
        ip_prefix in vec(pointer(), 0..2),
        truncate in vec((pointer(), 0..6_usize), 0..2),
        when_larger in proptest::option::weighted(0.1, 0..40_usize),
    ) -> ShapeSettings {
        let hash_key = Some(HashKey::read(KEY).unwrap());
        ShapeSettings { hash, ip_prefix, truncate, when_larger, hash_key, ..rules }
    }
}

fn written(json: &Json, blanks: &[&'static str]) -> String {
    let mut text = String::new();
    json.write(&mut blanks.iter().copied().cycle(), &mut text);
    text
}

fn without_blanks(body: &[u8]) -> String {
    std::str::from_utf8(body).unwrap().split_ascii_whitespace().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_is_what_the_rules_say_and_the_rest_is_as_it_was_written(
        json in json(),
        settings in any_rules(),
        blanks in vec(select(BLANKS), 1..8),
    ) {
        let Ok(shape) = Shape::new(settings.clone()) else { return Ok(()) };
        let body = written(&json, &blanks);
        let settings = match settings.when_larger {
            Some(limit) if body.len() <= limit => ShapeSettings {
                drop: Vec::new(),
                keep: None,
                truncate: Vec::new(),
                ..settings
            },
            _ => settings,
        };
        prop_assume!(settings.pointers().next().is_some());
        match (shape.apply(body.as_bytes()), expected(&json, &settings)) {
            (Ok(shaped), Ok(expected)) => {
                prop_assert_eq!(without_blanks(&shaped.body), expected.compact());
                prop_assert_eq!(shaped.is_unchanged(), expected.compact() == json.compact());
                prop_assert_eq!(shaped.is_unchanged(), *shaped.body == *body.as_bytes());
            }
            (Err(_), Err(_)) => {}
            (shaped, expected) => prop_assert!(false, "{shaped:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn what_was_removed_once_is_removed_for_good(
        json in json(),
        settings in removing(),
        blanks in vec(select(BLANKS), 1..8),
    ) {
        let Ok(shape) = Shape::new(settings) else { return Ok(()) };
        let body = written(&json, &blanks);
        let Ok(once) = shape.apply(body.as_bytes()) else { return Ok(()) };
        let twice = shape.apply(&once.body).unwrap();
        prop_assert!(twice.is_unchanged());
        prop_assert_eq!(&twice.body, &once.body);
    }

    #[test]
    fn any_body_is_shaped_or_refused(
        json in json(),
        settings in any_rules(),
        at in any::<prop::sample::Index>(),
        damage in "\\PC{0,2}|[\\[\\]{},:\"\\\\ 0-9a-z]{1,3}",
    ) {
        let Ok(shape) = Shape::new(settings) else { return Ok(()) };
        let mut body = json.compact();
        let ends: Vec<_> = body.char_indices().map(|(end, _)| end).chain([body.len()]).collect();
        body.insert_str(*at.get(&ends), &damage);
        if let Ok(shaped) = shape.apply(body.as_bytes()) && !shaped.is_unchanged() {
            prop_assert!(serde_json::from_str::<IgnoredAny>(&body).is_ok());
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&shaped.body).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_shaped_or_refused(body in vec(any::<u8>(), 0..60), settings in any_rules()) {
        let Ok(shape) = Shape::new(settings) else { return Ok(()) };
        let _ = shape.apply(&body);
    }
}
