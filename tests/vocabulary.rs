//! Words that this project does not use any more, and what to write instead. docs/glossary.md has the words that it uses.

use std::fs;
use std::path::{Path, PathBuf};

/// A banned word, and what to write instead.
///
/// A word is found at the beginning of a word, in any case: `mend` in "mended" and in `mend_all`, not in "recommend".
const BANNED: &[(&str, &str)] = &[
    ("mend", "hint, fix, correct"),
    ("tidings", "result, event, message"),
    ("resting", "parked, idle"),
    ("seldom", "rarely"),
    ("polite", "what it does, such as: drains the request body"),
    ("manners", "settings"),
    ("patience", "timeout, deadline"),
    ("the gate", "clawgate, the proxy"),
    ("riddle", "ambiguous, unclear"),
];

/// The folders and files that are read.
const READ: [&str; 17] = [
    ".ci",
    ".github",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "README.md",
    "RELEASING.md",
    "SECURITY.md",
    "benches",
    "deploy",
    "docs",
    "examples",
    "fuzz",
    "justfile",
    "scripts",
    "src",
];

/// All files below a path, without those that a build or a fuzzer has made.
fn files(path: &Path) -> Vec<PathBuf> {
    const MADE: [&str; 4] = ["target", "corpus", "artifacts", "__pycache__"];
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| !MADE.iter().any(|made| path.ends_with(made)))
        .flat_map(|path| files(&path))
        .collect()
}

/// Each banned word in a text, with its line and what to write instead.
fn found(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        for (word, instead) in BANNED {
            let is_whole = |(at, _): (usize, &str)| {
                let (before, after) = (&lower[..at], &lower[at + word.len()..]);
                // Of several words the last one must end there: "the gateway" is something else.
                let goes_on = word.contains(' ') && after.starts_with(char::is_alphabetic);
                !before.ends_with(char::is_alphabetic) && !goes_on
            };
            if lower.match_indices(word).any(is_whole) {
                found.push(format!(
                    "{path}:{}: `{word}`: write {instead}\n    {}",
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    found
}

#[test]
fn no_banned_word_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = READ.iter().chain(&["tests"]).flat_map(|name| files(&root.join(name))).collect();

    let found = files.iter().flat_map(|file| {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap();
        // This file has the list.
        let text = if path == "tests/vocabulary.rs" {
            String::new()
        } else {
            fs::read_to_string(file).unwrap_or_default()
        };
        found(path, &text)
    });
    let found: Vec<_> = found.collect();

    assert!(files.len() > 400, "only {} files found", files.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_banned_word_is_found_with_its_line_at_the_beginning_of_a_word() {
    let text = "fn f() {}\n/// Seldom, if ever.\nlet mend_all = 1; // recommended, the gateway\n";

    let found = found("src/a.rs", text);

    let starts: Vec<_> = found.iter().map(|line| line.split(": write").next().unwrap()).collect();
    assert_eq!(starts, ["src/a.rs:2: `seldom`", "src/a.rs:3: `mend`"]);
}
