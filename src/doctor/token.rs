//! Checks the tokens that clawgate adds for its upstreams: whether they can be guessed, and whether several upstreams
//! get the same one.

use crate::config::{BearerToken, Reloadable};
use crate::finding::{Area, Check, Finding, Subject};
use crate::upstream::Target;

/// A shorter token can be guessed or found by brute force.
const SHORT: usize = 16;
/// A token with fewer different characters is probably not random.
const VARIETY: usize = 6;
/// Tokens from examples and first attempts, in lower case and without punctuation.
const PLACEHOLDERS: [&str; 22] = [
    "changeme",
    "changethis",
    "replaceme",
    "secret",
    "sharedsecret",
    "mysecret",
    "supersecret",
    "s3cret",
    "password",
    "token",
    "hooktoken",
    "hookstoken",
    "yourtoken",
    "yourhooktoken",
    "webhooktoken",
    "openclaw",
    "openclawhooktoken",
    "test",
    "testtoken",
    "example",
    "todo",
    "xxx",
];

pub(super) fn findings(settings: &Reloadable) -> Vec<Finding> {
    let mut tokens: Vec<(&BearerToken, &str, Vec<&Target>)> = Vec::new();
    for route in settings.routes.iter().filter(|route| route.relay.is_none()) {
        let upstream = &route.upstream;
        let Some(token) = &upstream.token else { continue };
        match tokens.iter_mut().find(|(known, _, _)| *known == token) {
            Some((_, _, targets)) if targets.contains(&&upstream.target) => {}
            Some((_, _, targets)) => targets.push(&upstream.target),
            None => tokens.push((token, &upstream.token_origin, vec![&upstream.target])),
        }
    }
    if tokens.is_empty() {
        return vec![
            Subject::new(Area::Token, "")
                .skipped(Check::Token, "none is added: the client's own token is forwarded"),
        ];
    }
    let each = |(token, origin, targets): &(&BearerToken, &str, Vec<&Target>)| {
        let place = Subject::new(Area::Token, origin);
        let guess = match weakness(token.text()) {
            Some(what) => {
                let hint = "make a new one (openssl rand -hex 32) and give it to OpenClaw (hooks.token) and clawgate";
                place.fail(Check::Guessable, what, hint)
            }
            None => place.pass(Check::Guessable, format!("{} characters", token.text().len())),
        };
        let shared = (targets.len() > 1).then(|| {
            let list: Vec<_> = targets.iter().map(|target| target.to_string()).collect();
            let detail = format!(
                "the same token goes to {}: each of them could call the others with it",
                list.join(" and ")
            );
            place.warning(
                Check::Reuse,
                detail,
                "give each upstream a token of its own (route.token_file)",
            )
        });
        std::iter::once(guess).chain(shared)
    };
    tokens.iter().flat_map(each).collect()
}

/// Why a token is easy to guess. The text never quotes the token.
fn weakness(token: &str) -> Option<String> {
    let bare: String =
        token.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if PLACEHOLDERS.contains(&bare.as_str()) || token.starts_with('<') || token.starts_with("${") {
        return Some("is a placeholder from an example".to_owned());
    }
    if token.len() < SHORT {
        return Some(format!("has {} characters; it should have at least {SHORT}", token.len()));
    }
    let mut different: Vec<_> = token.bytes().collect();
    different.sort_unstable();
    different.dedup();
    (different.len() < VARIETY).then(|| format!("has only {} different characters", different.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_short_and_monotonous_tokens_are_weak() {
        for token in [
            "changeme",
            "change-me",
            "Your-Hook-Token",
            "<token>",
            "${TOKEN}",
            "k7f2p9q1",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let weakness = weakness(token).unwrap_or_else(|| panic!("{token} passes"));
            assert!(!weakness.contains(token), "{weakness}");
        }
    }

    #[test]
    fn a_random_token_is_good() {
        assert_eq!(weakness("9f86d081884c7d659a2feaa0c55ad015"), None);
        assert_eq!(weakness("a-long-passphrase-of-four-words"), None);
    }
}
