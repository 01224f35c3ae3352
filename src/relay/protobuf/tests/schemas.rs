//! Schemas, and those that cannot be used.

use std::fs;

use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use tempfile::TempDir;

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn load(dir: &TempDir, message: &str) -> Result<Protobuf, String> {
    let schema = dir.path().join("main.proto");
    let settings = ProtobufSettings { schema, message: message.to_owned(), unknown: Unknown::Refuse };
    Protobuf::load(settings).map_err(|error| {
        let said = format!("{error} | {}", error.hint());
        said.replace(&format!("{}/", dir.path().display()), "")
    })
}

/// What is said of a schema with these files.
fn refusal(files: &[(&str, &str)], message: &str) -> String {
    load(&folder(files), message).unwrap_err()
}

const WITH_IMPORT: &str =
    "syntax = \"proto3\"; package a; import \"common/person.proto\"; message M { b.Person who = 1; }";
const PERSON: &str = "syntax = \"proto3\"; package b; message Person { string name = 1; }";

#[test]
fn imports_beside_the_schema_are_read_and_named_for_the_watch() {
    let dir = folder(&[("main.proto", WITH_IMPORT), ("common/person.proto", PERSON)]);
    let message = load(&dir, "a.M").unwrap();
    assert_eq!(round_trip(&message, r#"{"who":{"name":"x"}}"#), r#"{"who":{"name":"x"}}"#);
    let imported = imported_files(&dir.path().join("main.proto"));
    assert_eq!(imported, [dir.path().join("common/person.proto")]);
}

#[test]
fn another_schema_is_another_message_and_the_same_one_is_the_same() {
    let dir = folder(&[("main.proto", WITH_IMPORT), ("common/person.proto", PERSON)]);
    let (one, same) = (load(&dir, "a.M").unwrap(), load(&dir, "a.M").unwrap());
    assert!(one == same);
    fs::write(dir.path().join("common/person.proto"), PERSON.replace("name = 1", "name = 2")).unwrap();
    assert!(one != load(&dir, "a.M").unwrap());
}

#[test]
fn mistakes_are_named_with_file_line_and_column() {
    let broken = "syntax = \"proto3\";\nmessage M {\n  strin name = 1;\n}\n";
    insta::assert_snapshot!(refusal(&[("main.proto", broken)], "M"), @"main.proto:3:3: name 'strin' is not defined | correct the schema there");
    let torn = "syntax = \"proto3\";\nmessage M {\n  string name 1;\n}\n";
    insta::assert_snapshot!(refusal(&[("main.proto", torn)], "M"), @"main.proto:3:15: expected '=', but found '1' | correct the schema there");
    let twice = "syntax = \"proto3\";\nmessage M {\n  string a = 1;\n  string b = 1;\n}\n";
    insta::assert_snapshot!(refusal(&[("main.proto", twice)], "M"), @"main.proto:4:14: field number '1' is already used | correct the schema there");
    let import =
        [("main.proto", WITH_IMPORT), ("common/person.proto", "syntax = \"proto3\";\n\nmessage {}")];
    insta::assert_snapshot!(refusal(&import, "a.M"), @"common/person.proto:3:9: expected an identifier, but found '{' | correct the schema there");
}

#[test]
fn imports_that_cannot_be_read_are_named() {
    insta::assert_snapshot!(refusal(&[("main.proto", &WITH_IMPORT.replace("; ", ";\n"))], "a.M"), @"main.proto:3:1: import 'common/person.proto' not found | put imported files beside the schema; those of google/protobuf/ are built in");
    let outside = "syntax = \"proto3\"; import \"../person.proto\"; message M {}";
    insta::assert_snapshot!(refusal(&[("main.proto", outside)], "M"), @"main.proto:1:27: invalid group name, or an import that is not beside the schema or below it | correct the schema there");
    let circle = [
        ("main.proto", "syntax = \"proto3\"; import \"b.proto\"; message M {}"),
        ("b.proto", "syntax = \"proto3\"; import \"main.proto\";"),
    ];
    insta::assert_snapshot!(refusal(&circle, "M"), @"main.proto: import cycle detected: main.proto -> b.proto -> main.proto | correct the schema there");
}

#[test]
fn a_message_that_is_not_there_is_answered_with_those_that_are() {
    let files = [("main.proto", "syntax = \"proto3\"; package a; message Meeting {} message Run {}")];
    insta::assert_snapshot!(refusal(&files, "a.Meting"), @"main.proto has no message `a.Meting` | did you mean `a.Meeting`?");
    insta::assert_snapshot!(refusal(&files, "Meeting"), @"main.proto has no message `Meeting` | did you mean `a.Meeting`?");
    insta::assert_snapshot!(refusal(&files, "zebra.Stripes"), @"main.proto has no message `zebra.Stripes` | it has a.Meeting, a.Run");
    insta::assert_snapshot!(refusal(&[("main.proto", "")], "M"), @"main.proto has no message `M` | it has no message at all: name another file");
}

#[test]
fn other_files_large_ones_and_deep_ones_are_refused() {
    let binary = folder(&[]);
    fs::write(binary.path().join("main.proto"), b"\x7fELF\x02\x00\xff").unwrap();
    insta::assert_snapshot!(load(&binary, "M").unwrap_err(), @"main.proto is neither a .proto file nor a compiled descriptor set | name a .proto file, or what `protoc --include_imports --descriptor_set_out=FILE` makes");
    let large = format!("syntax = \"proto3\"; // {}", "x".repeat(MAX_SCHEMA_FILE));
    insta::assert_snapshot!(refusal(&[("main.proto", &large)], "M"), @"main.proto has more than 1048576 bytes | name a .proto file, or what `protoc --include_imports --descriptor_set_out=FILE` makes");
    let deep = format!("syntax = \"proto3\"; {}", "message M { ".repeat(50_000));
    insta::assert_snapshot!(refusal(&[("main.proto", &deep)], "M"), @"main.proto has more than 64 brackets within each other | write a smaller schema, with the fields of the one message");
    insta::assert_snapshot!(refusal(&[], "M"), @"main.proto cannot be read: No such file or directory | name a file that clawgate's user may read");
}

#[test]
fn imports_have_a_limit() {
    let name = |number: usize| format!("f{number}.proto");
    let files: Vec<_> = (0..=MAX_SCHEMA_FILES)
        .map(|number| {
            let file = if number == 0 { "main.proto".to_owned() } else { name(number) };
            (file, format!("syntax = \"proto3\"; import \"{}\";", name(number + 1)))
        })
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    insta::assert_snapshot!(refusal(&files, "M"), @"f100.proto imports more than 100 files | write a smaller schema, with the fields of the one message");
}

#[test]
fn a_compiled_descriptor_set_is_told_apart_by_its_content() {
    let dir = folder(&[("source.proto", WITH_IMPORT), ("common/person.proto", PERSON)]);
    let source = set_in_bytes(&dir);
    // What `protoc --include_imports --descriptor_set_out=FILE` writes.
    fs::write(dir.path().join("main.proto"), source).unwrap();
    let message = load(&dir, "a.M").unwrap();
    assert_eq!(round_trip(&message, r#"{"who":{"name":"x"}}"#), r#"{"who":{"name":"x"}}"#);
    assert_eq!(imported_files(&dir.path().join("main.proto")), Vec::<PathBuf>::new());
}

#[test]
fn a_descriptor_set_without_its_imports_is_refused() {
    let dir = folder(&[("source.proto", WITH_IMPORT), ("common/person.proto", PERSON)]);
    let mut set = descriptor_set(&dir);
    set.file.retain(|file| file.name() == "source.proto");
    fs::write(dir.path().join("main.proto"), set.encode_to_vec()).unwrap();
    insta::assert_snapshot!(load(&dir, "a.M").unwrap_err(), @"main.proto is a descriptor set that cannot be used: imported file 'common/person.proto' has not been added | make it with `protoc --include_imports --descriptor_set_out=FILE`");
}

fn descriptor_set(dir: &TempDir) -> FileDescriptorSet {
    protox::compile(["source.proto"], [dir.path()]).unwrap()
}

fn set_in_bytes(dir: &TempDir) -> Vec<u8> {
    descriptor_set(dir).encode_to_vec()
}
