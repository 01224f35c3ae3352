use super::*;

#[test]
fn each_mistake_in_a_field_is_found() {
    let lower = Field { lower: true, ..field("/v") };
    let hash = Field { hash: true, ..field("/v") };
    for (field, wanted) in [
        (Field::default(), MappingFault::NoSource),
        (Field { constant: Some(1.into()), ..field("/v") }, MappingFault::TwoSources),
        (Field { lower: true, ..constant("A") }, MappingFault::ConstantWith("lower")),
        (Field { default: Some(1.into()), ..constant("A") }, MappingFault::ConstantWith("default")),
        (Field { required: true, ..constant("A") }, MappingFault::ConstantWith("required")),
        (Field { convert: Some(As::String), ..constant(1) }, MappingFault::ConstantWith("as")),
        (
            Field { default: Some(1.into()), required: true, ..field("/v") },
            MappingFault::DefaultAndRequired,
        ),
        (field("v"), MappingFault::Pointer(crate::signature::PointerError::NoSlash)),
        (field("/~2"), MappingFault::Pointer(crate::signature::PointerError::BadEscape)),
        (field("/a/*/b"), MappingFault::Star),
        (Field { from: vec!["/a".into(), "/b".into()], ..Field::default() }, MappingFault::NoJoin),
        (
            Field { from: vec!["/a".into(); 33], join: Some(String::new()), ..Field::default() },
            MappingFault::TooManyPointers(33),
        ),
        (
            Field { convert: Some(As::Unix), ..lower.clone() },
            MappingFault::TextFunction(As::Unix, "lower"),
        ),
        (
            Field { convert: Some(As::Integer), ..hash.clone() },
            MappingFault::TextFunction(As::Integer, "hash"),
        ),
        (Field { truncate: Some(0), ..field("/v") }, MappingFault::TruncateToNothing),
        (Field { truncate: Some(1), ..hash.clone() }, MappingFault::HashAndTruncate),
        (hash, MappingFault::NoHashKey),
    ]
    .map(|(field, wanted)| (field, Some(wanted)))
    {
        // With a key for pseudonyms only the lack of one is no mistake any more.
        let with_key = Mapping::new(settings_of(&[("x", field.clone())]), Some(Arc::new(Visible)));
        assert_eq!(with_key.is_ok(), wanted == Some(MappingFault::NoHashKey));
        let found = fault_of(field);
        assert!(found == wanted || found == Some(MappingFault::NoHashKey), "{found:?}, not {wanted:?}");
        assert!(!wanted.unwrap().hint().is_empty());
    }
    assert_eq!(fault_of(lower), None);
}

#[test]
fn each_mistake_in_a_name_is_found() {
    use crate::signature::PointerError;
    for (name, wanted) in [
        ("", MappingFault::NoName),
        ("/", MappingFault::NoName),
        ("/a//b", MappingFault::NoName),
        ("/~", MappingFault::Target(PointerError::BadEscape)),
        ("/items/0/id", MappingFault::NumberInTarget),
        ("/items/-", MappingFault::NumberInTarget),
        ("a", MappingFault::TargetTwice),
        ("/a", MappingFault::TargetTwice),
        ("/a/b", MappingFault::TargetWithin("a".into())),
        ("/b", MappingFault::TargetWithin("/b/c".into())),
    ] {
        let fields = [("a", field("/v")), ("/b/c", field("/v")), (name, field("/w"))];
        let invalid = Mapping::new(settings_of(&fields), None).unwrap_err();
        let faults: Vec<_> = invalid.iter().map(|invalid| &invalid.fault).collect();
        assert_eq!(faults, [&wanted], "{name}");
    }
    for name in ["0", "-", "a.b", "a/b", "~"] {
        assert!(Mapping::new(settings_of(&[(name, field("/v"))]), None).is_ok(), "{name}");
    }
}

#[test]
fn all_mistakes_are_found_at_once_and_name_field_and_pointer() {
    let settings = MappingSettings {
        required: vec!["id".into()],
        ..settings_of(&[
            ("user_id", Field { hash: true, ..field("/userId") }),
            ("", Field::default()),
            ("when", Field { lower: true, ..converted("/time", As::Rfc3339) }),
        ])
    };

    let invalid = Mapping::new(settings, None).unwrap_err();

    let texts: Vec<_> = invalid.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "`user_id`, from `/userId`: it has `hash`, but there is no key for pseudonyms",
            "``: the name of the field is empty",
            "``: nothing says where the value comes from",
            "`when`, from `/time`: it has `as = \"rfc3339\"` and `lower`, which makes text",
            "required: `id`: the pointer is wrong: a JSON pointer begins with `/`, e.g. `/event/id`",
        ]
    );
}

#[test]
fn the_number_of_fields_has_a_limit() {
    let fields = |number: usize| {
        let fields = (0..number).map(|at| (format!("f{at}"), field("/v"))).collect();
        MappingSettings { fields, required: Vec::new() }
    };
    assert!(Mapping::new(fields(256), None).is_ok());
    for (number, fault) in [(0, MappingFault::NoField), (257, MappingFault::TooManyFields(257))] {
        let invalid = Mapping::new(fields(number), None).unwrap_err();
        assert_eq!(invalid, [InvalidMapping { place: Place::default(), fault }]);
        assert!(invalid[0].to_string().starts_with("the mapping: there "));
    }
}

#[test]
fn the_words_of_as_are_those_of_the_documents() {
    let words = As::ALL.map(As::as_str);
    assert_eq!(words, ["string", "number", "integer", "boolean", "rfc3339", "unix", "unix_ms"]);
}
