//! The relay: listener, targets, mappings, and routes that lead to a target.

mod listener;
mod mapping;
mod protobuf;
mod refused;
mod values;

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::support::Sources;
use crate::relay::settings::TargetSettings;

/// A token or credential that no warning is about.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What a listener needs.
const LISTENER: &str = "[relay]\naddress = \"127.0.0.1:9444\"\ntoken_file = \"@token\"\n";

/// What a target needs. It stores nothing, so no inbox is needed.
const TARGET: &str =
    "[[relay.target]]\nname = \"analytics\"\nurl = \"https://api.example.org/v1/events\"\n";

/// Settings with this text; `@NAME` is a file of the test's folder.
fn with(text: &str) -> Sources {
    let sources = Sources::minimal().file("token", SECRET).file("secret", SECRET);
    for name in ["token", "secret"] {
        set_permissions(sources.path(name), Permissions::from_mode(0o600)).unwrap();
    }
    let folder = sources.path("").display().to_string();
    sources.toml(&text.replace('@', &folder))
}

/// Settings with a listener, and a target with these keys that stores nothing.
fn waiting(keys: &str) -> Sources {
    with(&format!("{LISTENER}{TARGET}delivery = \"wait\"\nca = \"@ca.pem\"\n{keys}"))
}

/// The same with a target that stores its events.
fn queueing(keys: &str) -> Sources {
    with(&format!("inbox.path = \"/var/lib/x/inbox.db\"\n{LISTENER}{TARGET}ca = \"@ca.pem\"\n{keys}"))
}

fn target(sources: &Sources) -> Arc<TargetSettings> {
    sources.settings().reloadable.relay.targets.remove(0)
}
