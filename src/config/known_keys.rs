//! The keys that a file may have, for those who wrote another one.

use std::collections::BTreeSet;

use super::key::Key;
use super::keys::{self, KEYS};
use crate::wording::nearest;

/// What a section would do that is there without a key.
pub(super) fn nothing(section: &str) -> Option<&'static str> {
    match section {
        keys::verify::SECTION => Some("verify nothing"),
        keys::inbox::ROUTE_SECTION => Some("store nothing"),
        keys::shape::SECTION => Some("change nothing"),
        keys::relay::AUTH_SECTION => Some("send no credential"),
        keys::relay::PROTOBUF_SECTION => Some("make no message"),
        _ => None,
    }
}

/// The names that may stand below `[section]`.
pub(super) fn names_in(section: &str) -> String {
    let below = |key: &Key| key.toml[section.len() + 1..].to_owned();
    keys::in_section(section).map(below).collect::<Vec<_>>().join(", ")
}

/// The key or section that was meant by an unknown one: a misspelt one, or one of another section.
pub(super) fn meant(dotted: &str) -> Option<String> {
    let names: BTreeSet<&str> = KEYS.iter().map(|key| key.toml).collect();
    let sections = names.iter().filter_map(|name| name.split('.').next()).collect::<BTreeSet<_>>();
    let Some((section, leaf)) = dotted.rsplit_once('.') else {
        return nearest(dotted, sections).or_else(|| with_leaf(dotted)).map(str::to_owned);
    };
    let siblings = || keys::in_section(section);
    // `secret` is rather `secret_file` than `scheme`.
    let longer = |key: &&Key| key.leaf().strip_prefix(leaf).is_some_and(|rest| rest.starts_with('_'));
    let sibling = siblings()
        .find(longer)
        .map(Key::leaf)
        .or_else(|| nearest(leaf, siblings().map(Key::leaf)))
        .and_then(|leaf| siblings().find(|key| key.leaf() == leaf))
        .map(|key| key.toml);
    sibling.map(str::to_owned).or_else(|| subsection(section, leaf)).or_else(|| {
        // In a known section, its own name would make any two keys look alike.
        let elsewhere = || nearest(dotted, names).filter(|_| !keys::is_section(section));
        with_leaf(leaf).or_else(elsewhere).map(str::to_owned)
    })
}

/// The section within `section` whose name is nearest to `leaf`, such as `route.verify`.
fn subsection(section: &str, leaf: &str) -> Option<String> {
    let below = keys::in_section(section).filter_map(|key| key.toml.get(section.len() + 1..));
    let names: BTreeSet<_> =
        below.filter_map(|name| name.split_once('.')).map(|(name, _)| name).collect();
    nearest(leaf, names).map(|name| format!("{section}.{name}"))
}

fn with_leaf(leaf: &str) -> Option<&'static str> {
    let same =
        |key: &&&Key| key.leaf() == leaf || key.flag.is_some_and(|flag| flag.replace('-', "_") == leaf);
    KEYS.iter().find(same).map(|key| key.toml)
}
