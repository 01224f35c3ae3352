//! The recipes of docs/certificates.md: each chapter's commands are run, and print what the page says.

// Clippy's leave for tests does not reach their helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Commands, and lines that they print.
struct Step<'a> {
    commands: &'a str,
    printed: Option<&'a str>,
}

/// The text from one fence to the next, and what follows.
fn fenced(text: &str) -> (&str, &str) {
    text.split_once("\n```").expect("a fence that ends")
}

/// The commands of the chapter with this title, in their order.
fn steps(chapter: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut rest = chapter;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (kind, after) = after.split_once('\n').unwrap();
        let (content, after) = fenced(after);
        rest = after;
        match kind {
            "sh" => steps.push(Step { commands: content, printed: None }),
            "text" => steps.last_mut().expect("commands that print it").printed = Some(content),
            _ => {}
        }
    }
    steps
}

/// Whether `line` is what `pattern` says, with `…` for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap();
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open || rest.is_empty()
}

/// Runs all commands of a chapter in one shell and one folder.
fn run(title: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/certificates.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, chapter) = page.split_once(&format!("\n## {title}\n")).expect("a chapter of that name");
    let chapter = chapter.split_once("\n## ").map_or(chapter, |(chapter, _)| chapter);
    let nobody = crate::support::nobody();
    let port = nobody.address().port();
    let chapter = chapter.replace("8443", &port.to_string());
    let steps = steps(&chapter);
    assert!(!steps.is_empty(), "nothing to run");

    let programs = Path::new(env!("CARGO_BIN_EXE_clawgate")).parent().unwrap().display();
    let mut script = format!(
        "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nunset \"${{!CLAWGATE_@}}\"\n\
         export PATH='{programs}':\"$PATH\" CLAWGATE_LISTEN=127.0.0.1:{port} CLAWGATE_ADMIN=off\n"
    );
    for Step { commands, printed } in &steps {
        // What is to be refused fails.
        let careful = if printed.is_some() { "set +e" } else { "set -e" };
        script += &format!("{careful}\n{commands}\nset +e\necho '@@@'\n");
    }
    let dir = TempDir::new().unwrap();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let all = || {
        let log = std::fs::read_to_string(dir.path().join("gate.log")).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}\n--- stderr\n{}\n--- gate.log\n{log}", text(&output.stdout), text(&output.stderr))
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let pieces: Vec<_> = printed.split("@@@\n").collect();
    assert_eq!(pieces.len(), steps.len() + 1, "not all commands were run:\n{}", all());
    for (Step { printed, .. }, piece) in steps.iter().zip(pieces) {
        let mut lines = piece.lines();
        for expected in printed.iter().flat_map(|printed| printed.lines()) {
            assert!(lines.any(|line| fits(expected, line)), "no line {expected:?} in:\n{}", all());
        }
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(fits("a … c", "a b c") && fits("a…", "abc") && fits("…c", "abc") && fits("abc", "abc"));
    assert!(!fits("a … c", "a b d") && !fits("ab", "abc") && !fits("…b", "abc"));
}

#[test]
fn every_chapter_with_commands_is_run() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/certificates.md");
    let page = std::fs::read_to_string(page).unwrap();
    let tests = include_str!("certificates.rs");
    let with_commands = page.split("\n## ").filter(|chapter| chapter.contains("\n```sh\n"));
    let titles: Vec<_> = with_commands.filter_map(|chapter| chapter.lines().next()).collect();
    assert!(titles.len() >= 8, "{titles:?}");
    for title in titles {
        assert!(tests.contains(&format!("run(\"{title}\")")), "{title} is not run");
    }
}

#[test]
fn openssl_by_hand() {
    run("openssl by hand");
}

#[test]
fn a_root_an_intermediate_and_chain_files() {
    run("A root, an intermediate and chain files");
}

#[test]
fn cert_manager() {
    run("cert-manager");
}

#[test]
fn spiffe() {
    run("SPIFFE");
}

#[test]
fn certbot() {
    run("certbot");
}

#[test]
fn revocation_lists() {
    run("Revocation lists");
}

#[test]
fn the_denylist() {
    run("The denylist");
}

#[test]
fn one_certificate_that_nobody_issued() {
    run("One certificate that nobody issued");
}
