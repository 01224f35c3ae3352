//! `scripts/docs-e2e.sh` detects each kind of mistake in a page.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Whether the script is content with a page of this text, and what it says.
fn run(page: &str) -> (bool, String) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("page.md");
    std::fs::write(&file, page).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/docs_e2e.py");
    let mut python = Command::new("python3");
    python.arg("-B").arg(script).arg(env!("CARGO_BIN_EXE_clawgate")).arg(file);
    let output = python.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}

#[track_caller]
fn refuses(page: &str, why: &str) {
    let (good, said) = run(page);
    assert!(!good && said.contains(why), "{said}");
}

#[test]
fn a_page_that_is_true_is_good_and_its_blocks_share_a_shell() {
    let page = "```sh\nx=1; mkdir a; cd a\n```\n```toml file=b.toml\ny = 2\n```\n\
                ```sh\necho \"$x\"; cat b.toml; echo more; pwd\n```\n```text output\n1\ny = …\n…\n…/a\n```\n\
                ```sh no-run: shows what is left out\nfalse\n```\n```sh exit=3\n(exit 3)\n```\n";

    let (good, said) = run(page);

    assert!(good, "{said}");
    assert!(said.ends_with("3 blocks run, 1 left out with a reason, 0 pages wrong\n"), "{said}");
}

#[test]
fn a_command_that_fails_makes_its_page_wrong_also_in_the_middle_of_a_block() {
    refuses("```sh\nfalse\necho fine\n```\n", "1 false failed");
}

#[test]
fn a_block_in_a_list_is_run_too() {
    refuses("1. First:\n\n   ```sh\n   false\n   ```\n", "1 false failed");
}

#[test]
fn a_command_that_is_to_fail_and_does_not_makes_its_page_wrong() {
    refuses("```sh exit=1\ntrue\n```\n", "wanted is exit code 1");
}

#[test]
fn other_output_than_the_page_shows_makes_it_wrong() {
    refuses("```sh\necho 1; echo 2\n```\n```text output\n1\n```\n", "the page shows");
}

#[test]
fn a_program_that_is_left_running_makes_its_page_wrong() {
    refuses("```sh\nsleep 60 &\n```\n", "all that was started has ended: sleep");
}

#[test]
fn a_server_that_does_not_start_makes_its_page_wrong() {
    refuses("```sh server\nexit 3\n```\n", "ended with 3");
}

#[test]
fn a_mark_with_a_typing_error_makes_its_page_wrong() {
    refuses("```sh norun: why\nfalse\n```\n", "`norun:` is no mark");
}

#[test]
fn a_block_is_left_out_only_with_a_reason() {
    refuses("```sh no-run:\nfalse\n```\n", "1 false failed");
}
