//! Tests of shaping. Settings are written in lines here: `drop /a`, `truncate /b 5`, `when_larger 100`.

mod hostile;
mod keys;
mod model;
mod properties;
mod removing;
mod replacing;
mod settings;
mod sizes;

use super::*;

/// A key whose pseudonyms were computed with Python's `hmac`.
const KEY: &[u8] = b"0123456789abcdef0123";

fn pattern(text: &str) -> PointerPattern {
    text.parse().unwrap()
}

/// `keep` alone in a line is a `keep` that names nothing.
fn settings(lines: &str) -> ShapeSettings {
    let mut settings = ShapeSettings::default();
    for line in lines.split('\n') {
        let (rule, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match rule {
            "drop" => settings.drop.push(pattern(rest)),
            "keep" => settings.keep.get_or_insert_default().extend(rest.parse()),
            "hash" => settings.hash.push(pattern(rest)),
            "ip_prefix" => settings.ip_prefix.push(pattern(rest)),
            "when_larger" => settings.when_larger = Some(rest.parse().unwrap()),
            "truncate" => {
                let (pointer, length) = rest.rsplit_once(' ').unwrap();
                settings.truncate.push((pattern(pointer), length.parse().unwrap()));
            }
            _ => panic!("{line}"),
        }
    }
    settings.hash_key = Some(HashKey::read(KEY).unwrap());
    settings
}

fn shape(lines: &str) -> Shape {
    Shape::new(settings(lines)).unwrap()
}

fn shaped(lines: &str, body: &str) -> String {
    String::from_utf8(shape(lines).apply(body.as_bytes()).unwrap().body.into_owned()).unwrap()
}

fn refusal(lines: &str, body: &str) -> NotShapeable {
    let refusal = shape(lines).apply(body.as_bytes()).unwrap_err();
    assert!(!refusal.hint().is_empty());
    refusal
}

/// The changes as the access line has them, and how many values each has changed.
fn changes(lines: &str, body: &str) -> Vec<(String, usize)> {
    let shaped = shape(lines).apply(body.as_bytes()).unwrap().changes;
    shaped.iter().map(|change| (change.to_string(), change.count)).collect()
}
