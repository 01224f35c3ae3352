//! JSON pointers over whatever a body has: what is found is what a full parser finds, and a document that a full parser
//! refuses has nothing.
#![no_main]

use clawgate::signature::{LookupError, Pointer};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: (String, &[u8])| {
    let (text, document) = input;
    let Ok(pointer) = text.parse::<Pointer>() else { return };
    assert_eq!(pointer.to_string(), text);
    let found = pointer.find(document);
    let Ok(parsed) = serde_json::from_slice::<Value>(document) else {
        // Values beside the way are only skipped, not decoded. So this may find what a full parser does not reach.
        return;
    };
    match (found, parsed.pointer(&text)) {
        (Err(LookupError::DuplicateKey), _) => {}
        (Ok(None), None | Some(Value::Null)) => {}
        (Ok(Some(found)), Some(Value::String(text))) => assert_eq!(found, *text),
        (Ok(Some(found)), Some(Value::Bool(value))) => assert_eq!(found, value.to_string()),
        (Ok(Some(found)), Some(Value::Number(_))) => assert!(serde_json::from_str::<serde_json::Number>(&found).is_ok()),
        (Err(LookupError::NotScalar), Some(Value::Array(_) | Value::Object(_))) => {}
        (found, wanted) => panic!("{text}: {found:?} instead of {wanted:?}"),
    }
});
