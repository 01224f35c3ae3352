//! Which test of the address is answered.

use super::super::resolver::Resolver;
use super::super::token;
use crate::config::keys::verify;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::config::secret::Secret;
use crate::config::verify::ChallengeSettings;
use crate::signature::{Challenge, MAX_KEY_FILE, Scheme};

const HINT: &str = "put the verify token that you give Meta into it, on one line";

/// That of `table`, or else that of the scheme, which was named at `origin`.
pub(super) fn of_table(
    r: &mut Resolver<'_>,
    table: &Layer,
    scheme: &Scheme,
    origin: &Origin,
) -> Found<Option<ChallengeSettings>> {
    let token = token(r, table)?;
    let own = r.optional_in(table, &verify::CHALLENGE)?;
    let (kind, origin) = match &own {
        Some(own) => (own.value, &own.origin),
        None => (scheme.challenge(), origin),
    };
    match (kind, token) {
        (Some(Challenge::Meta), None) => {
            let what = "answers Meta's test of the address, but has no verify token to compare with";
            let hint = "name a file with it in challenge_token_file, or set challenge = \"off\"";
            Err(r.report.problem(origin, what, hint))
        }
        (Some(kind @ Challenge::Meta), Some(token)) => {
            Ok(Some(ChallengeSettings { kind, token: Some(token.value) }))
        }
        (_, Some(token)) => {
            let what = "has no effect: only the challenge `meta` has a verify token";
            Err(r.report.problem(&token.origin, what, "set challenge = \"meta\", or remove this"))
        }
        (kind, None) => Ok(kind.map(|kind| ChallengeSettings { kind, token: None })),
    }
}

fn token(r: &mut Resolver<'_>, table: &Layer) -> Found<Option<Sourced<Secret>>> {
    let Some(text) = table.get(&verify::CHALLENGE_TOKEN_FILE).map(List::first).transpose()?.flatten()
    else {
        return Ok(None);
    };
    let content = token::content(text, MAX_KEY_FILE, HINT, &mut r.report)?;
    let token = token::without_newline(&content);
    if token.trim_ascii().is_empty() || token.contains(&b'\n') {
        let what = format!("{} has no token alone on one line", text.value.trim());
        return Err(r.report.problem(&text.origin, what, HINT));
    }
    Ok(Some(Sourced { value: Secret::new(token), origin: text.origin.clone() }))
}
