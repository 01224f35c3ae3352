//! Routes: which paths and methods are allowed, and for which clients.

mod path;
mod pattern;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

pub use self::path::{PathError, RequestPath};
pub use self::pattern::{Methods, PathPattern, PatternError};

use crate::inbox::RouteInbox;
use crate::policy::{Authenticate, Guarded, Protected, Rules};
use crate::shaping::RouteShape;
use crate::signature::Verification;
use crate::telemetry::metrics::RouteMetrics;

/// A route: a path, who may use it and how, and its upstream (`U`).
#[derive(Debug)]
pub struct Route<U> {
    /// The paths that it matches.
    pub path: PathPattern,
    /// The methods that it allows.
    pub methods: Methods,
    /// Which of the admitted clients may use it.
    pub rules: Rules,
    /// What authenticates its requests.
    pub authenticate: Authenticate,
    /// The largest request body, in bytes.
    pub max_body: u64,
    /// What only some routes have. One pointer, so that the search for a route reads little memory.
    pub extras: Option<Box<RouteExtras>>,
    /// The upstream of its requests.
    pub upstream: U,
    /// The metrics of its requests.
    pub metrics: Arc<RouteMetrics>,
}

/// What only some routes have.
#[derive(Debug, Default)]
pub struct RouteExtras {
    /// Verifies the signatures of its requests; always there where `authenticate` may demand one.
    pub verification: Option<Verification>,
    /// What is taken out of bodies.
    pub shape: Option<Arc<RouteShape>>,
    /// How its events are stored and delivered; `None`: the upstream answers at once.
    pub inbox: Option<RouteInbox>,
    /// The target of the relay that gets its requests in place of the upstream.
    pub relay: Option<Arc<str>>,
}

impl RouteExtras {
    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        let Self { verification, shape, inbox, relay } = self;
        verification.is_none() && shape.is_none() && inbox.is_none() && relay.is_none()
    }
}

impl<U> Route<U> {
    /// [`RouteExtras::verification`].
    pub fn verification(&self) -> Option<&Verification> {
        self.extras.as_ref()?.verification.as_ref()
    }

    /// [`RouteExtras::shape`].
    pub fn shape(&self) -> Option<&RouteShape> {
        self.extras.as_ref()?.shape.as_deref()
    }

    /// [`RouteExtras::inbox`].
    pub fn inbox(&self) -> Option<&RouteInbox> {
        self.extras.as_ref()?.inbox.as_ref()
    }

    /// [`RouteExtras::relay`].
    pub fn relay(&self) -> Option<&Arc<str>> {
        self.extras.as_ref()?.relay.as_ref()
    }
}

impl<U> Guarded for Route<U> {
    fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl<U> Protected for Route<U> {
    fn authenticate(&self) -> Authenticate {
        self.authenticate
    }

    fn audits_signatures(&self) -> bool {
        self.verification().is_some_and(|verification| verification.audit)
    }
}

/// Why no route matches a request.
#[derive(Debug, PartialEq, Eq)]
pub enum NoRoute<'a> {
    /// No pattern matches the path.
    Path,
    /// A pattern matches the path, but its route allows only other methods.
    Method {
        /// The pattern.
        path: &'a PathPattern,
        /// The methods that are allowed.
        allowed: &'a Methods,
    },
    /// The path differs from that of an exact pattern only by a slash at its end or by its percent-encoding. OpenClaw
    /// runs the same mapped hook for both, so a wider route must not match it instead of the exact one.
    Alias(&'a PathPattern),
}

/// All routes. An exact path has priority over a prefix, and a longer prefix over a shorter one.
#[derive(Debug)]
pub struct Routes<U> {
    /// Most specific first.
    routes: Vec<Route<U>>,
    /// For each pattern, the positions of its routes in `routes`.
    places: HashMap<Arc<str>, Vec<usize>>,
    /// The lengths of the prefix patterns, each once, longest first.
    prefixes: Vec<usize>,
}

impl<U> Routes<U> {
    /// Sorts `routes`, most specific first. Equally specific ones keep their order.
    pub fn new(mut routes: Vec<Route<U>>) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse(route.path.specificity()));
        let mut places: HashMap<_, Vec<_>> = HashMap::new();
        let mut prefixes = Vec::new();
        for (place, route) in routes.iter().enumerate() {
            places.entry(route.path.shared()).or_default().push(place);
            if route.path.is_prefix() {
                prefixes.push(route.path.0.len());
            }
        }
        // They are sorted already.
        prefixes.dedup();
        Self { routes, places, prefixes }
    }

    /// Finds the route for a request. The time for this does not depend on the number of routes.
    ///
    /// The most specific pattern decides, together with its method: a request that a specific route refuses does not
    /// fall through to a wider route, unless both have the same path.
    pub fn find(&self, method: &Method, path: &RequestPath<'_>) -> Result<&Route<U>, NoRoute<'_>> {
        let path = path.usual();
        // An upstream that decodes this path would find the exact one. A prefix matches paths below it in any spelling.
        if let Cow::Owned(usual) = &path
            && let Some(exact) = self.at(usual).find(|route| !route.path.is_prefix())
        {
            return Err(NoRoute::Alias(&exact.path));
        }
        let path = &*path;
        if let Some(exact) = path.strip_suffix('/').and_then(|exact| self.at(exact).next()) {
            return Err(NoRoute::Alias(&exact.path));
        }
        // A beginning of the path is tried only if it ends in a slash: a pattern with a slash at its end matches all
        // paths that begin with it.
        let above = self.prefixes.iter().filter_map(|&length| path.get(..length));
        let mut patterns = std::iter::once(path).chain(above.filter(|above| above.ends_with('/')));
        let Some(first) = patterns.find_map(|pattern| self.at(pattern).next()) else {
            return Err(NoRoute::Path);
        };
        let mut with_method = self.at(&first.path.0).filter(|route| route.methods.contains(method));
        with_method.next().ok_or(NoRoute::Method { path: &first.path, allowed: &first.methods })
    }

    /// The routes with this pattern, whatever methods they allow.
    pub fn with_pattern(&self, pattern: &PathPattern) -> impl Iterator<Item = &Route<U>> {
        self.at(&pattern.0)
    }

    /// The routes whose pattern has exactly this text.
    fn at(&self, pattern: &str) -> impl Iterator<Item = &Route<U>> {
        let places = self.places.get(pattern).into_iter().flatten();
        places.filter_map(|&place| self.routes.get(place))
    }

    /// The routes, most specific first.
    pub fn iter(&self) -> impl Iterator<Item = &Route<U>> {
        self.routes.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(patterns: &[(&str, &[&str])]) -> Routes<usize> {
        let route = |(upstream, (path, methods)): (usize, &(&str, &[&str]))| Route {
            path: path.parse().unwrap(),
            methods: Methods::parse(methods.iter().copied()).unwrap(),
            rules: Rules::default(),
            authenticate: Authenticate::Certificate,
            max_body: 0,
            extras: None,
            upstream,
            metrics: crate::telemetry::metrics::Metrics::new().route(path),
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
    fn routes_are_listed_with_the_most_specific_first() {
        let routes =
            routes(&[("/", &["any"]), ("/b", &["any"]), ("/a/b/c/", &["any"]), ("/a/b", &["any"])]);
        let listed: Vec<_> = routes.iter().map(|route| route.path.to_string()).collect();
        assert_eq!(listed, ["/a/b", "/b", "/a/b/c/", "/"]);
    }

    #[test]
    fn a_slash_at_the_end_does_not_lead_around_an_exact_route() {
        let routes = routes(&[("/hooks/", &["POST"]), ("/hooks/wake", &["POST"])]);
        assert_eq!(find(&routes, Method::POST, "/hooks/wake/"), None);
        assert_eq!(find(&routes, Method::POST, "/hooks/wake/x"), Some(0));
        assert_eq!(find(&routes, Method::POST, "/hooks/agent/"), Some(0));
    }

    proptest! {
        /// The same decision as in the description of `find`, made by trying one route after the other.
        #[test]
        fn the_lookup_finds_what_a_search_through_all_routes_would(
            patterns in proptest::collection::vec(("(/[ab]{1,2}){0,3}/?", any::<bool>()), 1..8),
            path in "(/[ab]{1,2}){0,4}/?",
            post in any::<bool>(),
        ) {
            let rooted = |text: &str| if text.is_empty() { "/".to_owned() } else { text.to_owned() };
            let patterns: Vec<_> =
                patterns.iter().map(|(text, post)| (rooted(text), if *post { "POST" } else { "PUT" })).collect();
            let given: Vec<_> = patterns.iter().map(|(text, method)| (text.as_str(), [*method])).collect();
            let given: Vec<_> = given.iter().map(|(text, methods)| (*text, &methods[..])).collect();
            let path = rooted(&path);
            let method = if post { Method::POST } else { Method::PUT };

            let is_exact = |text: &str| !text.ends_with('/');
            let alias = patterns.iter().any(|(text, _)| is_exact(text) && format!("{text}/") == path);
            let opens = |text: &str| if is_exact(text) { path == text } else { path.starts_with(text) };
            let open = patterns.iter().map(|(text, _)| text).filter(|text| opens(text));
            let widest = open.max_by_key(|text| (is_exact(text), text.len()));
            let wanted = patterns.iter().position(|(text, name)| {
                !alias && Some(text) == widest && *name == method.as_str()
            });
            prop_assert_eq!(find(&routes(&given), method, &path), wanted);
        }
    }

    #[test]
    fn another_spelling_of_a_path_does_not_lead_around_its_route() {
        let patterns = ["/hooks/", "/hooks/team:a", "/hooks/%7Bx%7D", "/hooks/team:b/"];
        let routes = routes(&patterns.map(|path| (path, &["POST"][..])));
        for (path, exact) in [
            ("/hooks/team%3Aa", "/hooks/team:a"),
            ("/hooks/team%3aa/", "/hooks/team:a"),
            ("/hooks/%7bx%7D", "/hooks/%7Bx%7D"),
        ] {
            let parsed = RequestPath::parse(path).unwrap();
            let exact: PathPattern = exact.parse().unwrap();
            assert_eq!(
                routes.find(&Method::POST, &parsed).unwrap_err(),
                NoRoute::Alias(&exact),
                "{path}"
            );
        }
        assert_eq!(find(&routes, Method::POST, "/hooks/team%3Ab/x"), Some(3));
        assert_eq!(find(&routes, Method::POST, "/hooks/team%3Ab/"), Some(3));
        assert_eq!(find(&routes, Method::POST, "/hooks/team%3Aa/x"), Some(0));
        assert_eq!(find(&routes, Method::POST, "/hooks/user%40b"), Some(0));
    }

    /// Writes `meaning` with each character plain (0), or encoded with capital (1) or small (2) hex digits.
    fn spelled(meaning: &[(char, u8, u8)], second: bool) -> String {
        let letter = |(c, one, two): &(char, u8, u8)| match if second { two } else { one } {
            1 if *c != '/' => format!("%{:02X}", u32::from(*c)),
            2 if *c != '/' => format!("%{:02x}", u32::from(*c)),
            _ => c.to_string(),
        };
        meaning.iter().map(letter).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Two texts that `new URL` and `decodeURIComponent` read as the same path reach the same route, or at least
        /// one of them reaches none.
        #[test]
        fn two_spellings_of_a_path_never_reach_two_routes(
            meaning in proptest::collection::vec(
                (prop::sample::select(vec!['/', 'a', ':', '@', '{', '|', '+', '!', ' ', '%']), 0..3u8, 0..3u8), 0..8,
            ),
            cuts in proptest::collection::vec((0..9usize, any::<bool>()), 1..6),
        ) {
            let texts = [false, true].map(|second| format!("/{}", spelled(&meaning, second)));
            let usual = texts.iter().find_map(|text| Some(RequestPath::parse(text).ok()?.usual().into_owned()));
            let pattern = |(cut, slash): &(usize, bool)| {
                let mut text: String = usual.as_deref().unwrap_or("/").chars().take(1 + cut * 2).collect();
                if *slash && !text.ends_with('/') {
                    text.push('/');
                }
                Some(text).filter(|text| text.parse::<PathPattern>().is_ok())
            };
            let patterns: Vec<_> = cuts.iter().filter_map(pattern).chain(["/".to_owned()]).collect();
            let patterns: Vec<_> = patterns.iter().map(|text| (text.as_str(), &["POST"][..])).collect();
            let routes = routes(&patterns);
            let reached = texts.each_ref().map(|text| {
                let path = RequestPath::parse(text).ok()?;
                Some(routes.find(&Method::POST, &path).ok()?.path.to_string())
            });
            if let [Some(one), Some(two)] = reached {
                prop_assert_eq!(one, two, "{:?}", texts);
            }
        }
    }
}
