//! Which paths and methods are open, and to whom.

mod path;

use std::fmt;
use std::str::FromStr;

use http::Method;
use thiserror::Error;

pub use path::{PathError, RequestPath};

use crate::policy::{Guarded, Rules};

/// An open path: what may be called, by whom, and what belongs to it (`U`: its upstream).
#[derive(Debug)]
pub struct Route<U> {
    /// Which paths.
    pub path: PathPattern,
    /// With which methods.
    pub methods: Methods,
    /// By whom, among the senders that were let in.
    pub rules: Rules,
    /// Largest request body, in bytes.
    pub max_body: u64,
    /// Where it goes.
    pub upstream: U,
}

impl<U> Guarded for Route<U> {
    fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// Why no route takes a request.
#[derive(Debug, PartialEq, Eq)]
pub enum NoRoute<'a> {
    /// No pattern matches the path.
    Path,
    /// A pattern does, but not for this method; these it takes.
    Method(&'a Methods),
    /// The path differs from that of an exact pattern by a slash at its end only. OpenClaw runs the
    /// same mapped hook for both, so a wider route must not take it in the narrow one's place.
    Alias(&'a PathPattern),
}

/// All open paths. An exact path wins over a prefix, a longer prefix over a shorter one.
#[derive(Debug)]
pub struct Routes<U>(Vec<Route<U>>);

impl<U> Routes<U> {
    /// Orders `routes` by how specific they are; equal ones keep their order.
    pub fn new(mut routes: Vec<Route<U>>) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse(route.path.specificity()));
        Self(routes)
    }

    /// The route for a request.
    ///
    /// The most specific pattern decides, together with its method: a request that a narrow route
    /// refuses does not fall through to a wider one, unless they have the same path.
    pub fn find(&self, method: &Method, path: &RequestPath<'_>) -> Result<&Route<U>, NoRoute<'_>> {
        if let Some(exact) = self.0.iter().find(|route| route.path.is_alias(path)) {
            return Err(NoRoute::Alias(&exact.path));
        }
        let Some(first) = self.0.iter().find(|route| route.path.matches(path)) else {
            return Err(NoRoute::Path);
        };
        let same_path = self.0.iter().filter(|route| route.path == first.path);
        let mut with_method = same_path.filter(|route| route.methods.contains(method));
        with_method.next().ok_or(NoRoute::Method(&first.methods))
    }

    /// The routes, most specific first.
    pub fn iter(&self) -> impl Iterator<Item = &Route<U>> {
        self.0.iter()
    }
}

/// A path to open: one that ends in `/` stands for all below it, any other for itself alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(String);

/// Why a pattern or method list could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// Not an absolute path.
    #[error("`{0}` does not begin with `/`")]
    Relative(String),
    /// Requests with such a path are refused, so the pattern could never match.
    #[error("`{0}` could never match: {1}")]
    Unmatchable(String, PathError),
    /// Not a method name.
    #[error("`{0}` is not an HTTP method")]
    NotAMethod(String),
    /// Tunnels are not what a webhook gate is for.
    #[error("`CONNECT` is never passed on")]
    Connect,
}

impl PathPattern {
    fn matches(&self, path: &RequestPath<'_>) -> bool {
        if self.0.ends_with('/') {
            return path.as_str().starts_with(&self.0);
        }
        path.as_str() == self.0
    }

    /// Whether `path` is this exact pattern's, with a slash at its end.
    fn is_alias(&self, path: &RequestPath<'_>) -> bool {
        path.as_str().strip_suffix('/') == Some(&self.0)
    }

    fn specificity(&self) -> (bool, usize) {
        (!self.0.ends_with('/'), self.0.len())
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError::Relative(text.to_owned()));
        }
        match RequestPath::parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(PatternError::Unmatchable(text.to_owned(), error)),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The methods of a route. `CONNECT` is in none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Methods {
    /// All but `CONNECT`.
    Any,
    /// These.
    Only(Vec<Method>),
}

impl Methods {
    /// Reads names such as `POST`; `any` among them stands for all.
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

    fn routes(patterns: &[(&str, &[&str])]) -> Routes<usize> {
        let route = |(upstream, (path, methods)): (usize, &(&str, &[&str]))| Route {
            path: path.parse().unwrap(),
            methods: Methods::parse(methods.iter().copied()).unwrap(),
            rules: Rules::default(),
            max_body: 0,
            upstream,
        };
        Routes::new(patterns.iter().enumerate().map(route).collect())
    }

    fn find(routes: &Routes<usize>, method: Method, path: &str) -> Option<usize> {
        let path = RequestPath::parse(path).unwrap();
        routes.find(&method, &path).ok().map(|route| route.upstream)
    }

    #[test]
    fn a_pattern_ending_in_a_slash_opens_all_below_it_and_any_other_itself_alone() {
        let routes = routes(&[("/hooks/", &["POST"]), ("/health", &["POST"])]);
        assert_eq!(find(&routes, Method::POST, "/hooks/wake"), Some(0));
        assert_eq!(find(&routes, Method::POST, "/hooks/"), Some(0));
        assert_eq!(find(&routes, Method::POST, "/hooks"), None);
        assert_eq!(find(&routes, Method::POST, "/hooksx"), None);
        assert_eq!(find(&routes, Method::POST, "/health"), Some(1));
        assert_eq!(find(&routes, Method::POST, "/health/x"), None);
    }

    #[test]
    fn the_most_specific_pattern_decides_and_refusals_do_not_fall_through() {
        let routes = routes(&[("/", &["any"]), ("/hooks/", &["POST"]), ("/hooks/wake", &["PUT"])]);
        assert_eq!(find(&routes, Method::PUT, "/hooks/wake"), Some(2));
        assert_eq!(find(&routes, Method::POST, "/hooks/wake"), None);
        assert_eq!(find(&routes, Method::POST, "/hooks/agent"), Some(1));
        assert_eq!(find(&routes, Method::GET, "/x"), Some(0));
        assert_eq!(find(&routes, Method::CONNECT, "/x"), None);
    }

    #[test]
    fn a_slash_at_the_end_does_not_lead_around_an_exact_route() {
        let routes = routes(&[("/hooks/", &["POST"]), ("/hooks/wake", &["POST"])]);
        assert_eq!(find(&routes, Method::POST, "/hooks/wake/"), None);
        assert_eq!(find(&routes, Method::POST, "/hooks/wake/x"), Some(0));
        assert_eq!(find(&routes, Method::POST, "/hooks/agent/"), Some(0));
    }

    #[test]
    fn patterns_that_could_never_match_are_refused() {
        let error = |text: &str| text.parse::<PathPattern>().unwrap_err();
        assert!(matches!(error("hooks/"), PatternError::Relative(_)));
        assert!(matches!(error("/hooks/../x"), PatternError::Unmatchable(..)));
        assert!(matches!(error("/a b"), PatternError::Unmatchable(..)));
        assert!(matches!(Methods::parse(["post"]), Err(PatternError::NotAMethod(_))));
        assert!(matches!(Methods::parse(["CONNECT"]), Err(PatternError::Connect)));
    }
}
