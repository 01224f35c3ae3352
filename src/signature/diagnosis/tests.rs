use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderValue, Method as HttpMethod};
use proptest::prelude::*;

use super::super::{Overrides, PRESETS, preset, twilio};
use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;
const SECRET: &str = "a secret of the test";
const BODY: &str = r#"{"id": 1, "text": "a, b: c"}"#;

fn verifier_with(scheme: Scheme, secrets: &[&str]) -> Verifier {
    let key = |secret: &&str| Key::read("certs-key", secret.as_bytes(), &scheme).unwrap();
    let keys = secrets.iter().map(key).collect();
    Verifier::new(scheme, keys).unwrap()
}

fn verifier(name: &str, secret: &str) -> Verifier {
    verifier_with(Scheme::new(preset(name).unwrap(), Overrides::default()).unwrap(), &[secret])
}

fn mac(algorithm: hmac::Algorithm, secret: &[u8], signed: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes()).as_ref().to_vec()
}

fn hex(secret: &str, signed: &str) -> String {
    Encoding::Hex.encode(&mac(hmac::HMAC_SHA256, secret.as_bytes(), signed))
}

/// A request with its headers and body.
#[derive(Clone)]
struct Request {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(body: &str) -> Self {
        Self { headers: HeaderMap::new(), body: body.into() }
    }

    /// As GitHub sends it.
    fn github(signature: &str) -> Self {
        Self::new(BODY).with("x-hub-signature-256", &format!("sha256={signature}"))
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    fn received(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &HttpMethod::POST,
            target: "/hook?a=1",
            public_url: Some("https://example.org"),
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn diagnose_beside(&self, verifier: &Verifier, others: &[(&str, &Verifier)]) -> Option<Cause> {
        let request = self.received();
        let error = verifier.verify(&request, NOW).expect_err("the request is valid");
        diagnose(verifier, &request, &error, NOW, others.iter().copied())
    }

    fn diagnose(&self, verifier: &Verifier) -> Option<Cause> {
        self.diagnose_beside(verifier, &[])
    }
}

fn other_settings<const N: usize>(settings: [(&'static str, &str); N]) -> Option<Cause> {
    let setting = |(key, value): (_, &str)| Setting { key, value: value.to_owned() };
    Some(Cause::OtherSettings(settings.map(setting).into()))
}

#[test]
fn a_signature_in_another_encoding_is_recognised() {
    let signature = Encoding::Base64.encode(&mac(hmac::HMAC_SHA256, SECRET.as_bytes(), BODY));
    let cause = Request::github(&signature).diagnose(&verifier("github", SECRET));
    assert_eq!(cause, other_settings([("encoding", "base64")]));

    let shopify = Request::new(BODY).with("x-shopify-hmac-sha256", &hex(SECRET, BODY));
    assert_eq!(shopify.diagnose(&verifier("shopify", SECRET)), other_settings([("encoding", "hex")]));
}

#[test]
fn a_signature_with_another_prefix_or_algorithm_is_recognised() {
    let bare = Request::new(BODY).with("x-hub-signature-256", &hex(SECRET, BODY));
    assert_eq!(bare.diagnose(&verifier("github", SECRET)), other_settings([("prefix", "")]));

    let sha512 = Encoding::Hex.encode(&mac(hmac::HMAC_SHA512, SECRET.as_bytes(), BODY));
    let sha512 = Request::github(&sha512).diagnose(&verifier("github", SECRET));
    assert_eq!(sha512, other_settings([("algorithm", "sha512")]));
}

#[test]
fn a_sha1_header_beside_the_sha256_header_is_recognised() {
    let sha1 = Encoding::Hex.encode(&mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes(), BODY));
    let both = Request::github(&hex(SECRET, BODY)).with("x-hub-signature", &format!("sha1={sha1}"));
    let cause = both.diagnose(&verifier("bitbucket", SECRET));
    assert_eq!(cause, other_settings([("algorithm", "sha1"), ("prefix", "sha1=")]));

    let only_sha256 = Request::github(&hex(SECRET, BODY)).diagnose(&verifier("bitbucket", SECRET));
    assert_eq!(only_sha256, other_settings([("signature", "header:x-hub-signature-256")]));
}

#[test]
fn a_secret_that_is_decoded_or_taken_literally_is_recognised() {
    let literal = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let decoded = Encoding::Base64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();

    let stripe = format!(
        "t=0,v1={}",
        Encoding::Hex.encode(&mac(hmac::HMAC_SHA256, &decoded, &format!("0.{BODY}")))
    );
    let stripe = Request::new(BODY).with("stripe-signature", &stripe);
    assert_eq!(
        stripe.diagnose(&verifier("stripe", literal)),
        other_settings([("secret_encoding", "whsec")])
    );

    let svix =
        Encoding::Base64.encode(&mac(hmac::HMAC_SHA256, literal.as_bytes(), &format!("msg_1.0.{BODY}")));
    let svix = Request::new(BODY)
        .with("svix-id", "msg_1")
        .with("svix-timestamp", "0")
        .with("svix-signature", &format!("v1,{svix}"));
    assert_eq!(svix.diagnose(&verifier("svix", literal)), other_settings([("secret_encoding", "text")]));
}

#[test]
fn a_line_end_or_a_blank_in_the_secret_is_recognised() {
    let file = Arc::from("certs-key");
    let request = Request::github(&hex(&format!("{SECRET}\n"), BODY));
    assert_eq!(
        request.diagnose(&verifier("github", SECRET)),
        Some(Cause::LineEndInSecret { file: Arc::clone(&file) })
    );

    let request = Request::github(&hex(SECRET, BODY));
    let with_blank = verifier("github", &format!("{SECRET} \n"));
    assert_eq!(request.diagnose(&with_blank), Some(Cause::BlanksAroundSecret { file }));
}

#[test]
fn the_key_of_another_route_is_recognised_with_this_scheme_and_with_its_own() {
    let own = verifier("github", SECRET);
    let others = [("/a", verifier("github", "another")), ("/b", verifier("github", "the right one"))];
    let others: Vec<_> = others.iter().map(|(route, verifier)| (*route, verifier)).collect();
    let cause =
        |route: &str| Some(Cause::OtherRoute { route: route.to_owned(), file: "certs-key".into() });
    let request = Request::github(&hex("the right one", BODY));
    assert_eq!(request.diagnose_beside(&own, &others), cause("/b"));
    assert_eq!(request.diagnose(&own), None);

    let slack = verifier("slack", "the right one");
    let signature = format!("v0={}", hex("the right one", &format!("v0:0:{BODY}")));
    let request = Request::github(&hex("unknown", BODY))
        .with("x-slack-signature", &signature)
        .with("x-slack-request-timestamp", "0");
    assert_eq!(request.diagnose_beside(&own, &[("/slack", &slack)]), cause("/slack"));
}

#[test]
fn a_body_that_was_changed_on_its_way_is_recognised() {
    let compact = r#"{"id":1,"text":"ü, b"}"#;
    let spaced = r#"{"id": 1, "text": "\u00fc, b"}"#;
    let indented = "{\n  \"id\": 1,\n  \"text\": \"ü, b\"\n}";
    let reformatted = |style, ascii| BodyChange::Reformatted { style, ascii };
    for (signed, came, change) in [
        ("a\n", "a", BodyChange::LineEndMissing),
        ("a\r\n", "a", BodyChange::LineEndMissing),
        ("a", "a\n", BodyChange::LineEndAdded),
        ("a", "a\r\n", BodyChange::LineEndAdded),
        ("a\nb\rc\n", "a\r\nb\rc\r\n", BodyChange::LineEndsConverted),
        (compact, indented, reformatted(Style::Compact, false)),
        (indented, compact, reformatted(Style::Indented, false)),
        (spaced, compact, reformatted(Style::Spaced, true)),
    ] {
        let request = Request { body: came.into(), ..Request::github(&hex(SECRET, signed)) };
        let cause = request.diagnose(&verifier("github", SECRET));
        assert_eq!(cause, Some(Cause::OtherBody(change)), "{signed:?} {came:?}");
    }
}

#[test]
fn another_public_url_is_recognised() {
    let square = |base: &str| {
        let signed = mac(hmac::HMAC_SHA256, SECRET.as_bytes(), &format!("{base}/hook?a=1{BODY}"));
        Request::new(BODY)
            .with("x-square-hmacsha256-signature", &Encoding::Base64.encode(&signed))
            .with("host", "internal.example:8443")
    };
    for url in [
        "http://example.org",
        "https://example.org:443",
        "http://example.org:80",
        "https://internal.example:8443",
        "https://internal.example",
        "http://internal.example:8443",
    ] {
        let cause = square(url).diagnose(&verifier("square", SECRET));
        assert_eq!(cause, Some(Cause::OtherUrl(url.to_owned())));
    }
    assert_eq!(square("https://elsewhere.example").diagnose(&verifier("square", SECRET)), None);
    let odd = square("https://a\"b").with("host", "a\"b");
    assert_eq!(odd.diagnose(&verifier("square", SECRET)), None, "a host that is not safe in a log line");
}

#[test]
fn another_public_url_is_recognised_with_twilio() {
    let form = Request::new("A=1").with("content-type", "application/x-www-form-urlencoded");
    let signed = SignedRequest { public_url: Some("http://example.org"), ..form.received() };
    let signature = twilio::sign(&signed, SECRET.as_bytes(), Algorithm::HmacSha1).unwrap();
    let request = form.with("x-twilio-signature", &signature);
    let cause = request.diagnose(&verifier("twilio", SECRET));
    assert_eq!(cause, Some(Cause::OtherUrl("http://example.org".to_owned())));
}

#[test]
fn a_time_in_another_unit_is_recognised_and_else_how_far_it_is_away() {
    let at = |time: &str| {
        let signature = hex(SECRET, &format!("v0:{time}:{BODY}"));
        let request = Request::new(BODY).with("x-slack-signature", &format!("v0={signature}"));
        request.with("x-slack-request-timestamp", time)
    };
    let diagnosed = |time: &str, now: u64| {
        let request = at(time);
        let now = NOW + Duration::from_secs(now);
        let signed = SignedRequest { body: &[], ..request.received() };
        let verifier = verifier("slack", SECRET);
        let error = verifier.check_head(&signed, now).unwrap_err();
        diagnose(&verifier, &signed, &error, now, [])
    };
    let now = 1_800_000_000;
    assert_eq!(diagnosed("1800000000123", now), other_settings([("timestamp_unit", "ms")]));
    assert_eq!(diagnosed("2027-01-15T08:00:00Z", now), other_settings([("timestamp_unit", "rfc3339")]));
    assert_eq!(diagnosed("yesterday", now), None);
    assert_eq!(diagnosed("1799999000", now), Some(Cause::Stale { by: Duration::from_secs(1000) }));
    assert_eq!(diagnosed("1800001000", now), Some(Cause::Future { by: Duration::from_secs(1000) }));
}

#[test]
fn a_compressed_body_is_mentioned_if_nothing_else_fits() {
    let unknown = Request::github(&hex("unknown", BODY));
    assert_eq!(unknown.diagnose(&verifier("github", SECRET)), None);
    assert_eq!(
        unknown.clone().with("content-encoding", "identity").diagnose(&verifier("github", SECRET)),
        None
    );
    let compressed = unknown.with("content-encoding", "gzip");
    assert_eq!(compressed.diagnose(&verifier("github", SECRET)), Some(Cause::Compressed));
}

#[test]
fn a_public_key_scheme_is_diagnosed_without_secrets() {
    let scheme = Scheme::new(preset("discord").unwrap(), Overrides::default()).unwrap();
    let key = Key::read("certs-key", "ab".repeat(32).as_bytes(), &scheme).unwrap();
    let verifier = Verifier::new(scheme, vec![key]).unwrap();
    let request = Request::new(BODY)
        .with("x-signature-ed25519", &"ab".repeat(64))
        .with("x-signature-timestamp", "0");
    assert_eq!(request.diagnose(&verifier), None);
}

#[test]
fn few_and_short_headers_are_searched_for_a_signature_those_of_the_scheme_first() {
    let mut request = Request::new(BODY).with("x-a-signature", &"a".repeat(MAX_SIGNATURE_TEXT + 1));
    for index in 0..MAX_HEADERS {
        let name: HeaderName = format!("x-signature-{index}").parse().unwrap();
        request.headers.insert(name, HeaderValue::from_static("ab"));
    }
    let request = request.with("x-hub-signature-256", "ab").with("x-other", "ab");
    let scheme = Scheme::new(preset("github").unwrap(), Overrides::default()).unwrap();

    let found = signature_headers(&scheme, &request.received());

    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), MAX_HEADERS);
    assert_eq!(names[0], "x-hub-signature-256");
    assert!(!names.contains(&"x-a-signature") && !names.contains(&"x-other"), "{names:?}");
}

#[test]
fn a_trial_that_costs_more_than_is_left_is_not_made() {
    let verifier = verifier("github", SECRET);
    let request = Request::github(&hex(SECRET, BODY));
    let signed = request.received();
    let cost = 2 * (BODY.len() + SECRET_COST);
    let mut trials = Trials { verifier: &verifier, request: signed, now: NOW, budget: 2 * cost - 1 };

    assert!(trials.fits(&verifier, &signed).is_some());
    assert_eq!(trials.budget, cost - 1);
    assert!(trials.fits(&verifier, &signed).is_none());
}

#[test]
fn every_cause_is_a_sentence_with_a_hint_and_shows_no_secret() {
    let file: Arc<str> = "certs-key".into();
    let by = Duration::from_secs(400);
    let settings = vec![
        Setting { key: "algorithm", value: "sha1".to_owned() },
        Setting { key: "prefix", value: "sha1=".to_owned() },
    ];
    let causes = [
        Cause::OtherSettings(settings),
        Cause::LineEndInSecret { file: Arc::clone(&file) },
        Cause::BlanksAroundSecret { file: Arc::clone(&file) },
        Cause::OtherRoute { route: "/b".to_owned(), file },
        Cause::OtherBody(BodyChange::Reformatted { style: Style::Spaced, ascii: true }),
        Cause::OtherUrl("http://example.org".to_owned()),
        Cause::Stale { by },
        Cause::Future { by },
        Cause::Compressed,
    ];
    let lines: Vec<_> =
        causes.iter().map(|cause| format!("{cause}\n  hint: {}", cause.hint())).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    the signature fits with `algorithm = "sha1"` and `prefix = "sha1="`
      hint: if this is the sender's way to sign, set `algorithm = "sha1"` and `prefix = "sha1="` in [route.verify]
    the signature fits if a line end is a part of the secret of certs-key
      hint: enter the secret at the sender again, without a line end; clawgate removes the one at the end of a file
    the signature fits without the blanks around the secret of certs-key
      hint: remove the blanks from the file
    the signature fits the key certs-key of the route /b
      hint: let the sender call /b, or write its secret for this route into the file of this route
    the signature fits the body written as JSON with a blank after each comma and colon and with non-ASCII characters escaped
      hint: something before clawgate changes bodies, or the sender signs another text than it sends; let each proxy pass the body unchanged
    the signature fits if the public URL is http://example.org
      hint: set `public_url = "http://example.org"` in [listen] if senders call this, or correct the address at the sender
    the request was signed 400 s ago
      hint: compare the clocks of sender and receiver; if they are right, an old request was sent again, or it was on its way for long
    the request was signed 400 s in the future
      hint: compare the clocks of sender and receiver
    no known mistake explains the signature, and the body came compressed
      hint: clawgate verifies the bytes as they came; if the sender signs the text before compression, switch its compression off
    "#);
}

proptest! {
    #[test]
    fn no_request_makes_it_panic_or_is_explained_by_its_own_key_or_breaks_a_log_line(
        number in 0..PRESETS.len(), body in r#"[\[\]{}",:\\ a1\nü\r]{0,30}"#, json: bool,
        signature in "(t=1,)?(v[01][=,])?(sha(1|256)=)?([0-9a-f]{40}|[0-9a-f]{64}|[A-Za-z0-9+/]{43}=|[ -~]{0,20})",
        other in "[ -~]{0,20}",
    ) {
        // Some presets need more settings, others a public key.
        let Ok(scheme) = Scheme::new(&PRESETS[number], Overrides::default()) else { return Ok(()) };
        let Ok(key) = Key::read("certs-key", b"Y2xhd2dhdGU=", &scheme) else { return Ok(()) };
        let mut request = Request::new(&if json { format!(r#"{{"id":"{number}"}}{body}"#) } else { body });
        for source in scheme.layouts.iter().flat_map(|layout| layout.signature.iter().chain(&layout.timestamp)) {
            if let Source::Header(name) = source {
                let value = if name.as_str().contains("time") { "1" } else { signature.as_str() };
                request.headers.insert(name, value.parse().unwrap());
            }
        }
        let request = request.with("x-hub-signature", &signature).with("host", &other);
        let verifier = Verifier::new(scheme, vec![key]).unwrap();

        let cause = request.diagnose_beside(&verifier, &[("/other", &verifier)]);

        prop_assert!(!matches!(cause, Some(Cause::OtherRoute { .. })), "{:?}", cause);
        let text = cause.map(|cause| format!("{cause}{}", cause.hint())).unwrap_or_default();
        prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
    }
}
