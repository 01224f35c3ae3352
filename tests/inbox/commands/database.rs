//! Which database a command uses, and what it says if it cannot.

use std::fs;

use super::Inbox;
use crate::support::process::ClawgateCommand;

fn list() -> ClawgateCommand {
    ClawgateCommand::bare("inbox").word("list")
}

#[test]
fn the_settings_name_the_database_and_no_certificate_is_read() {
    let mut inbox = Inbox::new();
    inbox.waiting("1");
    let config = inbox.folder.path().join("clawgate.toml");
    let toml = format!("[tls]\ncertificate = \"missing.pem\"\n[inbox]\npath = {:?}\n", inbox.path());
    fs::write(&config, toml).unwrap();

    let by_flag = list().arg("--config", &config).output();
    let by_env = list().env("CLAWGATE_CONFIG", &config).output();

    assert_eq!((by_flag.code, by_flag.stderr.as_str()), (Some(0), ""));
    assert!(by_flag.stdout.contains("waiting"), "{by_flag:?}");
    assert_eq!(by_flag.stdout, by_env.stdout);
}

#[test]
fn the_variable_names_the_database_and_the_flag_wins() {
    let (mut inbox, empty) = (Inbox::new(), Inbox::new());
    inbox.waiting("1");

    let by_env = list().env("CLAWGATE_INBOX", inbox.path()).output();
    let by_flag = list().env("CLAWGATE_INBOX", inbox.path()).arg("--inbox", empty.path()).output();

    assert!(by_env.stdout.contains("waiting"), "{by_env:?}");
    assert_eq!(by_flag.stdout, "no events\n");
}

#[test]
fn settings_without_a_database_are_a_mistake() {
    let output = list().output();

    assert_eq!(output.code, Some(78));
    insta::assert_snapshot!(output.stderr, @r"
    clawgate: 1 problem in the settings

      inbox.path
        is required, but not set
        hint: set --inbox, CLAWGATE_INBOX or inbox.path, e.g. to /var/lib/clawgate/inbox.db
    ");
}

#[test]
fn a_database_that_is_not_there_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");

    let output = list().arg("--inbox", &path).output();

    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    let sentence = format!("clawgate: {}: there is no inbox", path.display());
    assert!(output.stderr.starts_with(&sentence), "{output:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_no_inbox_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let text = "this is no database\n".repeat(1000);
    fs::write(&path, &text).unwrap();

    let output = list().arg("--inbox", &path).output();

    assert_eq!(output.code, Some(1));
    let file = path.display().to_string();
    assert!(output.stderr.contains(&file) && output.stderr.contains("not a database"), "{output:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}
