//! URLs: of upstreams, of a collector of spans, and of clawgate itself.

use std::sync::Arc;

use http::Uri;
use http::uri::Authority;

use crate::config::value_type::{Invalid, Kind, ValueType, invalid};
use crate::upstream::Target;

impl ValueType for Target {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        let shown = shown_url(text);
        text.parse::<Self>().map_err(|error| {
            Invalid::new(error.to_string().replace(text, &shown), "write e.g. http://127.0.0.1:18789")
        })
    }

    fn show(target: &Self) -> String {
        target.to_string()
    }
}

/// Where collectors take spans, below their own path (OTLP specification).
const OTLP_PATH: &str = "/v1/traces";

/// A collector, and the path at which it takes spans.
#[derive(Debug)]
pub(in crate::config) struct Collector;

impl ValueType for Collector {
    type Value = (Target, String);
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<(Target, String), Invalid> {
        const HINT: &str =
            "write the collector's address for OTLP over HTTP, e.g. http://127.0.0.1:4318";
        let unknown = || format!("`{}` is no http:// or https:// address", shown_url(text));
        let Ok(uri) = text.parse::<Uri>() else { return invalid(unknown(), HINT) };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return invalid(unknown(), HINT);
        };
        if uri.query().is_some() {
            let what = format!("`{}` has a query, which is not sent", shown_url(text));
            return invalid(
                what,
                "remove it; a token that the collector requires goes into trace.token_file",
            );
        }
        let target = format!("{scheme}://{authority}").parse();
        let Ok(target @ (Target::Http { .. } | Target::Https { .. })) = target else {
            return invalid(unknown(), HINT);
        };
        // As OTEL_EXPORTER_OTLP_ENDPOINT is read; some write the path too.
        let base = uri.path().trim_end_matches('/');
        Ok((target, format!("{}{OTLP_PATH}", base.strip_suffix(OTLP_PATH).unwrap_or(base))))
    }

    fn show((target, path): &(Target, String)) -> String {
        shown_collector(target, path)
    }
}

/// A collector without what stands before `/v1/traces` in its path: some collectors have a token there.
pub(in crate::config) fn shown_collector(target: &Target, path: &str) -> String {
    let (base, name) = path.split_at(path.len().saturating_sub(OTLP_PATH.len()));
    let base = if base.is_empty() { "" } else { "/…" };
    format!("{target}{base}{name}")
}

/// What webhook senders call: `https://HOST[:PORT]`, or the same with `http`.
#[derive(Debug)]
pub(in crate::config) struct PublicUrl;

impl ValueType for PublicUrl {
    type Value = Arc<str>;
    const KIND: Kind = Kind::Text;

    /// Keeps the spelling: some senders sign this text.
    fn read(text: &str) -> Result<Arc<str>, Invalid> {
        const HINT: &str = "write the scheme, host and port that webhook senders call, without a path and \
                            without a slash at the end, e.g. https://hooks.example.org";
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match rest.map(str::parse::<Authority>) {
            Some(Ok(authority)) if !authority.as_str().contains('@') => Ok(text.into()),
            _ => invalid(format!("`{}` is no http:// or https:// address alone", shown_url(text)), HINT),
        }
    }

    fn show(url: &Arc<str>) -> String {
        url.to_string()
    }
}

/// Scheme, host and port of a URL. Of user, path, query and fragment it only shows that they are there, since any of
/// them may be a token.
pub(super) fn shown_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("…@", rest));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let more = if host.len() < rest.len() { "/…" } else { "" };
    format!("{scheme}://{user}{host}{more}")
}
