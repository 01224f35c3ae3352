//! A secret in the wrong place: whatever setting it is put into, nothing that is printed has it.

use std::collections::BTreeMap;

use super::support::Sources;
use crate::config::key::Key;
use crate::config::keys::{KEYS, in_section};
use crate::signature::PRESETS;

/// The part of the secret that is looked for, in any case of the letters around it.
const MARK: &str = "0123456789";
const SECRET: &str = "Hush-0123456789abcDEF";

/// What people write when they put a secret where something else belongs.
fn values() -> Vec<String> {
    let forms = [
        "{}",
        "Bearer {}",
        "http://127.0.0.1:1/?token={}",
        "http://127.0.0.1:1/{}",
        "http://127.0.0.1:1/#{}",
        "http://user:{}@127.0.0.1:1",
        "http://user:a/{}@127.0.0.1:1",
        "https://{}@127.0.0.1:1/x",
        "http:/127.0.0.1/?token={}",
        "ftp://127.0.0.1/{}",
        "127.0.0.1:{}",
        "{}:8443",
        "unix:{}",
        "cn=a, {}",
        "{}=a",
        "cn=a*b**{}",
        "issuer={}",
        "ip={}",
        "fingerprint={}",
        "spki={}, cn=a",
        "any, {}",
        "o=\"{}",
        "5{}",
        "info,{}",
        "info,{}=debug",
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        "MC4CAQAwBQYDK2VwBCIEIA/Hush0123456789abcDEFaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    forms.iter().map(|form| form.replace("{}", SECRET)).collect()
}

/// All that is printed of these settings, whether or not they are good.
fn printed(sources: &Sources) -> String {
    match sources.load() {
        Err(problems) => problems.to_string(),
        Ok(settings) => settings.warnings.iter().map(|warning| format!("{warning}\n")).collect(),
    }
}

#[test]
fn no_error_and_no_warning_has_the_secret_whatever_variable_holds_it() {
    for key in KEYS {
        let Some(env) = key.env else { continue };
        for value in values() {
            let said = printed(&Sources::minimal().env(env, &value));
            assert!(!said.contains(MARK), "{env}={value:?}: {said}");
        }
    }
}

/// Other keys of a credential, without which this one is not looked at.
fn partners(name: &str) -> &'static [&'static str] {
    match name {
        "auth.header" => &["auth.value_file"],
        "auth.username" => &["auth.password_file"],
        "auth.token_url" | "auth.scope" | "auth.audience" => {
            &["auth.client_id", "auth.client_secret_file"]
        }
        "auth.client_id" => &["auth.token_url", "auth.client_secret_file"],
        "auth.client_secret_file" => &["auth.token_url", "auth.client_id"],
        _ => &[],
    }
}

fn in_file(key: &Key, value: &str) -> String {
    let value = serde_json::to_string(value).unwrap();
    if let Some(name) = key.toml.strip_prefix("relay.target.") {
        let given = [("name", "analytics"), ("url", "https://api.example.org/x")];
        let given = given.into_iter().filter(|(other, _)| *other != name);
        let lines: String = given.map(|(name, value)| format!("{name} = {value:?}\n")).collect();
        let partners = partners(name).iter().map(|name| {
            format!(
                "{name} = \"/etc/hostname\"
"
            )
        });
        let partners: String = partners.collect();
        let value = if name == "map" {
            format!("{{ a = {value}, b = {{ from = {value}, as = {value} }} }}")
        } else {
            value
        };
        return format!("[[relay.target]]\n{lines}{partners}{name} = {value}\n");
    }
    match key.toml.strip_prefix("route.") {
        Some(name) => {
            let path = if name == "path" { "" } else { "path = \"/x\"\n" };
            format!("[[route]]\n{path}{name} = {value}\n")
        }
        None => format!("{} = {value}\n", key.toml),
    }
}

#[test]
fn no_error_and_no_warning_has_the_secret_whatever_key_of_the_file_holds_it() {
    for key in KEYS {
        for value in values() {
            let said = printed(&Sources::minimal().toml(&in_file(key, &value)));
            assert!(!said.contains(MARK), "{} = {value:?}: {said}", key.toml);
        }
    }
}

/// A route whose `[route.verify]` has this scheme, a good secret and the value for the key.
fn with_verify(scheme: &str, key: &Key, value: &str) -> Sources {
    let sources = Sources::minimal().file("good", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let mut keys = BTreeMap::from([
        ("scheme", format!("{scheme:?}")),
        ("secret_file", format!("{:?}", sources.path("good"))),
        ("timestamp", "\"header:x-time\"".to_owned()),
    ]);
    match scheme {
        "token" => keys.insert("source", "\"bearer\"".to_owned()),
        _ => keys.insert("signature", "\"header:x-sig\"".to_owned()),
    };
    keys.insert(key.leaf(), serde_json::to_string(value).unwrap());
    let lines: Vec<_> = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    sources.toml(&format!("[[route]]\npath = \"/x\"\n[route.verify]\n{}", lines.concat()))
}

#[test]
fn no_error_and_no_warning_has_the_secret_whatever_key_of_a_scheme_holds_it() {
    let prefixes = ["", "header:", "body:/", "query:", "field:", "{header:", "{field:"];
    for key in in_section("route.verify").filter(|key| key.content().is_none()) {
        for (scheme, value) in ["hmac", "token", "github"]
            .into_iter()
            .flat_map(|scheme| prefixes.map(|prefix| (scheme, format!("{prefix}{SECRET}"))).into_iter())
        {
            let value = if value.starts_with('{') { format!("{value}}}") } else { value };
            let said = printed(&with_verify(scheme, key, &value));
            assert!(!said.contains(MARK), "{} = {value:?} of {scheme}: {said}", key.toml);
        }
    }
}

#[test]
fn a_file_with_the_secret_in_it_is_not_quoted_whatever_scheme_reads_it() {
    for preset in PRESETS {
        for key in in_section("route.verify").filter(|key| key.content().is_some()) {
            for form in ["{}", "whsec_{}", "whpk_{}", "{}\n{}", "-----BEGIN PUBLIC KEY-----\n{}"] {
                let value = form.replace("{}", SECRET);
                let sources = Sources::minimal().file("secret.pem", &value);
                let path = sources.path("secret.pem");
                let table =
                    format!("[route.verify]\nscheme = {:?}\n{} = {path:?}", preset.name, key.leaf());
                let url = "listen.public_url = \"https://hooks.example\"";
                let said = printed(&sources.toml(&format!("{url}\n[[route]]\npath = \"/x\"\n{table}")));
                assert!(!said.contains(MARK), "{} of {} names {value:?}: {said}", key.toml, preset.name);
            }
        }
    }
}

#[test]
fn a_file_with_the_secret_in_it_is_not_quoted_whatever_setting_names_it() {
    for key in KEYS.iter().filter(|key| key.content().is_some()) {
        for value in values().into_iter().chain([format!("{SECRET}=="), format!("a = {SECRET}")]) {
            let sources = Sources::minimal().file("secret.pem", value.as_bytes());
            let path = sources.path("secret.pem");
            let said = match key.env {
                Some(env) => printed(&sources.env(env, path)),
                None => printed(&sources.toml(&in_file(key, path.to_str().unwrap()))),
            };
            assert!(!said.contains(MARK), "{} names {value:?}: {said}", key.toml);
        }
    }
}

#[test]
fn a_file_of_settings_with_the_secret_in_it_is_not_quoted() {
    for value in values().into_iter().chain([format!("{SECRET}=="), format!("a = {SECRET}")]) {
        let said = printed(&Sources::minimal().toml(&value));
        assert!(!said.contains(MARK), "{value:?}: {said}");
    }
    let said = printed(&Sources::minimal().flag("--config", SECRET));
    assert!(!said.contains(MARK), "{said}");
}
