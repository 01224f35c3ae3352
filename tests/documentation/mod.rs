//! The documentation agrees with the code.

mod links;
mod logging;
mod relay;
mod signatures;

use std::collections::BTreeSet;
use std::path::Path;

use clawgate::telemetry::{HandshakeReason, ReasonClass, RequestReason};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The codes in the first column of a page's tables, but for those that begin with alerts.
fn codes(page: &str) -> BTreeSet<&str> {
    let tables = page.split("\n\n").filter(|block| !block.starts_with("| alert |"));
    let lines = tables.flat_map(str::lines);
    lines.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

#[test]
fn every_reason_and_no_other_is_explained() {
    let page = read("docs/handshake-failures.md");
    let known: BTreeSet<_> = HandshakeReason::ALL.iter().map(|reason| reason.as_str()).collect();

    assert_eq!(codes(&page), known);
}

#[test]
fn every_reason_of_a_refused_request_and_no_other_is_explained() {
    let page = read("docs/requests.md");
    let known: BTreeSet<_> = RequestReason::ALL.iter().map(|reason| reason.as_str()).collect();

    assert_eq!(codes(&page), known);
}

#[test]
fn the_reasons_on_clawgates_side_are_listed_as_such() {
    let page = read("docs/handshake-failures.md");
    let (_, rest) = page.split_once("## Faults on clawgate's side").unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    let ours = HandshakeReason::ALL.iter().filter(|reason| reason.class() == ReasonClass::Ours);

    assert_eq!(codes(section), ours.map(|reason| reason.as_str()).collect());
}

#[test]
fn every_limit_is_on_its_page_with_its_default() {
    let page = read("docs/limits.md");
    let keys = clawgate::config::keys::KEYS;
    for key in keys.iter().filter(|key| key.toml.starts_with("limits.")) {
        let row =
            page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{}`", key.toml)));
        let row = row.unwrap_or_else(|| panic!("{} is missing", key.toml)).replace(' ', "");
        let default = key.default_text().replace(' ', "");
        assert!(row.contains(&default) || key.toml == "limits.request_burst", "{}: {default}", key.toml);
    }
    let known = |name: &str| keys.iter().any(|key| key.toml == name);
    for name in page.split('`').skip(1).step_by(2) {
        let is_setting =
            ["limits.", "tls.", "upstream.", "listen."].iter().any(|section| name.starts_with(section));
        assert!(!is_setting || known(name), "{name} is no setting");
    }
}

#[test]
fn every_setting_of_spans_and_no_other_is_on_the_page_of_traces() {
    let page = read("docs/tracing.md");
    let keys = clawgate::config::keys::KEYS.iter().map(|key| key.toml);
    let expected: BTreeSet<_> = keys.filter(|key| key.starts_with("trace.")).collect();

    let settings = codes(&page).into_iter().filter(|code| code.starts_with("trace."));

    assert_eq!(settings.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn every_setting_on_the_page_of_settings_is_one() {
    let page = read("docs/settings.md");
    let keys = clawgate::config::keys::KEYS;
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| `--")) {
        let columns: Vec<_> = row.split('|').collect();
        let names = |column: &str| -> Vec<String> {
            column.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        for (flag, env) in names(columns[1]).iter().zip(names(columns[2])) {
            let key = keys.iter().find(|key| key.flag == flag.strip_prefix("--"));
            let key = key.unwrap_or_else(|| panic!("{flag} is no flag"));
            assert_eq!(key.env, Some(env.as_str()), "{flag}");
            rows += 1;
        }
        for toml in names(columns[3]) {
            assert!(keys.iter().any(|key| key.toml == toml), "{toml} is no key");
        }
    }
    assert!(rows > 10, "only {rows} settings found");
}
