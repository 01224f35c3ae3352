//! The paths and methods of a route, as written in the settings.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::Method;
use thiserror::Error;

use super::path::{PathError, RequestPath};

/// The path of a route. One that ends in `/` includes all paths below it; any other stands only for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(pub(super) Arc<str>);

/// Why a pattern or method list could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// Not an absolute path.
    #[error("`{0}` does not begin with `/`")]
    Relative(String),
    /// Requests with such a path are refused, so the pattern could never match.
    #[error("`{0}` could never match: {1}")]
    Unmatchable(String, PathError),
    /// The path is not in its usual spelling, which the error names.
    #[error("`{0}` is another spelling of `{1}`: write that")]
    Spelling(String, String),
    /// `*`, which other routers use as a wildcard.
    #[error("`{0}` could never match: `*` is no wildcard here")]
    Wildcard(String),
    /// `{name}` and the like, as other routers write them.
    #[error(
        "`{0}` could never match: placeholders and expressions are unknown here, and no path has one of \"<>[]^`{{|}}"
    )]
    Placeholder(String),
    /// `?x=1`: the query takes no part in finding a route.
    #[error("`{0}` could never match: it has a query, and routes are compared with the path alone")]
    Query(String),
    /// Not a method name.
    #[error("`{0}` is not an HTTP method")]
    NotAMethod(String),
    /// clawgate does not open tunnels.
    #[error("`CONNECT` is never passed on")]
    Connect,
}

impl PatternError {
    /// What to write instead of a wrong path.
    pub fn path_hint(&self) -> String {
        const FORMS: &str = "`/hooks/` opens all below it, `/hooks/wake` itself alone";
        match self {
            Self::Wildcard(text) => match folder_before(text, &['*']) {
                Some(folder) => format!("write `{folder}` to open all below it, or each path by itself"),
                None => format!("write an absolute path: {FORMS}"),
            },
            Self::Placeholder(text) => {
                let folder =
                    folder_before(text, &['<', '[', '{', '(', '^', '|', '"', '`']).unwrap_or("/");
                format!(
                    "write `{folder}` to open all below it, or each path by itself, with such characters \
                     percent-encoded"
                )
            }
            Self::Query(text) => {
                let path = text.split('?').next().unwrap_or_default();
                format!("write `{path}`: it takes every query")
            }
            Self::Relative(text) => {
                match text.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])) {
                    Some(path) => format!("write the path alone, without scheme and host: `{path}`"),
                    None => format!("write an absolute path: {FORMS}"),
                }
            }
            Self::Spelling(_, usual) => {
                format!("write `{usual}`: requests in the other spelling are refused beside it")
            }
            _ => format!("write an absolute path: {FORMS}"),
        }
    }
}

/// The folder that contains the first of `characters` in `text`.
fn folder_before<'a>(text: &'a str, characters: &[char]) -> Option<&'a str> {
    let before = text.get(..text.find(characters)?)?;
    before.get(..=before.rfind('/')?)
}

impl PathPattern {
    /// A segment such as `:id`. It is a placeholder in other routers, but not here.
    pub fn colon_segment(&self) -> Option<&str> {
        self.0.split('/').find(|segment| segment.len() > 1 && segment.starts_with(':'))
    }

    /// The text of the path, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Whether it includes all paths below it.
    pub fn is_prefix(&self) -> bool {
        self.0.ends_with('/')
    }

    pub(super) fn specificity(&self) -> (bool, usize) {
        (!self.is_prefix(), self.0.len())
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError::Relative(text.to_owned()));
        }
        if text.contains('?') {
            return Err(PatternError::Query(text.to_owned()));
        }
        let path = RequestPath::parse(text).map_err(|error| match error {
            _ if text.contains('*') => PatternError::Wildcard(text.to_owned()),
            PathError::Unencoded => PatternError::Placeholder(text.to_owned()),
            error => PatternError::Unmatchable(text.to_owned(), error),
        })?;
        if path.usual().contains('*') {
            return Err(PatternError::Wildcard(text.to_owned()));
        }
        match path.usual() {
            Cow::Borrowed(usual) => Ok(Self(usual.into())),
            Cow::Owned(usual) => Err(PatternError::Spelling(text.to_owned(), usual)),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The methods of a route, never including `CONNECT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Methods {
    /// All except `CONNECT`.
    Any,
    /// Only these.
    Only(Vec<Method>),
}

impl Methods {
    /// Reads names such as `POST`. `any` stands for all methods.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        let mut methods = Vec::new();
        for name in names {
            if name == "any" {
                return Ok(Self::Any);
            }
            let not_a_method = || PatternError::NotAMethod(name.to_owned());
            // Methods are case-sensitive (RFC 9110 section 9.1); `post` would never match.
            if !name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
                return Err(not_a_method());
            }
            let method = Method::from_bytes(name.as_bytes()).map_err(|_| not_a_method())?;
            if method == Method::CONNECT {
                return Err(PatternError::Connect);
            }
            methods.push(method);
        }
        Ok(Self::Only(methods))
    }

    /// Whether `method` is one of them.
    pub fn contains(&self, method: &Method) -> bool {
        match self {
            Self::Any => *method != Method::CONNECT,
            Self::Only(methods) => methods.contains(method),
        }
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Only(methods) => {
                for (i, method) in methods.iter().enumerate() {
                    let separator = if i > 0 { ", " } else { "" };
                    write!(f, "{separator}{method}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_for_a_pattern_that_could_never_match_is_one_that_does() {
        let hint = |text: &str| text.parse::<PathPattern>().unwrap_err().path_hint();
        for (text, written) in [
            ("/hooks/*", "/hooks/"),
            ("/hooks/x*", "/hooks/"),
            ("/hooks/{name}/x", "/hooks/"),
            ("/*", "/"),
            ("/hooks/wake?x=1", "/hooks/wake"),
            ("https://gate.example/hooks/", "/hooks/"),
            ("/a%3ab", "/a:b"),
        ] {
            assert!(hint(text).contains(&format!("`{written}`")), "{text}: {}", hint(text));
            assert!(written.parse::<PathPattern>().is_ok());
        }
    }

    #[test]
    fn patterns_that_could_never_match_are_refused() {
        let error = |text: &str| text.parse::<PathPattern>().unwrap_err();
        assert!(matches!(error("hooks/"), PatternError::Relative(_)));
        assert!(matches!(error("/hooks/../x"), PatternError::Unmatchable(..)));
        assert!(matches!(error("/a b"), PatternError::Unmatchable(..)));
        for text in ["/{a}", "/<a>", "/a/[b]", "/a/(b|c)", "/a/\"b\"", "/a^"] {
            assert!(matches!(error(text), PatternError::Placeholder(_)), "{text}");
        }
        for text in ["/*", "/hooks/*", "/hooks/**", "/hooks/*/wake", "/hooks/.*", "/hooks/%2A", "/{a}/*"]
        {
            assert!(matches!(error(text), PatternError::Wildcard(_)), "{text}");
        }
        for text in ["/hooks/wake?x=1", "/hooks/?", "/hooks/*?x"] {
            assert!(matches!(error(text), PatternError::Query(_)), "{text}");
        }
        assert_eq!(error("/a%3ab"), PatternError::Spelling("/a%3ab".into(), "/a:b".into()));
        assert_eq!(error("/a%c3%a9/"), PatternError::Spelling("/a%c3%a9/".into(), "/a%C3%A9/".into()));
        assert!(matches!(Methods::parse(["post"]), Err(PatternError::NotAMethod(_))));
        assert!(matches!(Methods::parse(["CONNECT"]), Err(PatternError::Connect)));
    }
}
