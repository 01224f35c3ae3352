//! Whether a request that changes something comes from clawgate's own page, or from no browser.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A page of clawgate, or no browser.
    Own,
    /// A page of another site, as the browser says.
    Foreign,
    /// A browser that does not say which page: `Origin: null` without `Sec-Fetch-Site`.
    Unclear,
}

/// Where a request comes from. A browser that knows the token, or reaches a listener without one, would send a form of any page.
///
/// Browsers send `Origin: null` with the forms of a page that has no `Referer` (Fetch, section 3.1 "Origin header"). Then
/// `Sec-Fetch-Site`, which no page can set, must say that it is an own one. They send that field only to addresses that
/// are loopback or use TLS, and so the pages of the console allow the `Referer` for their own forms.
pub(super) fn origin(headers: &HeaderMap) -> Origin {
    let is_null = headers.get(ORIGIN).is_some_and(|origin| origin == "null");
    match is_own(headers) {
        true => Origin::Own,
        false if is_null && !headers.contains_key("sec-fetch-site") => Origin::Unclear,
        false => Origin::Foreign,
    }
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site");
    if headers.get_all(ORIGIN).iter().count() > 1 {
        return false;
    }
    match text(ORIGIN.as_str()) {
        Some("null") => site == Some("same-origin"),
        Some(origin) => {
            let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            let asked = text(HOST.as_str());
            host.is_some()
                && host.zip(asked).is_some_and(|(host, asked)| host.eq_ignore_ascii_case(asked))
                && site.is_none_or(|site| site == "same-origin")
        }
        None => site.is_none_or(|site| site == "same-origin"),
    }
}

/// Whether `presented` is the nonce that only clawgate's own pages have.
pub(super) fn is_nonce(presented: &str, nonce: &str) -> bool {
    verify_slices_are_equal(presented.as_bytes(), nonce.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_host_that_was_asked_and_programs_are_own() {
        let of = |fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            });
            let mut headers: HeaderMap = fields.collect();
            headers.insert(HOST, http::HeaderValue::from_static("127.0.0.1:9443"));
            origin(&headers)
        };
        let own = |fields: &[(&'static str, &'static str)]| of(fields) == Origin::Own;
        assert!(own(&[]));
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("origin", "http://127.0.0.1:9443")]));
        assert!(own(&[("origin", "https://127.0.0.1:9443"), ("sec-fetch-site", "same-origin")]));
        assert!(own(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));

        for foreign in ["null", "", "http://127.0.0.1", "http://127.0.0.1:9444", "127.0.0.1:9443"] {
            assert!(!own(&[("origin", foreign)]), "{foreign}");
        }
        assert_eq!(of(&[("origin", "null")]), Origin::Unclear);
        assert_eq!(of(&[("origin", "null"), ("sec-fetch-site", "cross-site")]), Origin::Foreign);
        assert_eq!(of(&[("origin", "http://evil.example")]), Origin::Foreign);
        for site in ["cross-site", "same-site", "none"] {
            assert!(!own(&[("sec-fetch-site", site)]), "{site}");
            assert!(!own(&[("origin", "null"), ("sec-fetch-site", site)]), "{site}");
            let origin = ("origin", "http://127.0.0.1:9443");
            assert!(!own(&[origin, ("sec-fetch-site", site)]), "{site}");
        }
    }
}
