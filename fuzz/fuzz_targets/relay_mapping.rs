//! A mapping with each of its functions, over whatever an event has: what comes out is one JSON object, and values that are copied are
//! what a full parser finds.
#![no_main]

use std::sync::{Arc, LazyLock};

use clawgate::relay::mapping::{As, Field, Mapping, MappingSettings, Pseudonyms};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Length;

impl Pseudonyms for Length {
    fn pseudonym(&self, value: &str) -> String {
        format!("p:{}", value.len())
    }
}

/// Copies and conversions; an event that cannot be converted is refused, so the copies have a mapping of their own, too.
static MAPPINGS: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let from = || Field::copied("/v");
    let mut all = vec![
        Field { lower: true, truncate: Some(3), ..from() },
        Field { hash: true, ..from() },
        Field { join: Some(",".into()), ..from() },
    ];
    all.extend(As::ALL.map(|convert| Field { convert: Some(convert), ..from() }));
    let copies = ["", "/v", "/v/v", "/v/0", "/w"];
    let copies = copies.map(|pointer| (format!("copy{pointer}"), Field::copied(pointer)));
    let mapping = |fields| {
        let settings = MappingSettings { fields, required: Vec::new() };
        Mapping::new(settings, Some(Arc::new(Length))).unwrap()
    };
    let single = |field| mapping(vec![("/x/y".to_owned(), field)]);
    std::iter::once(mapping(copies.to_vec())).chain(all.into_iter().map(single)).collect()
});

fuzz_target!(|source: &[u8]| {
    let results: Vec<_> = MAPPINGS.iter().map(|mapping| mapping.apply(source)).collect();
    for body in results.iter().flatten() {
        assert!(body.starts_with(b"{"));
        assert!(serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok());
    }
    let (Ok(copied), Ok(parsed)) = (&results[0], serde_json::from_slice::<Value>(source)) else {
        return;
    };
    // It is one level deeper than its source, so it may be too deep for this parser.
    let Ok(copied) = serde_json::from_slice::<Value>(copied) else { return };
    for pointer in ["", "/v", "/v/v", "/v/0", "/w"] {
        let wanted = parsed.pointer(pointer).filter(|value| !value.is_null());
        assert_eq!(copied.get(format!("copy{pointer}")), wanted, "{pointer}");
    }
});
