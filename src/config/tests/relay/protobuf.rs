//! Protobuf messages for a target.

use super::*;
use crate::config::tests::support::assert_has;

#[cfg(not(feature = "protobuf"))]
#[test]
fn without_the_feature_the_keys_are_refused_and_the_feature_named() {
    for key in ["schema = \"@x.proto\"", "message = \"M\"", "unknown = \"drop\""] {
        let problem = waiting(&format!("protobuf.{key}")).problem();
        assert_has(
            &problem,
            &[
                "relay.target[1].protobuf",
                "this build has no protobuf",
                "build with --features protobuf",
            ],
        );
    }
}

#[cfg(feature = "protobuf")]
mod with_the_feature {
    use super::*;
    use crate::config::settings::Settings;

    const SCHEMA: &str = "syntax = \"proto3\";\nimport \"person.proto\";\n\
                          import \"google/protobuf/timestamp.proto\";\n\
                          message Run { string job = 1; google.protobuf.Timestamp at = 2; Person by = 3; int32 n = 4; }\n";
    const PERSON: &str = "syntax = \"proto3\";\nmessage Person { string name = 1; }\n";

    /// A target with this schema, this message, and further keys.
    fn messages_of(schema: &str, message: &str, keys: &str) -> Sources {
        let table = format!("protobuf = {{ schema = \"@run.proto\", message = \"{message}\" }}\n{keys}");
        queueing(&table).file("run.proto", schema).file("person.proto", PERSON)
    }

    fn messages(keys: &str) -> Sources {
        messages_of(SCHEMA, "Run", keys)
    }

    #[test]
    fn the_summary_shows_the_fields_and_an_example() {
        let summary = |sources: &Sources| {
            let text = sources.settings().summary();
            let lines = text.lines().filter(|line| line.contains("message") || line.contains("fields"));
            lines.collect::<Vec<_>>().join("\n").replace(&sources.path("").display().to_string(), "")
        };
        insta::assert_snapshot!(summary(&messages("")), @r#"
            sent as the protobuf message Run of run.proto; other fields are refused
            its fields: string job = 1; google.protobuf.Timestamp at = 2; Person by = 3; int32 n = 4
            for example {"job":"some job","at":"2026-01-31T12:00:00Z","by":{"name":"some name"},"n":7} has 33 bytes as a message
            "#);
        let mapped = "map = { job = \"/jobId\", at = { from = \"/runAtMs\", as = \"rfc3339\" } }";
        insta::assert_snapshot!(summary(&messages(mapped)), @r#"
            sent as the protobuf message Run of run.proto; other fields are refused
            its fields: string job = 1; google.protobuf.Timestamp at = 2; Person by = 3; int32 n = 4
            for example {"job":"some jobId","at":"2026-01-31T12:00:00Z"} has 20 bytes as a message
            "#);
    }

    #[test]
    fn a_schema_with_a_mistake_is_refused_with_file_and_line() {
        let problem = messages_of(&SCHEMA.replace("string job", "strin job"), "Run", "").problem();
        assert_has(
            &problem,
            &["relay.target[1].protobuf.schema |", "run.proto:4:15: name 'strin' is not defined"],
        );
        let problem = messages_of(SCHEMA, "Runn", "").problem();
        assert_has(&problem, &["relay.target[1].protobuf.message |", "has no message `Runn`", "`Run`"]);
    }

    #[test]
    fn schema_and_message_belong_together() {
        for (key, missing) in [("schema = \"@run.proto\"", "message"), ("message = \"Run\"", "schema")] {
            let problem = queueing(&format!("protobuf.{key}")).problem();
            assert_has(&problem, &["is set without", missing]);
        }
    }

    #[test]
    fn messages_are_not_put_together() {
        let problem = messages("batch.count = 5").problem();
        assert_has(&problem, &["relay.target[1].batch.count |", "protobuf messages cannot be"]);
    }

    #[test]
    fn a_mapping_to_a_field_that_the_message_does_not_have_is_refused() {
        let problem = messages("map = { jop = \"/jobId\" }").problem();
        assert_has(
            &problem,
            &["relay.target[1].map |", "`Run` has no field `jop`", "did you mean `job`?"],
        );
        let problem = messages("map = { \"/by/nam\" = \"/user\" }").problem();
        assert_has(&problem, &["`by`: `Person` has no field `nam`", "did you mean `name`?"]);
    }

    #[test]
    fn a_mapping_whose_values_cannot_fit_is_refused() {
        for (field, parts) in [
            (
                "at = { from = \"/at\", as = \"unix\" }",
                ["field `at`: expected RFC 3339", "as = \"rfc3339\""],
            ),
            ("job = { const = 7 }", ["field `job`: expected text", "as = \"string\""]),
            (
                "n = { from = \"/n\", default = \"none\" }",
                ["field `n`: the text is no number for int32", ""],
            ),
            ("by = { from = \"/by\", as = \"boolean\" }", ["field `by`: expected an object", ""]),
        ] {
            let problem = messages(&format!("map = {{ {field} }}")).problem();
            assert_has(&problem, &["relay.target[1].map | does not fit the schema"]);
            assert_has(&problem, &parts);
        }
    }

    #[test]
    fn schema_and_imports_are_watched_and_their_content_decides() {
        let sources = messages("");
        let of = |settings: &Settings| settings.reloadable.relay.targets[0].protobuf.clone().unwrap();
        let before = sources.settings();
        for name in ["run.proto", "person.proto"] {
            let path = sources.path(name);
            assert!(before.files.paths().any(|watched| watched == path), "{name}");
        }
        let sources = sources.file("person.proto", PERSON.replace("= 1", "= 2"));
        assert!(before.files.differ(true) && of(&before) != of(&sources.settings()));
    }
}
