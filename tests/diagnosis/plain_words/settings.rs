//! Settings with wrong values: every flag and every key.

use std::fs;

use super::is_plain;
use crate::support::pki::Pki;
use crate::support::process::{ClawgateCommand, Output};

#[track_caller]
fn is_refused_plainly(what: &str, output: &Output) {
    assert_eq!(output.code, Some(78), "{what}: {output:?}");
    is_plain(what, &output.stderr);
    is_plain(what, &output.stdout);
}

/// The flags that take a value, as `--help` lists them.
fn flags() -> Vec<String> {
    let help = ClawgateCommand::bare("run").word("--help").output().stdout;
    let words =
        help.lines().filter_map(|line| line.trim_start().split_once('<')).map(|(before, _)| before);
    let flags = words
        .filter_map(|before| before.split([' ', ',', '=', '[']).find(|word| word.starts_with("--")));
    flags.map(str::to_owned).filter(|flag| flag != "--config" && flag != "--verbose").collect()
}

#[test]
fn nonsense_for_any_flag_is_refused_in_plain_words() {
    let pki = Pki::new();
    let flags = flags();
    assert!(flags.len() > 40, "{flags:?}");
    for nonsense in [
        "nonsense",
        "-1",
        "0",
        "",
        " ",
        "99999999999999999999999999",
        "1.5",
        "5 parsecs",
        "[::",
        "http://",
        "https://[::1",
        "http://a:99999",
        "/\\",
        "a=b=c",
        "cn=",
        "10.0.0.0/99",
        "%zz",
        "é",
        "spki=00",
        "true",
        "*",
        "../..",
        "1e9",
        "5s5",
    ] {
        let mut command = ClawgateCommand::bare("check").dir(pki.dir());
        for flag in &flags {
            command = command.word(format!("{flag}={nonsense}"));
        }
        is_refused_plainly(nonsense, &command.output());
    }
}

#[test]
fn values_of_any_wrong_type_in_the_file_are_refused_in_plain_words() {
    let pki = Pki::new();
    let full = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/full.toml")).unwrap();
    for value in [
        "true",
        "5",
        "-5",
        "1.5",
        "\"\"",
        "\"nonsense\"",
        "[]",
        "[5]",
        "[[\"a\"]]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
        "inf",
    ] {
        let changed: Vec<_> = full
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some((key, _)) if !line.trim_start().starts_with("# ") => {
                    format!("{} = {value}", key.trim_start_matches('#'))
                }
                _ => line.to_owned(),
            })
            .collect();
        let file = pki.file("all.toml", changed.join("\n"));
        is_refused_plainly(
            value,
            &ClawgateCommand::bare("check").dir(pki.dir()).arg("--config", file).output(),
        );
    }
}

#[test]
fn what_is_no_toml_is_refused_in_plain_words() {
    let pki = Pki::new();
    for text in [
        "[",
        "[tls",
        "[]",
        "[tls]]",
        "[[route]",
        "a",
        "a =",
        "= 1",
        "a = ",
        "a = b",
        "a = \"",
        "a = '",
        "a = \"\\q\"",
        "a = \"\\u12\"",
        "a = 1 2",
        "a = 01",
        "a = 1__0",
        "a = [1",
        "a = {b = 1",
        "a = {b = 1,}",
        "a.b = 1\na = 2",
        "[tls]\n[tls]",
        "tls = 1\n[tls]",
        "a = 0x",
        "a = 1979-99-99",
        "a = \u{1}",
        "a\u{0}b = 1",
        "\u{feff}\u{feff}a = 1",
        "[tls]\nprivate_key = \"a\"\nprivate_key = \"b\"",
        "[nosuch]\nx = 1",
        "[tls]\nnosuch = 1",
        "[[route]]\nnosuch = 1",
        "a = \"\"\"",
        "a = 99999999999999999999",
        "a = tru",
        "\"a = 1",
        "a = nan x",
    ] {
        let file = pki.file("broken.toml", text);
        is_refused_plainly(text, &ClawgateCommand::bare("check").arg("--config", file).output());
    }
    let latin = pki.file("latin.toml", b"a = \"\xe9\"\n");
    is_refused_plainly("Latin-1", &ClawgateCommand::bare("check").arg("--config", latin).output());
    is_refused_plainly("a folder", &ClawgateCommand::bare("check").arg("--config", pki.dir()).output());
    is_refused_plainly(
        "no file",
        &ClawgateCommand::bare("check").arg("--config", "/no/such.toml").output(),
    );
}
