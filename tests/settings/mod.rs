//! Sources of settings, and the messages about wrong ones; with the real command.

mod contents;
mod files;
mod public_cas;
mod running;
mod secrets;
mod start;
mod summary;

use std::path::PathBuf;

use crate::support::pki::Pki;
use crate::support::process::{ClawgateCommand, Output};

/// A command with all that is required in the environment, where a test's flags can replace it.
fn command(subcommand: &str, pki: &Pki) -> ClawgateCommand {
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare(subcommand)
        .env("CLAWGATE_CERT", certificate)
        .env("CLAWGATE_KEY", key)
        .env("CLAWGATE_CLIENT_CA", pki.file("ca.pem", pki.root.pem()))
        .env("CLAWGATE_UPSTREAM", "echo:")
        .env("CLAWGATE_LISTEN", "127.0.0.1:0")
        .env("CLAWGATE_ADMIN", "off")
        .env("CLAWGATE_WORKERS", "1")
}

/// A file of settings: the certificates of `pki`, then `more`.
fn config(pki: &Pki, name: &str, more: &str) -> PathBuf {
    let (certificate, key) = pki.files("server", &pki.server);
    let ca = pki.file("ca.pem", pki.root.pem());
    let text = format!(
        "tls.certificate = {certificate:?}\ntls.private_key = {key:?}\nclients.ca = {ca:?}\n{more}\n"
    );
    pki.file(name, text)
}

/// What `check` prints for good settings.
fn summary(command: ClawgateCommand) -> String {
    let output = command.output();
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout
}

/// What `check` found of this severity, each as `area subject name: detail`.
fn found(severity: &str, checked: &str) -> Vec<String> {
    let mut heading = "";
    let mut found = Vec::new();
    for line in checked.lines() {
        match line.strip_prefix("  ") {
            None => heading = line,
            Some(rest) => {
                let mut words = rest.split_whitespace();
                if words.next() == Some(severity) {
                    let name = words.next().unwrap();
                    found.push(format!("{heading} {name}: {}", words.collect::<Vec<_>>().join(" ")));
                }
            }
        }
    }
    found
}

/// The value of a line of the summary.
fn line<'a>(summary: &'a str, label: &str) -> &'a str {
    let line = summary.lines().find_map(|line| line.strip_prefix(label));
    line.unwrap_or_else(|| panic!("no line {label}: {summary}")).trim()
}

/// Refused for its settings, with one mistake, and with all of `parts` in the message.
fn refused(command: ClawgateCommand, parts: &[&str]) {
    let output = command.refused();
    assert_refused(&output);
    let said = &output.stderr;
    assert!(said.starts_with("clawgate: 1 problem in the settings\n"), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

fn assert_refused(Output { code, stdout, stderr }: &Output) {
    assert_eq!(*code, Some(78), "{stdout}{stderr}");
    assert_eq!(stdout, "");
    assert!(stderr.contains("    hint: "), "{stderr}");
}

#[test]
fn a_setting_that_is_not_given_has_its_default() {
    let pki = Pki::new();
    let command = ClawgateCommand::bare("check").arg("--config", config(&pki, "gate.toml", ""));

    let summary = summary(command);

    assert_eq!(line(&summary, "listens on"), "127.0.0.1:8443");
    assert_eq!(line(&summary, "admin"), "http://127.0.0.1:9443");
    assert_eq!(line(&summary, "route"), "POST /hooks/… -> http://127.0.0.1:18789");
    assert_eq!(line(&summary, "client times"), "5s for a handshake, 1m idle");
    assert_eq!(line(&summary, "drain"), "up to 30s");
    assert_eq!(line(&summary, "CRLs"), "none");
    assert!(summary.contains("body up to 256KiB"), "{summary}");
    assert!(summary.ends_with("all is well with the settings\n"), "{summary}");
}

#[test]
fn flags_win_over_the_environment_that_over_the_file_that_over_the_defaults() {
    let pki = Pki::new();
    let empty = config(&pki, "empty.toml", "");
    let full = config(&pki, "full.toml", "runtime.drain_timeout = \"11s\"");
    let drain = |command: ClawgateCommand| line(&summary(command), "drain").to_owned();
    let check = || ClawgateCommand::bare("check");

    assert_eq!(drain(check().arg("--config", &empty)), "up to 30s");
    assert_eq!(drain(check().arg("--config", &full)), "up to 11s");
    let with_variable = || check().arg("--config", &full).env("CLAWGATE_DRAIN_TIMEOUT", "12s");
    assert_eq!(drain(with_variable()), "up to 12s");
    assert_eq!(drain(with_variable().arg("--drain-timeout", "13s")), "up to 13s");
}

#[test]
fn the_file_of_the_flag_wins_over_the_file_of_the_environment() {
    let pki = Pki::new();
    let variable = config(&pki, "variable.toml", "runtime.drain_timeout = \"11s\"");
    let flag = config(&pki, "flag.toml", "runtime.workers = 3");
    let check = || ClawgateCommand::bare("check").env("CLAWGATE_CONFIG", &variable);

    let alone = summary(check());
    assert_eq!(line(&alone, "drain"), "up to 11s");

    let both = summary(check().arg("--config", &flag));
    assert_eq!(line(&both, "workers"), "3");
    assert_eq!(line(&both, "drain"), "up to 30s", "the other file is not read at all");
}

#[test]
fn a_list_replaces_the_one_of_a_weaker_source_and_is_not_added_to_it() {
    let pki = Pki::new();
    let file = config(&pki, "gate.toml", "clients.allow = [\"cn=a\", \"cn=b\"]");
    let check = || ClawgateCommand::bare("check").arg("--config", &file);
    let clients = |command: ClawgateCommand| line(&summary(command), "clients  ").to_owned();

    assert_eq!(clients(check()), "[cn=a] or [cn=b]");
    let with_variable = || check().env("CLAWGATE_ALLOW", "cn=c, o=x; cn=d");
    assert_eq!(clients(with_variable()), "[cn=c, o=x] or [cn=d]");
    assert_eq!(clients(with_variable().arg("--allow", "cn=e")), "[cn=e]");
}

#[test]
fn a_running_clawgate_has_the_settings_of_the_strongest_source() {
    let pki = Pki::new();
    let clawgate = command("run", &pki)
        .arg("--workers", "2")
        .arg("--path", "/a")
        .arg("--path", "/b/")
        .env("CLAWGATE_PATHS", "/c")
        .env("CLAWGATE_METHODS", "PUT")
        .start();

    let started = clawgate.event("started", 1);

    assert_eq!(started["workers"], 2);
    assert_eq!(started["routes"], serde_json::json!(["PUT /a -> echo:", "PUT /b/ -> echo:"]));
    assert_eq!(started["admin"], serde_json::Value::Null);
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_one_that_was_meant() {
    let pki = Pki::new();
    let file = config(&pki, "gate.toml", "[limits]\nboddy = \"1MiB\"");

    let command = ClawgateCommand::bare("run").arg("--config", &file);

    let place = format!("  {}:5: limits.boddy\n", file.display());
    refused(command, &[&place, "is no known key", "hint: did you mean `limits.body`?"]);
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_place_and_hint() {
    let pki = Pki::new();
    let (certificate, key) = pki.files("server", &pki.server);
    let text = format!(
        "[tls]\n\
         certificate = {certificate:?}\n\
         private_key = {key:?}\n\
         handshake_timeout = \"5 parsecs\"\n\
         sni = true\n\
         [clients]\n\
         ca = \"no/such/ca.pem\"\n\
         allow = [\"cn=notes\",\n  \"name=notes\"]\n"
    );
    let file = pki.file("gate.toml", text);

    let output = ClawgateCommand::bare("run")
        .arg("--config", &file)
        .env("CLAWGATE_WORKERS", "many")
        .arg("--listen", ":8443")
        .refused();

    assert_refused(&output);
    let file = file.display();
    let places: Vec<&str> = output.stderr.lines().filter_map(of_place).collect();
    let expected = [
        format!("{file}:4: tls.handshake_timeout"),
        format!("{file}:5: tls.sni"),
        format!("{file}:7: clients.ca"),
        format!("{file}:9: clients.allow"),
    ];
    assert_eq!(&places[..4], expected.each_ref().map(String::as_str));
    assert_eq!(places[4..].len(), 2, "{places:?}");
    assert!(places[4..].contains(&"CLAWGATE_WORKERS") && places[4..].contains(&"--listen"));
    let hints = output.stderr.matches("    hint: ").count();
    assert_eq!((hints, output.stderr.starts_with("clawgate: 6 problems")), (6, true));
    assert!(output.stderr.contains("no/such/ca.pem: cannot be read"), "{}", output.stderr);
}

/// A line that says where a mistake is stands between the margin and the explanation.
fn of_place(line: &str) -> Option<&str> {
    line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))
}

#[test]
fn check_refuses_what_run_refuses_in_the_same_words() {
    let pki = Pki::new();
    let wrong = |subcommand| {
        command(subcommand, &pki).arg("--handshake-timeout", "0s").arg("--client-ca", pki.dir())
    };

    let (run, check) = (wrong("run").refused(), wrong("check").refused());

    assert_refused(&check);
    assert_eq!(run.stderr, check.stderr);
    assert_eq!(run.code, check.code);
}

#[test]
fn a_variable_that_is_set_to_nothing_opens_nothing() {
    let pki = Pki::new();
    for name in ["CLAWGATE_ALLOW", "CLAWGATE_CLIENT_CA", "CLAWGATE_CRL", "CLAWGATE_HOOK_TOKEN"] {
        refused(
            command("run", &pki).env(name, ""),
            &[name, "is set, but empty", "hint: give it a value"],
        );
    }
}

#[test]
fn a_misspelt_variable_is_refused_and_an_unknown_one_warned_of() {
    let pki = Pki::new();
    for subcommand in ["check", "run"] {
        refused(
            command(subcommand, &pki).env("CLAWGATE_ALOW", "cn=notes"),
            &[
                "\n  CLAWGATE_ALOW\n    is no setting, but resembles one\n    hint: did you mean CLAWGATE_ALLOW?",
            ],
        );
    }
    let summary = summary(command("check", &pki).env("CLAWGATE_IMAGE", "x"));
    let warnings = found("warning", &summary);
    assert_eq!(warnings, ["settings CLAWGATE_IMAGE load: is no setting and has no effect"], "{summary}");
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_refused() {
    let pki = Pki::new();
    let missing = pki.dir().join("none.toml");
    let torn = config(&pki, "torn.toml", "[limits\nbody = 1");

    let run = |path| ClawgateCommand::bare("run").arg("--config", path);
    refused(
        run(missing.clone()),
        &["--config", missing.to_str().unwrap(), "name a TOML file that exists"],
    );
    let output = run(torn.clone()).refused();
    assert_refused(&output);
    assert!(output.stderr.contains(&format!("  {}:4", torn.display())), "{}", output.stderr);
}
