use std::time::{Duration, Instant};

use super::*;

fn fault(fields: &[(&str, Field)], source: &[u8]) -> ValueFault {
    mapping(fields).apply(source).unwrap_err().fault
}

#[test]
fn what_is_not_json_is_refused() {
    for source in ["", "{", "{}{}", "{\"v\":01}", "{'v':1}", "\u{feff}{}", "{\"v\":\"\n\"}", "v=1"] {
        assert_eq!(fault(&[("x", field("/v"))], source.as_bytes()), ValueFault::NotJson, "{source}");
    }
    assert_eq!(fault(&[("x", field("/v"))], b"{\"other\":\"\xff\"}"), ValueFault::NotJson);
    assert_eq!(
        mapping(&[("x", field("/v"))]).apply(b"{").unwrap_err().to_string(),
        "the source is not JSON"
    );
}

#[test]
fn a_key_that_is_twice_on_the_way_is_refused_wherever_it_is() {
    let fields = [("first", field("/id")), ("x", field("/a/b"))];
    for source in [
        r#"{"a":{"b":1},"a":{"b":2}}"#,
        r#"{"a":{"b":1,"b":1}}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"a":{"b":1,"c":0,"\u0062":null}}"#,
    ] {
        let error = mapping(&fields).apply(source.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`x`, from `/a/b`: the source has a key twice on the way there",
            "{source}"
        );
    }
    assert_eq!(apply(&fields, r#"{"z":1,"z":2,"a":{"z":1,"b":7,"z":2}}"#).unwrap(), r#"{"x":7}"#);
}

#[test]
fn a_key_that_is_no_text_is_refused_where_keys_are_compared() {
    assert_eq!(fault(&[("x", field("/v"))], br#"{"\ud800":1,"v":2}"#), ValueFault::KeyNotUnicode);
    assert_eq!(apply(&[("x", field("/v"))], r#"{"v":{"\ud800":1}}"#).unwrap(), r#"{"x":{"\ud800":1}}"#);
}

#[test]
fn numbers_that_no_float_can_hold_are_passed_by() {
    let source = r#"{"a":1e999,"b":[1e999],"v":2}"#;
    assert_eq!(
        apply(&[("x", field("/a/b")), ("y", field("/b/0")), ("z", field("/v"))], source).unwrap(),
        r#"{"y":1e999,"z":2}"#
    );
}

#[test]
fn deep_nesting_costs_neither_the_stack_nor_much_time() {
    let deep = "/a".repeat(crate::signature::MAX_POINTER_STEPS);
    let fields = [("x", field(&deep)), ("y", field("/b/0/0"))];
    let began = Instant::now();

    let open = "[".repeat(1 << 20);
    assert_eq!(fault(&fields, open.as_bytes()), ValueFault::NotJson);
    let closed = format!("{{\"b\":{open}{}}}", "]".repeat(1 << 20));
    assert!(apply(&fields, &closed).is_ok());
    let objects = format!("{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    assert!(apply(&fields, &objects).is_ok());

    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn many_keys_items_and_escapes_cost_time_in_proportion() {
    let keys: Vec<String> = (0..100_000).map(|at| format!("\"k{at}\":{at}")).collect();
    let items = vec!["\"\\u0061\""; 100_000].join(",");
    let source =
        format!("{{{},\"items\":[{items}],\"v\":\"{}\"}}", keys.join(","), "\\u00e9".repeat(200_000));
    let mut fields: Vec<_> =
        (0..200).map(|at| (format!("f{at}"), field(&format!("/k{}", at * 499)))).collect();
    fields.push(("joined".into(), Field { join: Some("-".into()), ..field("/items") }));
    fields.push(("v".into(), Field { lower: true, truncate: Some(3), ..field("/v") }));
    let mapping = Mapping::new(MappingSettings { fields, required: Vec::new() }, None).unwrap();
    let began = Instant::now();

    let body = mapping.apply(source.as_bytes()).unwrap();

    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["f199"], &body["v"]), (&Value::from(99_301), &Value::from("ééé")));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn an_error_quotes_nothing_of_the_event() {
    let secret = r#"{"v":"s3cret","w":{"s3cret":1},"s3cret":2}"#;
    for field in [
        converted("/v", As::Integer),
        converted("/v", As::Boolean),
        converted("/v", As::Unix),
        converted("/w", As::String),
        Field { hash: true, ..field("/w") },
    ] {
        let error = apply(&[("x", field)], secret).unwrap_err();
        assert!(!format!("{error} {error:?} {}", error.fault.hint()).contains("s3cret"));
    }
}
