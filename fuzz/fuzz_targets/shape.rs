//! Shaping whatever a body has: what comes out is JSON, has nothing of what is dropped, and is not changed by a second time.
#![no_main]

use clawgate::shaping::{HashKey, PointerPattern, Shape, ShapeSettings};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|input: (Vec<(u8, &str)>, &[u8])| {
    let (rules, body) = input;
    let hash_key = HashKey::read(b"0123456789abcdef").ok();
    let mut settings = ShapeSettings { hash_key, ..ShapeSettings::default() };
    for (rule, text) in rules {
        let Ok(pattern) = text.parse::<PointerPattern>() else { return };
        assert_eq!(pattern.to_string(), text);
        match rule % 8 {
            0 => settings.hash.push(pattern),
            1 => settings.ip_prefix.push(pattern),
            2 => settings.truncate.push((pattern, usize::from(rule / 8))),
            3 | 4 => settings.keep.get_or_insert_default().push(pattern),
            _ => settings.drop.push(pattern),
        }
    }
    let removes_only =
        settings.hash.is_empty() && settings.ip_prefix.is_empty() && settings.truncate.is_empty();
    let dropped: Vec<_> = settings.drop.iter().map(ToString::to_string).collect();
    let Ok(shape) = Shape::new(settings) else { return };
    let Ok(once) = shape.apply(body) else { return };
    assert_eq!(once.is_unchanged(), *once.body == *body);
    if body.is_empty() {
        return;
    }
    assert!(serde_json::from_slice::<&RawValue>(body).is_ok());
    assert!(serde_json::from_slice::<&RawValue>(&once.body).is_ok());
    if removes_only {
        assert!(shape.apply(&once.body).unwrap().is_unchanged());
    }
    // A full parser refuses more: half of a surrogate pair, a number that no float can hold, 128 levels.
    let Ok(parsed) = serde_json::from_slice::<Value>(&once.body) else { return };
    for pointer in dropped.iter().filter(|pointer| !pointer.contains('*') && !pointer.contains("~2")) {
        assert!(parsed.pointer(pointer).is_none_or(Value::is_null), "{pointer} is there");
    }
});
