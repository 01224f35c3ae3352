//! `map` and `required`: how they are written, and what is wrong with them.

use super::super::support::assert_has;
use super::{LISTENER, SECRET, TARGET, target, waiting, with};
use crate::shaping::HashKey;

/// What the mapping with this table makes of an event.
fn mapped(map: &str, event: &str) -> String {
    let target = target(&waiting(map));
    let body = target.mapping.as_ref().unwrap().apply(event.as_bytes()).unwrap();
    String::from_utf8(body.into()).unwrap()
}

#[test]
fn the_fields_come_in_the_order_in_which_they_are_written() {
    let map = r#"map = { z = "/1", a = { from = "/2" }, "/m/k" = "/3", b = { const = [1, { y = 1.5, x = true }] } }"#;
    assert_eq!(
        mapped(map, r#"{"1":"one","2":2,"3":null}"#),
        r#"{"z":"one","a":2,"b":[1,{"y":1.5,"x":true}]}"#
    );
    let section = "\n[relay.target.map]\nz = \"/1\"\n\"/m/k\" = \"/2\"\n[relay.target.map.b]\nfrom = \"/3\"\nlower = true";
    assert_eq!(mapped(section, r#"{"1":1,"2":2,"3":"ABC"}"#), r#"{"z":1,"m":{"k":2},"b":"abc"}"#);
}

#[test]
fn every_function_is_read() {
    let map = r#"map = { a = { from = "/a", as = "unix" }, b = { from = ["/b", "/c"], join = " " },
        c = { from = "/d", truncate = 2 }, d = { from = "/e", default = { x = 1 } }, e = { from = "", as = "string", required = false, default = 0 } }"#;
    let map = map.replace(r#", as = "string", required = false, default = 0"#, "");
    assert_eq!(
        mapped(&map, r#"{"a":"2026-01-31T12:00:00Z","b":"x","c":"y","d":"long"}"#),
        r#"{"a":1769860800,"b":"x y","c":"lo","d":{"x":1},"e":{"a":"2026-01-31T12:00:00Z","b":"x","c":"y","d":"long"}}"#
    );
}

#[test]
fn all_mistakes_are_reported_at_once_with_field_and_pointer() {
    let keys = r#"
        map = { a = "eventName", b = { from = "/b", as = "text" }, c = { form = "/c" }, d = 5,
                e = { from = "/e", hash = "sha256" }, f = { const = 1979-05-27 }, g = { from = "/g/*" },
                h = { from = "/h", truncate = 0 }, i = { from = "/i", hash = "hmac-sha256" } }
        required = ["eventName"]
    "#;
    let problems = waiting(keys).problems();
    assert_has(
        &problems,
        &[
            "10 problems",
            "gate.toml:10: relay.target[1].map\n    `a`, from `eventName`: the pointer is wrong: a JSON pointer begins",
            "`b`: `text` is nothing that a value can become",
            "`c`: `form` is no key of a field\n    hint: did you mean `from`?",
            "`d` is an integer",
            "hint: write a pointer into the event",
            "gate.toml:11: relay.target[1].map\n    `e`: `hash` names no way to make a pseudonym",
            "`f`: a value is nothing that JSON has",
            "`g`, from `/g/*`: ",
            "gate.toml:12: relay.target[1].map\n    `h`, from `/h`: ",
            "`i`, from `/i`: it has `hash`, but there is no key",
            "privacy.hash_key_file",
        ],
    );
}

#[test]
fn a_pseudonym_is_made_with_the_key_of_privacy() {
    let sources = with(&format!(
        "privacy.hash_key_file = \"@secret\"\n{LISTENER}{TARGET}delivery = \"wait\"\nca = \"@ca.pem\"\n\
         map = {{ user = {{ from = \"/user\", hash = \"hmac-sha256\" }} }}"
    ));
    let body =
        target(&sources).mapping.as_ref().unwrap().apply(br#"{"user":"Ann@example.com"}"#).unwrap();
    let pseudonym = HashKey::read(SECRET.as_bytes()).unwrap().pseudonym("ann@example.com");
    assert_eq!(body, format!(r#"{{"user":"{pseudonym}"}}"#));
}

#[test]
fn a_pointer_that_must_be_there_is_checked_too() {
    let problem = waiting("map = { a = \"/a\" }\nrequired = [\"/a\", \"b\"]").problem();
    assert_has(
        &problem,
        &[
            "gate.toml:10: relay.target[1].required | required: `b`: the pointer is wrong: a JSON pointer begins",
        ],
    );
    let problem = waiting("required = [\"/a\"]").problem();
    assert_has(&problem, &["relay.target[1].required | is a part of a mapping", "add map"]);
}

#[test]
fn a_mapping_has_a_field_and_is_a_table() {
    assert_has(
        &waiting("map = { }").problem(),
        &["relay.target[1].map | the mapping: there is no field"],
    );
    let problem = waiting("map = \"/a\"").problem();
    assert_has(
        &problem,
        &["relay.target[1].map | is a string, not a table", "map = { name = \"/eventName\" }"],
    );
}

#[test]
fn a_table_within_the_mapping_is_answered_with_how_it_is_written() {
    let problem = waiting("map = { user = { id = \"/userId\" } }").problem();
    assert_has(&problem, &["`user`: `id` is no key of a field", "\"/user/id\" = \"/userId\""]);
}
