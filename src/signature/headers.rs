//! Which header fields have signatures.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName};

use super::preset::Method;
use super::presets::PRESETS;
use super::scheme::Scheme;
use super::source::Source;

/// The field of HTTP Message Signatures (RFC 9421 section 4.2).
const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// Where the known senders have a signature over the body.
static KNOWN: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let signing = PRESETS.iter().filter(|preset| preset.method != Method::Token);
    let places = signing.flat_map(|preset| preset.layouts).flat_map(|layout| layout.signature);
    places.filter_map(|place| place.parse().ok()).collect()
});

impl Scheme {
    /// The fields of `headers` that have its signatures. A token is no signature: it fits any body.
    pub fn signature_headers(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        if self.method() == Method::Token {
            return Vec::new();
        }
        let sources = || self.layouts.iter().flat_map(|layout| &layout.signature);
        headers.keys().filter(|name| sources().any(|source| is_at(source, name))).cloned().collect()
    }
}

/// The first of `headers` that is known to have a signature over the body.
pub fn known_signature_header(headers: &HeaderMap) -> Option<&HeaderName> {
    headers.keys().find(|name| **name == SIGNATURE || KNOWN.iter().any(|source| is_at(source, name)))
}

fn is_at(source: &Source, name: &HeaderName) -> bool {
    match source {
        Source::Header(own) => own == name,
        Source::Headers(prefix) => name.as_str().starts_with(prefix),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::overrides::Overrides;
    use super::super::presets::preset;
    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        let value = HeaderValue::from_static("x");
        names.iter().map(|name| (HeaderName::from_static(name), value.clone())).collect()
    }

    #[test]
    fn a_scheme_names_its_own_signatures_and_neither_ids_nor_tokens() {
        let all = headers(&[
            "webhook-id",
            "webhook-signature",
            "svix-signature",
            "x-docusign-signature-1",
            "x-docusign-signature-2",
            "x-gitlab-token",
        ]);
        let of = |name: &str| {
            let scheme = Scheme::new(preset(name).unwrap(), Overrides::default()).unwrap();
            let mut names: Vec<_> =
                scheme.signature_headers(&all).iter().map(ToString::to_string).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(of("standard-webhooks"), ["svix-signature", "webhook-signature"]);
        assert_eq!(of("docusign"), ["x-docusign-signature-1", "x-docusign-signature-2"]);
        assert_eq!(of("gitlab"), [""; 0]);
    }

    #[test]
    fn signatures_of_known_senders_are_found() {
        for name in ["x-slack-signature", "x-hub-signature-256", "x-docusign-signature-1", "signature"] {
            assert_eq!(known_signature_header(&headers(&["host", name])).unwrap(), name);
        }
        assert_eq!(known_signature_header(&headers(&["host", "x-gitlab-token", "webhook-id"])), None);
    }
}
