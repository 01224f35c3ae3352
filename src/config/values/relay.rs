//! What the relay sends, and where.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri};

use super::url::shown_url;
use crate::config::value_type::{Invalid, Kind, ValueType, invalid};
use crate::relay::batch::BatchForm;
use crate::relay::idempotency::IdSource;
use crate::relay::rate::Rate;
use crate::signature::Pointer;
use crate::upstream::Target;

/// The name of a target.
#[derive(Debug)]
pub(in crate::config) struct TargetName;

impl ValueType for TargetName {
    type Value = String;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<String, Invalid> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.len() <= 64 && !text.is_empty() && text.chars().all(is_name) {
            return Ok(text.to_owned());
        }
        invalid(
            format!("`{text}` is no name for a target"),
            "write 1 to 64 small letters, digits and hyphens, e.g. analytics",
        )
    }

    fn show(name: &String) -> String {
        name.clone()
    }
}

/// A path that means itself only.
#[derive(Debug)]
pub(in crate::config) struct FixedPath;

impl ValueType for FixedPath {
    type Value = String;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<String, Invalid> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let is_segment = |segment: &str| {
            !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(is_plain)
        };
        match text.strip_prefix('/') {
            Some(rest) if text.len() <= 256 && rest.split('/').all(is_segment) => Ok(text.to_owned()),
            _ => invalid(
                format!("`{text}` is no path"),
                "write a slash, and then letters, digits and any of - . _ ~, e.g. /track",
            ),
        }
    }

    fn show(path: &String) -> String {
        path.clone()
    }
}

/// One URL, taken apart: server, `Host`, path and query.
#[derive(Debug)]
pub(in crate::config) struct TargetUrl;

/// What [`TargetUrl`] reads.
#[derive(Clone, Debug)]
pub(in crate::config) struct UrlParts {
    pub(in crate::config) server: Target,
    pub(in crate::config) host: HeaderValue,
    pub(in crate::config) target: PathAndQuery,
}

impl ValueType for TargetUrl {
    type Value = UrlParts;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<UrlParts, Invalid> {
        const HINT: &str = "write the whole URL of the API, e.g. https://api.example.org/v1/events";
        let shown = shown_url(text);
        let unknown = || Invalid::new(format!("`{shown}` is no https:// URL"), HINT);
        // `Uri` drops a fragment without a word.
        if text.contains('#') {
            return invalid(format!("`{shown}` has a `#`, and what follows it is never sent"), HINT);
        }
        let uri: Uri = text.parse().map_err(|_| unknown())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(unknown());
        };
        if authority.as_str().contains('@') {
            let what = format!("`{shown}` has a user or a password in it");
            return invalid(what, "remove it, and use auth = { username = …, password_file = … }");
        }
        let server: Target = format!("{scheme}://{authority}").parse().map_err(|_| unknown())?;
        if !matches!(server, Target::Http { .. } | Target::Https { .. }) || authority.host().is_empty() {
            return Err(unknown());
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| unknown())?;
        let target = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(UrlParts { server, host, target })
    }

    fn show(url: &UrlParts) -> String {
        url.server.to_string()
    }
}

/// The name of a header.
#[derive(Debug)]
pub(in crate::config) struct HeaderText;

impl ValueType for HeaderText {
    type Value = HeaderName;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<HeaderName, Invalid> {
        text.parse().map_err(|_| {
            Invalid::new(format!("`{text}` is no name of a header"), "write e.g. x-incoming-secret")
        })
    }

    fn show(name: &HeaderName) -> String {
        name.to_string()
    }
}

/// Where the id of an event is.
#[derive(Debug)]
pub(in crate::config) struct RelayId;

impl ValueType for RelayId {
    /// With the text itself, for people.
    type Value = (IdSource, String);
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<(IdSource, String), Invalid> {
        match IdSource::new(text) {
            Ok(id) => Ok((id, text.to_owned())),
            Err(error) => invalid(error.to_string(), error.hint()),
        }
    }

    fn show((_, text): &(IdSource, String)) -> String {
        text.clone()
    }
}

/// The table of a mapping, which is not read as one text.
#[derive(Debug)]
pub(in crate::config) struct TargetFields;

impl ValueType for TargetFields {
    type Value = ();
    const KIND: Kind = Kind::Table;

    fn read(_: &str) -> Result<(), Invalid> {
        Ok(())
    }

    fn show((): &()) -> String {
        String::new()
    }
}

/// A pointer into an event; the mapping checks it.
#[derive(Debug)]
pub(in crate::config) struct PointerText;

impl ValueType for PointerText {
    type Value = String;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<String, Invalid> {
        Ok(text.to_owned())
    }

    fn show(pointer: &String) -> String {
        pointer.clone()
    }
}

/// How events are put together.
#[derive(Debug)]
pub(in crate::config) struct BatchShape;

impl ValueType for BatchShape {
    type Value = BatchForm;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<BatchForm, Invalid> {
        match text {
            "array" => Ok(BatchForm::Array),
            "ndjson" => Ok(BatchForm::Ndjson),
            _ => text.parse::<Pointer>().map(BatchForm::Wrap).map_err(|_| {
                let what = format!("`{text}` is no form of a batch");
                Invalid::new(what, "use `array`, `ndjson`, or a pointer such as `/events`")
            }),
        }
    }

    fn show(form: &BatchForm) -> String {
        match form {
            BatchForm::Array => "array".to_owned(),
            BatchForm::Ndjson => "ndjson".to_owned(),
            BatchForm::Wrap(pointer) => pointer.to_string(),
        }
    }
}

impl ValueType for Rate {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|error| {
            Invalid::new(format!("`{text}` {error}"), "write what the API's documentation allows")
        })
    }

    fn show(rate: &Self) -> String {
        rate.to_string()
    }
}

/// A status of 4xx. [`RetryRules`](crate::relay::retry::RetryRules) says which are possible.
#[derive(Debug)]
pub(in crate::config) struct RefusedStatus;

impl ValueType for RefusedStatus {
    type Value = u16;
    const KIND: Kind = Kind::Count;

    fn read(text: &str) -> Result<u16, Invalid> {
        text.parse().map_err(|_| Invalid::new(format!("`{text}` is no status"), "write e.g. 409"))
    }

    fn show(status: &u16) -> String {
        status.to_string()
    }
}
