//! A secret in the wrong place: whatever setting it is put into, nothing that is printed has it.

use super::support::Sources;
use crate::config::key::Key;
use crate::config::keys::KEYS;

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

fn in_file(key: &Key, value: &str) -> String {
    let value = serde_json::to_string(value).unwrap();
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
