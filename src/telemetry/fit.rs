//! Limits the length of log lines, whatever certificates and requests contain.

use serde_json::{Map, Value};

/// The longest record of an event with values from a client, in bytes of JSON. With time, level and name the line is
/// shorter than 4 KiB.
const MAX_RECORD: usize = 3900;

/// Fields that are never shortened: their length is limited already.
const WHOLE: [&str; 8] =
    ["id", "peer", "proxy", "reason", "limit", "status", "fingerprint_sha256", "trace_id"];
/// Fields that are shortened last, because they explain what happened.
const EXPLAINING: [&str; 2] = ["detail", "hint"];

/// How much of each value remains.
#[derive(Clone, Copy)]
struct Step {
    /// Items of a list.
    items: usize,
    /// Bytes of a text.
    text: usize,
    /// Bytes of `detail` and `hint`.
    explaining: usize,
}

/// The steps are tried in this order until the record fits.
const STEPS: [Step; 5] = [
    Step { items: 32, text: 512, explaining: 2048 },
    Step { items: 12, text: 256, explaining: 1536 },
    Step { items: 6, text: 128, explaining: 1024 },
    Step { items: 3, text: 64, explaining: 640 },
    Step { items: 1, text: 24, explaining: 320 },
];

/// Shortens `json`, an object, if it is too long. A mark shows how much is missing: `…(+12 more)`, `…(+345 bytes)`.
pub(super) fn fit(json: &mut Vec<u8>) {
    if json.len() <= MAX_RECORD {
        return;
    }
    let Ok(record) = serde_json::from_slice::<Map<String, Value>>(json) else { return };
    let mut last = Map::new();
    for step in STEPS {
        last.clone_from(&record);
        cut_fields(&mut last, step);
        if written(&last, json) {
            return;
        }
    }
    // There are too many fields. Only the important ones remain.
    last.retain(|name, _| WHOLE.contains(&name.as_str()) || EXPLAINING.contains(&name.as_str()));
    written(&last, json);
}

/// Writes `record` into `json`. Returns whether it fits.
fn written(record: &Map<String, Value>, json: &mut Vec<u8>) -> bool {
    json.clear();
    // This cannot fail: the values were parsed from JSON, and a Vec takes all bytes.
    let _ = serde_json::to_writer(&mut *json, record);
    json.len() <= MAX_RECORD
}

fn cut_fields(fields: &mut Map<String, Value>, step: Step) {
    for (name, value) in fields.iter_mut() {
        if !WHOLE.contains(&name.as_str()) {
            let text = if EXPLAINING.contains(&name.as_str()) { step.explaining } else { step.text };
            cut(value, Step { text, ..step });
        }
    }
}

fn cut(value: &mut Value, step: Step) {
    match value {
        Value::Object(fields) => cut_fields(fields, step),
        Value::Array(items) => {
            cut_items(items, step.items);
            items.iter_mut().for_each(|item| cut(item, step));
        }
        Value::String(text) => cut_text(text, step.text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn cut_items(items: &mut Vec<Value>, most: usize) {
    // An earlier step may have shortened the list.
    let mark = items.last().and_then(Value::as_str).and_then(left_out);
    let before = mark.map_or(0, |(_, count)| count);
    if mark.is_some() {
        items.pop();
    }
    let more = items.len().saturating_sub(most) + before;
    items.truncate(most);
    if more > 0 {
        items.push(Value::String(format!("…(+{more} more)")));
    }
}

fn cut_text(text: &mut String, most: usize) {
    if text.len() <= most {
        return;
    }
    // An earlier step may have shortened the text, too.
    let (length, before) = left_out(text).unwrap_or((text.len(), 0));
    let end = text.floor_char_boundary(most.min(length));
    let more = length - end + before;
    text.truncate(end);
    if more > 0 {
        text.push_str(&format!("…(+{more} bytes)"));
    }
}

/// Where the mark of missing text begins, if `text` ends in one, and how much is missing.
fn left_out(text: &str) -> Option<(usize, usize)> {
    let at = text.rfind("…(+")?;
    let (count, _unit) = text[at..].strip_prefix("…(+")?.strip_suffix(')')?.split_once(' ')?;
    Some((at, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fitted(record: &Value) -> Value {
        let mut json = serde_json::to_vec(record).unwrap();
        fit(&mut json);
        assert!(json.len() <= MAX_RECORD, "{} bytes", json.len());
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn a_record_that_fits_stays_as_it_is() {
        let record = json!({"reason": "x", "detail": "y".repeat(3000), "list": ["a", "b"]});
        assert_eq!(fitted(&record), record);
    }

    #[test]
    fn lists_and_texts_are_cut_and_counted() {
        let names: Vec<_> = (0..500).map(|number| format!("dns:name-{number}.example")).collect();
        let record = json!({"detail": "why", "cert": {"san": names, "subject": "s".repeat(700)}});

        let cut = fitted(&record);

        assert_eq!(cut["detail"], "why");
        let names = cut["cert"]["san"].as_array().unwrap();
        assert_eq!(names.len(), 33);
        assert_eq!(names[32], "…(+468 more)");
        let subject = cut["cert"]["subject"].as_str().unwrap();
        assert_eq!(subject, format!("{}…(+188 bytes)", "s".repeat(512)));
    }

    #[test]
    fn a_value_that_was_cut_before_has_the_total_count() {
        let text = format!("{}…(+1000 bytes)", "s".repeat(512));
        let mut names: Vec<_> = (0..64).map(|number| format!("dns:{number}.{text}")).collect();
        names.push("…(+336 names)".to_owned());

        let cut = fitted(&json!({"san": names, "detail": "why"}));

        let names = cut["san"].as_array().unwrap();
        assert_eq!(names.last().unwrap(), &json!(format!("…(+{} more)", 400 - (names.len() - 1))));
        let first = names[0].as_str().unwrap();
        let (at, count) = left_out(first).unwrap();
        assert_eq!(at + count, "dns:0.".len() + 1512);
    }

    #[test]
    fn the_fields_that_identify_the_client_and_the_reason_are_never_cut() {
        let mut record = json!({
            "id": "0a1b2c0-7", "peer": "192.0.2.1:50000", "reason": "client_cert_expired",
            "client_cert": {"fingerprint_sha256": "f".repeat(64)},
        });
        for number in 0..20 {
            record[format!("field {number}")] = json!("\\\"".repeat(2000));
        }

        let cut = fitted(&record);

        for name in ["id", "peer", "reason", "client_cert"] {
            assert_eq!(cut[name], record[name]);
        }
    }

    proptest! {
        #[test]
        fn every_record_fits_and_is_json(
            texts in proptest::collection::vec(".{0,600}", 0..40),
            list in proptest::collection::vec("[\\\\\"\u{1}x]{0,300}", 0..80),
        ) {
            let mut record = json!({"reason": "x", "detail": "\\".repeat(4000), "list": list});
            for (number, text) in texts.iter().enumerate() {
                record[format!("field {number}")] = json!({"text": text, "list": list});
            }
            prop_assert_eq!(&fitted(&record)["reason"], "x");
        }
    }
}
