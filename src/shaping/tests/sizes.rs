//! `when_larger`.

use super::{refusal, shape, shaped};
use crate::shaping::NotShapeable;

/// 15 bytes.
const BODY: &str = r#"{"a":1,"b":"x"}"#;

#[test]
fn a_body_that_is_not_larger_is_not_changed() {
    assert_eq!(shaped("drop /a\nwhen_larger 15", BODY), BODY);
    assert_eq!(shaped("drop /a\nwhen_larger 14", BODY), r#"{"b":"x"}"#);
    assert_eq!(shaped("keep /a\nwhen_larger 15", BODY), BODY);
    assert_eq!(shaped("truncate /b 0\nwhen_larger 15", BODY), BODY);
}

#[test]
fn a_body_that_is_not_larger_need_not_be_json() {
    let shape = shape("drop /a\nwhen_larger 15");
    assert!(shape.apply(b"hello").unwrap().is_unchanged());
    let large = refusal("drop /a\nwhen_larger 4", "hello");
    assert!(matches!(large, NotShapeable::NotJson { line: 1, .. }), "{large}");
}

#[test]
fn pseudonyms_and_networks_do_not_depend_on_the_size() {
    let small = shaped("drop /a\nhash /b\nwhen_larger 1000", BODY);
    assert!(small.starts_with(r#"{"a":1,"b":"k1329791b:"#), "{small}");
    let body = r#"{"a":1,"ip":"192.0.2.9"}"#;
    assert_eq!(shaped("keep /ip\nip_prefix /ip\nwhen_larger 1000", body), r#"{"a":1,"ip":"192.0.2.0"}"#);
}
