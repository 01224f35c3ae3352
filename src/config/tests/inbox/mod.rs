//! Which routes store events, and where.

mod fitting;
mod loading;
mod nats;
mod values;

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use super::support::Sources;
use crate::inbox::{InboxSettings, RouteInbox};

/// The keys of a route that stores events, whose upstream gets a token.
const ROUTE: &str = "path = \"/a\"\ntoken_file = \"@token\"\n";

/// Settings with `before`, and a route with the keys in `route`; `@NAME` is a file of the test's folder.
fn with(before: &str, route: &str) -> Sources {
    let sources = Sources::minimal().file("token", "a-token-that-nobody-can-guess");
    set_permissions(sources.path("token"), Permissions::from_mode(0o600)).unwrap();
    let folder = sources.path("").display().to_string();
    let text = format!("{before}\n[[route]]\n{route}");
    sources.toml(&text.replace('@', &folder))
}

/// Settings with a database, and a route that stores events and has these keys.
fn storing(route: &str) -> Sources {
    with("[inbox]\npath = \"/var/lib/x/inbox.db\"", &format!("{ROUTE}delivery = \"inbox\"\n{route}"))
}

fn inbox(sources: &Sources) -> InboxSettings {
    sources.settings().startup.inbox.unwrap()
}

fn route(sources: &Sources) -> RouteInbox {
    sources.settings().reloadable.routes.remove(0).inbox.unwrap()
}
