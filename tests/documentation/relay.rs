//! The page about the relay: its recipes do what the page says, and its tables have all settings.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::read;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

const PAGE: &str = "docs/relay.md";

/// The content of each fenced block with this mark, in order.
fn blocks(section: &str, mark: &str) -> Vec<String> {
    let begin = format!("```{mark}\n");
    let parts = section.split(&begin).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// What `clawgate relay try` shows for the event and the target of a recipe.
fn tried(pki: &Pki, toml: &str, event: &str) -> Value {
    for name in ["api-key", "relay-token"] {
        let file = pki.file(name, "a-secret-for-a-recipe");
        fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let folder = format!("{}/", pki.dir().display());
    let before = "[inbox]\npath = \"certs/inbox/inbox.db\"\n[relay]\naddress = \"127.0.0.1:9444\"\n\
                  token_file = \"certs/relay-token\"\n";
    let config = pki.file("recipe.toml", format!("{before}{toml}").replace("certs/", &folder));
    let name = toml.split("name = \"").nth(1).unwrap().split('"').next().unwrap();
    let (certificate, key) = pki.files("server", &pki.server);
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let command = ClawgateCommand::bare("relay").word("try").word(name);
    let command = command.word(pki.file("event.json", event)).word("--json");
    let command = command.arg("--config", config).arg("--cert", certificate).arg("--key", key);
    let output = command.arg("--client-ca", pki.file("ca.pem", pki.root.pem())).output();
    assert_eq!(output.code, Some(0), "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn each_recipe_does_what_the_page_says() {
    let page = read(PAGE);
    let (_, recipes) = page.split_once("\n## Recipes\n").unwrap();
    let pki = Pki::new();
    let mut count = 0;
    for recipe in recipes.split("\n### ").skip(1) {
        let ([toml], [event, sent]) = (&blocks(recipe, "toml")[..], &blocks(recipe, "json")[..]) else {
            panic!("a recipe has a target, an event and what is sent: {recipe}");
        };

        count += 1;
        if toml.contains("protobuf = ") {
            pki.file("claw_event.proto", read("examples/claw_event.proto"));
            if cfg!(feature = "protobuf") {
                let shown = tried(&pki, toml, event);
                assert_eq!(shown["protobuf"]["json"], sent.trim_end(), "{recipe}");
            }
            continue;
        }

        let shown = tried(&pki, toml, event);

        assert_eq!(shown["body"], sent.trim_end(), "{recipe}");
    }
    assert!(count >= 5, "only {count} recipes found");
}

#[test]
fn the_id_of_a_cron_job_is_made_of_job_and_time() {
    let page = read(PAGE);
    let (_, recipe) = page.split_once("\n### A finished cron job\n").unwrap();

    let shown = tried(&Pki::new(), &blocks(recipe, "toml")[0], &blocks(recipe, "json")[0]);

    assert_eq!(shown["id"], "digest-1769860800000");
}

#[test]
fn every_setting_of_the_relay_and_no_other_is_explained() {
    let page = read(PAGE);
    let (_, rest) = page.split_once("\n## Settings\n").unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let named: BTreeSet<String> = rows
        .flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| !name.trim_matches([',', ' ']).is_empty())
        .collect();
    let keys = clawgate::config::keys::KEYS.iter().map(|key| key.toml);
    let expected: BTreeSet<String> = keys
        .filter(|key| key.starts_with("relay."))
        .map(|key| match key.strip_prefix("relay.target.") {
            None => key.to_owned(),
            Some(name) => match name.split_once('.') {
                Some((table, _)) => format!("{table}.*"),
                None => name.to_owned(),
            },
        })
        .collect();

    assert_eq!(named, expected);
}

#[test]
fn the_skill_calls_the_path_and_sends_the_fields_of_the_example() {
    let (skill, example) = (read("examples/skill-track/SKILL.md"), read("examples/relay.toml"));

    let body = skill.split("-d '").nth(1).unwrap().split('\'').next().unwrap();
    let shown = tried(
        &Pki::new(),
        example
            .split_once("\n[[relay.target]]")
            .unwrap()
            .1
            .split_once('\n')
            .map(|(_, rest)| format!("[[relay.target]]\n{rest}"))
            .unwrap()
            .as_str(),
        body,
    );

    assert!(
        skill.contains("http://127.0.0.1:9444/track") && skill.contains("x-incoming-secret"),
        "{skill}"
    );
    let sent: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent["name"], "NAME");
}
