//! The key that pseudonyms are made with: `privacy.hash_key_file`.

use std::path::Path;

use super::super::resolver::Resolver;
use super::super::token;
use crate::config::keys::shape;
use crate::config::layers::Sourced;
use crate::config::problem::{Found, Origin};
use crate::shaping::{HashKey, MAX_HASH_KEY_FILE};

const HINT: &str = "write one line of random text into it, e.g. with `openssl rand -base64 32`";

/// The key, if a file is named for it.
pub(in super::super) fn read(r: &mut Resolver<'_>) -> Found<Option<Sourced<HashKey>>> {
    let Some(texts) = r.sources.layers.get(&shape::HASH_KEY_FILE) else { return Ok(None) };
    let Some(text) = texts.first()? else { return Ok(None) };
    let content = token::content(text, MAX_HASH_KEY_FILE, HINT, &mut r.report)?;
    let path = Path::new(text.value.trim());
    token::warn_if_all_read(path, "the key of pseudonyms", &text.origin, &mut r.report);
    let key = HashKey::read(&content).map_err(|error| {
        r.report.problem(&text.origin, format!("{} {error}", path.display()), error.hint())
    })?;
    Ok(Some(Sourced { value: key, origin: text.origin.clone() }))
}

/// Files of units and containers may always name the key, so that is not unusual in the environment.
pub(in super::super) fn warn_of_unused(r: &mut Resolver<'_>) {
    let named = r.origin(&shape::HASH_KEY_FILE).filter(|origin| !matches!(origin, Origin::Env(_)));
    if let Some(origin) = named {
        let what = "has no effect: no route makes pseudonyms";
        let hint = "add hash = [\"/POINTER\"] to [route.shape] of a route, or remove this";
        r.report.warning(&origin, what, hint);
    }
}
