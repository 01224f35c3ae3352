use proptest::prelude::*;

use super::*;

/// JSON of any kind, with numbers that no float can hold and escapes.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?",
        "\"([ !#-\\[\\]-~äß😀]|\\\\n|\\\\u00[0-7][0-9a-f]|\\\\ud83d\\\\ude00){0,8}\"",
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            proptest::collection::btree_map("[abv]{1,2}", inner, 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

fn pointer() -> impl Strategy<Value = String> {
    proptest::collection::vec("[abv]{1,2}|[0-3]", 0..4)
        .prop_map(|steps| steps.iter().map(|step| format!("/{step}")).collect())
}

fn any_field() -> impl Strategy<Value = Field> {
    let convert = proptest::option::of(proptest::sample::select(As::ALL.to_vec()));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let between = proptest::option::of(Just("-".to_owned()));
    let length = proptest::option::of(1usize..6);
    (proptest::collection::vec(pointer(), 1..3), convert, flags, between, length).prop_map(
        |(from, convert, (lower, hash, required), join, truncate)| Field {
            from,
            convert,
            lower,
            hash,
            required,
            join,
            truncate,
            ..Field::default()
        },
    )
}

/// The text of the value at a pointer, by a reader of its own: it takes the text apart at each step.
fn raw_at(source: &str, pointer: &str) -> Option<String> {
    use std::collections::HashMap;

    use serde_json::value::RawValue;
    let mut at = source.trim().to_owned();
    for step in pointer.split('/').skip(1) {
        at = if at.starts_with('{') {
            let members: HashMap<String, Box<RawValue>> = serde_json::from_str(&at).unwrap();
            members.get(step)?.get().to_owned()
        } else if at.starts_with('[') {
            let items: Vec<Box<RawValue>> = serde_json::from_str(&at).unwrap();
            items.get(step.parse::<usize>().ok()?)?.get().to_owned()
        } else {
            return None;
        };
    }
    (at != "null").then_some(at)
}

proptest! {
    /// Copied values are the bytes of the source, whichever pointers are beside them.
    #[test]
    fn a_copied_value_is_byte_for_byte_that_of_the_source(
        source in json(), pointers in proptest::collection::vec(pointer(), 1..6),
    ) {
        let fields = pointers.iter().enumerate().map(|(at, pointer)| (format!("f{at}"), field(pointer))).collect();
        let mapping = Mapping::new(MappingSettings { fields, required: Vec::new() }, None).unwrap();

        let body = mapping.apply(source.as_bytes()).unwrap();

        let wanted = pointers.iter().enumerate()
            .filter_map(|(at, pointer)| Some(format!("\"f{at}\":{}", raw_at(&source, pointer)?)));
        let wanted = format!("{{{}}}", wanted.collect::<Vec<_>>().join(","));
        prop_assert_eq!(std::str::from_utf8(&body).unwrap(), wanted);
    }

    /// What is made of JSON is JSON, in one object; and a second mapping that copies all fields changes nothing.
    #[test]
    fn whatever_the_functions_make_is_json(source in json(), made in proptest::collection::vec(any_field(), 1..5)) {
        let names = ["a", "/b/c", "/b/d", "e"];
        let made = made.into_iter().zip(names).map(|(field, name)| (name.to_owned(), field)).collect();
        let Ok(mapping) = Mapping::new(MappingSettings { fields: made, required: Vec::new() }, Some(Arc::new(Visible)))
            else { return Ok(()) };
        if let Ok(body) = mapping.apply(source.as_bytes()) {
            prop_assert_eq!(body.first(), Some(&b'{'));
            let copy = super::mapping(&[("a", field("/a")), ("b", field("/b")), ("e", field("/e"))]);
            prop_assert_eq!(copy.apply(&body).unwrap(), body);
        }
    }

    /// No bytes at all make it panic.
    #[test]
    fn no_bytes_are_too_strange(
        source in prop_oneof![proptest::collection::vec(any::<u8>(), 0..64), "[\\[\\]{}\",:a0\\\\u ]{0,64}".prop_map(String::into_bytes)],
        field in any_field(),
    ) {
        if let Ok(mapping) = Mapping::new(settings_of(&[("x", field)]), Some(Arc::new(Visible))) {
            let _ = mapping.apply(&source);
        }
    }

    /// A time survives the way to text and back.
    #[test]
    fn a_time_is_the_same_after_it_was_text(milliseconds in 100_000_000_000i64..100_000_000_000_000) {
        let text = value_of(converted("/v", As::Rfc3339), &milliseconds.to_string()).unwrap().unwrap();
        let back = value_of(converted("/v", As::UnixMs), &text).unwrap().unwrap();
        prop_assert_eq!(back, milliseconds.to_string());
    }

    /// Integers of 64 bits survive each of their forms.
    #[test]
    fn an_integer_survives_as_text_and_with_an_exponent(number: i64, zeros in 0usize..5) {
        let exponent = format!("{number}{}e-{zeros}", "0".repeat(zeros));
        for form in [number.to_string(), format!("\"{number}\""), format!("{number}.000"), exponent] {
            prop_assert_eq!(value_of(converted("/v", As::Integer), &form), Ok(Some(number.to_string())));
        }
    }
}
