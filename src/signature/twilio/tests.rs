//! The signatures were made with the official libraries for Node 6.3.1 and Python.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;

use super::*;

const SECRET: &[u8] = b"12345";
const URL: &str = "https://mycompany.com";
const TARGET: &str = "/myapp.php?foo=1&bar=2";
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const CALL: &str =
    "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
const SIGNED_CALL: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
const JSON: &str = r#"{"property": "value", "boolean": true}"#;
const JSON_TARGET: &str =
    "/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const SIGNED_JSON: &str = "a9nBmqA0ju/hNViExpshrM61xv4=";
/// The URL alone.
const SIGNED_URL: &str = "zYQTYrRWXE7LtzbG4PfP7/bkkGo=";

#[derive(Clone)]
struct Request {
    url: Option<String>,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(signature: &str, content_type: &str, target: &str, body: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, signature.parse().unwrap());
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        Self { url: Some(URL.to_owned()), target: target.to_owned(), headers, body: body.into() }
    }

    fn form(signature: &str, body: &str) -> Self {
        Self::new(signature, FORM, TARGET, body)
    }

    fn json(signature: &str, body: &str) -> Self {
        Self::new(signature, "application/json", JSON_TARGET, body)
    }

    fn at(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    fn signed(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &Method::POST,
            target: &self.target,
            public_url: self.url.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// The index of the key that fits.
    fn verify(&self, secrets: &[&[u8]]) -> Result<usize, SignatureError> {
        verify(&self.signed(), secrets.iter().copied()).map(|found| found.key)
    }

    fn result(&self) -> Result<usize, SignatureError> {
        self.verify(&[SECRET])
    }
}

#[test]
fn a_form_is_signed_with_its_sorted_parameters() {
    assert_eq!(Request::form(SIGNED_CALL, CALL).result(), Ok(0));
}

#[test]
fn values_of_a_repeated_name_are_signed_sorted_and_once() {
    let body = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=5678";
    assert_eq!(Request::form("IK+Dwps556ElfBT0I3Rgjkr1wJU=", body).result(), Ok(0));
}

#[test]
fn parameters_are_decoded_and_empty_ones_count() {
    let body =
        "Body=Gr%C3%BC%C3%9Fe+%F0%9F%91%8B+a%2Bb%26c%3Dd&Empty=&MediaUrl0=https%3A%2F%2Fx%2F%3Fa%3Db";
    assert_eq!(Request::form("dVoZNCLk+mQ3r/ANbNu+r7Ve4N4=", body).result(), Ok(0));
}

#[test]
fn the_url_may_be_signed_with_or_without_its_port() {
    let with_port = "kvajT1Ptam85bY51eRf/AJRuM3w=";
    for url in [URL, "https://mycompany.com:443"] {
        for signature in [SIGNED_CALL, with_port] {
            assert_eq!(Request::form(signature, CALL).at(url).result(), Ok(0), "{url} {signature}");
        }
    }
    let plain = Request::form(SIGNED_CALL, CALL).at("http://mycompany.com");
    assert_eq!(plain.result(), Err(SignatureError::Mismatch));
}

#[test]
fn a_port_is_found_behind_user_and_ipv6_address_only() {
    let others = [
        ("https://example.org", "https://example.org:443"),
        ("http://example.org/base", "http://example.org:80/base"),
        ("https://example.org:8443/a:b", "https://example.org/a:b"),
        ("https://user:pass@example.org", "https://user:pass@example.org:443"),
        ("https://[2001:db8::1]:443", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
    ];
    for (url, other) in others {
        assert_eq!(other_port(url), other, "{url}");
    }
}

#[test]
fn a_body_that_is_no_form_is_covered_by_its_hash_in_the_url() {
    assert_eq!(Request::json(SIGNED_JSON, JSON).result(), Ok(0));
    let changed = Request::json(SIGNED_JSON, &JSON.replace("true", "True"));
    assert_eq!(changed.result(), Err(SignatureError::BodyNotCovered));
    let mut upper = Request::json(SIGNED_JSON, JSON);
    upper.target = upper.target.replace("0a1ff7634d", "0A1FF7634D");
    assert_eq!(upper.result(), Err(SignatureError::Mismatch), "the URL is signed as it is");
}

#[test]
fn a_body_that_nothing_covers_is_refused_even_with_a_right_signature_of_the_url() {
    let refused = Err(SignatureError::BodyNotCovered);
    for content_type in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
        assert_eq!(
            Request::new(SIGNED_URL, content_type, TARGET, JSON).result(),
            refused,
            "{content_type}"
        );
    }
    for body in ["=", "&&", "=&=", "&"] {
        assert_eq!(Request::form(SIGNED_URL, body).result(), refused, "{body}");
    }
    assert_eq!(Request::form(SIGNED_URL, "").result(), Ok(0), "a GET has no body");
}

#[test]
fn a_hash_in_the_url_must_fit_whatever_the_content_type_is() {
    for body in ["", "=", "a=b"] {
        let request = Request::new(SIGNED_JSON, FORM, JSON_TARGET, body);
        assert_eq!(request.result(), Err(SignatureError::BodyNotCovered), "{body}");
    }
    let mut twice = Request::json(SIGNED_JSON, JSON);
    twice.target.push_str("&bodySHA256=00");
    assert_eq!(twice.result(), Err(SignatureError::Twice(Source::Query(BODY_HASH.to_owned()))));
}

#[test]
fn the_settings_header_names_the_algorithm() {
    let sha256 = Request::form("033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=", CALL);
    assert_eq!(sha256.result(), Err(SignatureError::Mismatch));
    for settings in
        ["key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", " algorithm = hmac_sha256 , key=x"]
    {
        assert_eq!(sha256.clone().with(SETTINGS, settings).result(), Ok(0), "{settings}");
    }
    for settings in ["", "key=x", "key=x,algorithm=", "algorithm=HMAC_SHA1"] {
        assert_eq!(
            Request::form(SIGNED_CALL, CALL).with(SETTINGS, settings).result(),
            Ok(0),
            "{settings}"
        );
    }
    let unknown = sha256.with(SETTINGS, "key=x,algorithm=HMAC_SHA512");
    assert_eq!(unknown.result(), Err(SignatureError::Unsupported(SETTINGS)));
    let json = Request::json("+UOCWf84gdgo/5Hpg4m5/EgKnJA2/TbOw5sPNVr3bPk=", JSON);
    assert_eq!(json.with(SETTINGS, "key=x,algorithm=HMAC_SHA256").result(), Ok(0));
}

#[test]
fn each_secret_is_tried_and_an_empty_one_never_fits() {
    let request = Request::form(SIGNED_CALL, CALL);
    assert_eq!(request.verify(&[b"other", b"", SECRET]), Ok(2));
    assert_eq!(request.verify(&[b"other", b"123456"]), Err(SignatureError::Mismatch));
    let empty = sign(&request.signed(), b"", Algorithm::HmacSha1).unwrap();
    assert_eq!(Request::form(&empty, CALL).verify(&[b""]), Err(SignatureError::Mismatch));
}

#[test]
fn a_signature_that_is_missing_malformed_or_there_twice_is_refused() {
    let source = || Source::Header(SIGNATURE);
    let mut missing = Request::form(SIGNED_CALL, CALL);
    missing.headers.remove(SIGNATURE);
    assert_eq!(missing.result(), Err(SignatureError::Missing(source())));
    for text in ["", "*", "RSOYDt4T1cUTdK1PDd93/VVr8B8=,RSOYDt4T1cUTdK1PDd93/VVr8B8="] {
        assert_eq!(
            Request::form(text, CALL).result(),
            Err(SignatureError::Malformed(source())),
            "{text}"
        );
    }
    let twice = Request::form(SIGNED_CALL, CALL).with(SIGNATURE, SIGNED_CALL);
    assert_eq!(twice.result(), Err(SignatureError::Twice(source())));
    let types = Request::form(SIGNED_CALL, CALL).with(CONTENT_TYPE, "application/json");
    assert_eq!(types.result(), Err(SignatureError::Twice(Source::Header(CONTENT_TYPE))));
}

#[test]
fn the_head_alone_is_refused_without_signature_or_public_url() {
    let request = Request::form(SIGNED_CALL, "");
    assert_eq!(check_head(&request.signed()), Ok(()));
    assert_eq!(
        check_head(&Request::form("*", "").signed()),
        Err(SignatureError::Malformed(Source::Header(SIGNATURE)))
    );
    let unknown = Request { url: None, ..request };
    assert_eq!(check_head(&unknown.signed()), Err(SignatureError::NoPublicUrl));
    assert_eq!(unknown.result(), Err(SignatureError::NoPublicUrl));
}

#[test]
fn a_form_has_a_limited_number_of_parameters() {
    let most = "a=1&".repeat(MAX_PARAMETERS);
    assert_eq!(Request::form(SIGNED_CALL, &most).result(), Err(SignatureError::Mismatch));
    let refused = Err(SignatureError::TooManyParameters { max: MAX_PARAMETERS });
    assert_eq!(Request::form(SIGNED_CALL, &format!("{most}a=1")).result(), refused);
}

#[test]
fn the_same_event_has_one_key_with_whichever_secret_and_port_it_was_signed() {
    let event = |signature: &str, secrets: &[&[u8]]| {
        verify(&Request::form(signature, CALL).signed(), secrets.iter().copied()).unwrap().event
    };
    let known = event(SIGNED_CALL, &[SECRET, b"other"]);
    assert!(known.is_some());
    assert_eq!(event("kvajT1Ptam85bY51eRf/AJRuM3w=", &[SECRET]), known);
    assert_ne!(event(SIGNED_CALL, &[b"other", SECRET]), known, "it is the HMAC of the first secret");
}

proptest! {
    #[test]
    fn what_is_signed_is_verified_and_every_change_of_it_is_noticed(
        values in proptest::collection::vec("[ -~ü]{0,8}", 1..6), is_json: bool, secret in "[ -~]{1,40}",
        changed in 0usize..4096, bit in 0u8..8,
    ) {
        let names = (0..values.len()).map(|index| format!("{index}Name"));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(names.zip(&values)).finish();
        let mut request = if is_json {
            Request { target: covering_target("/a", form.as_bytes()), ..Request::json("x", &form) }
        } else {
            Request::form("x", &form)
        };
        let signature = sign(&request.signed(), secret.as_bytes(), Algorithm::HmacSha1).unwrap();
        request.headers.insert(SIGNATURE, signature.parse().unwrap());
        prop_assert_eq!(request.verify(&[secret.as_bytes()]), Ok(0));
        let longer = [secret.as_bytes(), b"x"].concat();
        prop_assert!(request.verify(&[&longer]).is_err());

        let at = changed % request.body.len();
        request.body[at] ^= 1 << bit;

        // Neither the encoding of a form is signed, nor where a name ends.
        let text = |body: &[u8]| {
            let parameters: BTreeSet<_> = form_urlencoded::parse(body).into_owned().collect();
            parameters.into_iter().map(|(name, value)| name + &value).collect::<String>()
        };
        let is_same = !is_json && text(&request.body) == text(form.as_bytes());
        prop_assert_eq!(request.verify(&[secret.as_bytes()]).is_ok(), is_same);
    }

    #[test]
    fn no_request_makes_it_panic(
        url in proptest::option::of("[ -~]{0,30}"), target in "[ -~]{0,60}", signature in "[ -~]{0,40}",
        settings in "[ -~]{0,40}", body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut request = Request::form(&signature, "");
        request.headers.insert(SETTINGS, settings.parse().unwrap());
        let request = Request { url, target, body, ..request };
        prop_assert!(request.result().is_err());
    }
}
