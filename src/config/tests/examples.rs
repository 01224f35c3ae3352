//! The examples are settings, and all settings are in the examples.

use std::collections::BTreeSet;
use std::fs;

use toml::de::{DeTable, DeValue};

use super::support::{Sources, examples};
use crate::config::key::Unset;
use crate::config::keys::KEYS;
use crate::config::settings::Settings;
use crate::config::value_type::Kind;
use crate::config::{file, problem};

/// An example's text with the files it names in place.
fn sources(text: &str) -> Sources {
    let sources = Sources::empty()
        .with_material_files()
        .file("hook-token", "token")
        .file("webhook-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let secret = |name: &str| format!("the-secret-of-{name}-which-nobody-else-has");
    let sources = ["github", "github-old", "square", "acme", "pseudonym-key", "relay-token", "api-key"]
        .into_iter()
        .fold(sources, |sources, name| sources.file(name, secret(name)));
    let dir = sources.path("").display().to_string();
    sources.toml(&text.replace("certs/", &dir))
}

fn example(name: &str) -> String {
    fs::read_to_string(examples().join(name)).unwrap()
}

fn load(name: &str) -> Settings {
    sources(&example(name)).settings()
}

/// `full.toml` with every setting that it leaves out put in: `#key = …`.
fn full_uncommented() -> String {
    let uncomment = |line: &str| {
        let setting = line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic));
        setting.unwrap_or(line).to_owned()
    };
    example("full.toml").lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

fn collect_keys(section: &str, table: &DeTable<'_>, keys: &mut BTreeSet<String>) {
    for (name, value) in table {
        let name = format!("{section}{}", name.get_ref());
        match value.get_ref() {
            // The keys of this table are places in bodies.
            DeValue::Table(_) if name == "route.shape.truncate" => drop(keys.insert(name)),
            DeValue::Table(table) if name != "relay.target.map" => {
                collect_keys(&format!("{name}."), table, keys);
            }
            DeValue::Array(array) if name == "route" || name == "relay.target" => {
                for table in array.iter() {
                    let DeValue::Table(table) = table.get_ref() else { panic!() };
                    collect_keys(&format!("{name}."), table, keys);
                }
            }
            _ => {
                keys.insert(name);
            }
        }
    }
}

#[test]
fn every_example_loads() {
    let mut names = Vec::new();
    for entry in fs::read_dir(examples()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".toml") {
            load(&name);
            names.push(name);
        }
    }
    assert!(names.len() >= 3, "{names:?}");
}

#[test]
fn the_full_example_names_every_key_of_the_table_and_no_other() {
    let text = full_uncommented();
    let mut keys = BTreeSet::new();
    collect_keys("", DeTable::parse(&text).unwrap().get_ref(), &mut keys);
    assert_eq!(keys, KEYS.iter().map(|key| key.toml.to_owned()).collect());

    let mut report = problem::Report::default();
    file::File::parse(examples().into(), &text, &mut report);
    assert_eq!(report.conclude(Ok(())).unwrap(), ((), vec![]));
}

#[test]
fn the_full_example_says_the_default_of_every_setting() {
    let text = example("full.toml");
    let mut section = String::new();
    let mut comment = String::new();
    for line in text.lines() {
        let setting = line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic));
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']).to_owned();
        } else if let Some((leaf, _)) = setting.unwrap_or(line).split_once(" = ")
            && !line.starts_with("# ")
        {
            let toml = format!("{section}.{leaf}");
            let key = KEYS.iter().find(|key| key.toml == toml).unwrap();
            let expected = match key.unset {
                Unset::Required => "Required".to_owned(),
                Unset::Value(text) if key.kind == Kind::Switch => format!("Default: {text}"),
                Unset::Value(text) => format!("Default: \"{text}\""),
                Unset::Means(text) => format!("Default: {text}"),
            };
            // Of a token and its file, the second shares the first one's comment.
            assert!(comment.contains(&expected), "{toml}: no `{expected}` above it");
            continue;
        }
        comment = if line.starts_with("# ") { comment + line } else { String::new() };
    }
}

#[test]
fn the_defaults_are_what_the_minimal_example_has() {
    let minimal = load("minimal.toml").summary();
    let defaults = Sources::minimal().settings().summary();
    let without_files = |summary: &str| {
        let lines = summary.lines().filter(|line| !line.contains(".pem"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_files(&minimal), without_files(&defaults));
}

#[test]
fn the_routes_of_the_example_guard_their_tokens() {
    let settings = load("several-routes.toml");
    let shown = settings.reloadable.routes.iter().map(|route| {
        let token = if route.upstream.token.is_some() { "token" } else { "no token" };
        format!("{} {} {token}", route.path, route.upstream.target)
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "/hooks/agent http://127.0.0.1:18789 token",
            "/hooks/wake http://127.0.0.1:18789 token",
            "/github/ http://127.0.0.1:9000 no token",
            "/plugins/webhooks/ http://127.0.0.1:18789 no token",
        ]
    );
}
