//! Several signatures in a request: lists, fields, several headers, two families of headers.

use clawgate::signature::{
    Algorithm, MAX_PUBLIC_KEY_SIGNATURES, MAX_SIGNATURES, OutgoingRequest, SignatureError, Verifier,
};

use super::senders::{Sender, senders};
use super::{NOW, add, at, post, scheme, verifier, verify, with};

fn signed(verifier: &Verifier, body: &str) -> OutgoingRequest {
    let mut request = post(body);
    verifier.sign(&mut request, at(NOW), "evt_1").unwrap();
    request
}

fn header(request: &OutgoingRequest, name: &str) -> String {
    request.headers[name].to_str().unwrap().to_owned()
}

fn with_header(request: &OutgoingRequest, name: &'static str, value: &str) -> OutgoingRequest {
    let mut request = request.clone();
    request.headers.insert(name, value.parse().unwrap());
    request
}

#[test]
fn every_signature_of_a_list_is_tried() {
    for (name, header_name, separator) in [
        ("standard-webhooks", "webhook-signature", " "),
        ("stripe", "stripe-signature", ","),
        ("stripe", "stripe-signature", ", "),
        ("pagerduty", "x-pagerduty-signature", ","),
        ("paddle", "paddle-signature", ";"),
    ] {
        let verifier = verifier(scheme(name), &["c2VjcmV0"]);
        let request = signed(&verifier, "{}");
        let right = header(&request, header_name);
        // Of the header, the last item is the signature; a field with the time may be before it.
        let is_last = |at: usize| right[at..].starts_with([',', ';']) && separator != " ";
        let last = (0..right.len()).rev().find(|at| is_last(*at));
        let (before, signature) = last.map_or(("", &right[..]), |at| (&right[..at], &right[at + 1..]));
        let wrong = signature.replace(char::is_alphanumeric, "0").replacen("00", &signature[..2], 1);
        let before = if before.is_empty() { Vec::new() } else { vec![before] };
        for list in [
            vec![signature, &wrong, &wrong],
            vec![&wrong, signature, &wrong],
            vec![&wrong, &wrong, signature],
            vec!["", signature, ""],
            vec!["v0=00", "v9,unknown", "nonsense", signature],
        ] {
            let list = [before.clone(), list].concat().join(separator);
            let request = with_header(&request, header_name, &list);
            assert!(verify(&verifier, &request, at(NOW)).is_ok(), "{name}: {list}");
        }
        let list = [before, vec![&wrong, &wrong]].concat().join(separator);
        let request = with_header(&request, header_name, &list);
        assert_eq!(
            verify(&verifier, &request, at(NOW)),
            Err(SignatureError::Mismatch),
            "{name}: {list}"
        );
    }
}

#[test]
fn more_signatures_than_are_tried_are_refused_even_if_one_is_right() {
    let verifier = verifier(scheme("pagerduty"), &["secret"]);
    let request = signed(&verifier, "{}");
    let right = header(&request, "x-pagerduty-signature");
    let list = |count: usize| vec![right.as_str(); count].join(",");

    let most = with_header(&request, "x-pagerduty-signature", &list(MAX_SIGNATURES));
    assert!(verify(&verifier, &most, at(NOW)).is_ok());
    let more = with_header(&request, "x-pagerduty-signature", &list(MAX_SIGNATURES + 1));
    let error = SignatureError::TooManySignatures { max: MAX_SIGNATURES };
    assert_eq!(verify(&verifier, &more, at(NOW)), Err(error));
}

#[test]
fn fewer_signatures_of_public_keys_are_tried() {
    let is_v1a = |sender: &&Sender| {
        sender.name == "standard-webhooks" && sender.algorithm == Some(Algorithm::Ed25519)
    };
    let sender = senders().into_iter().find(|sender| is_v1a(&sender)).unwrap();
    let verifier = sender.verifier(b"");
    let mut request = post("{}");
    sender.sign(&verifier, &mut request, at(NOW), "evt_1").unwrap();
    let right = header(&request, "webhook-signature");
    let list = |count: usize| vec![right.as_str(); count].join(" ");

    let most = with_header(&request, "webhook-signature", &list(MAX_PUBLIC_KEY_SIGNATURES));
    assert!(verify(&verifier, &most, at(NOW)).is_ok());
    let more = with_header(&request, "webhook-signature", &list(MAX_PUBLIC_KEY_SIGNATURES + 1));
    let error = SignatureError::TooManySignatures { max: MAX_PUBLIC_KEY_SIGNATURES };
    assert_eq!(verify(&verifier, &more, at(NOW)), Err(error));
}

#[test]
fn a_second_line_of_the_signature_header_is_refused() {
    for sender in senders() {
        let Some(name) = sender.scheme.preset().layouts.first().and_then(|layout| {
            layout.signature[0].strip_prefix("header:").filter(|name| !name.ends_with('*'))
        }) else {
            continue;
        };
        let verifier = sender.verifier(b"secret");
        let mut request = post("{}");
        sender.sign(&verifier, &mut request, at(NOW), "evt_1").unwrap();
        let again = header(&request, name);
        add(&mut request, name, &again);

        let error = SignatureError::Twice(format!("header:{name}").parse().unwrap());
        assert_eq!(verify(&verifier, &request, at(NOW)), Err(error), "{}", sender.name);
    }
}

#[test]
fn each_header_of_a_pattern_is_tried_and_each_may_be_there_once() {
    let docusign = verifier(scheme("docusign"), &["secret"]);
    let request = signed(&docusign, "{}");
    let right = header(&request, "x-docusign-signature-1");
    let mut several = with_header(&request, "x-docusign-signature-1", "d3Jvbmc=");
    for (name, value) in [("x-docusign-signature-2", "not base64"), ("x-docusign-signature-3", &right)] {
        add(&mut several, name, value);
    }
    assert!(verify(&docusign, &several, at(NOW)).is_ok());

    add(&mut several, "x-docusign-signature-2", "d3Jvbmc=");
    assert!(matches!(verify(&docusign, &several, at(NOW)), Err(SignatureError::Twice(_))));
}

#[test]
fn either_signature_of_box_suffices_with_any_of_the_keys() {
    let signer = verifier(scheme("box"), &["first"]);
    let mut request = signed(&signer, "{}");
    let right = request.headers.remove("box-signature-primary").unwrap();
    let receiver = verifier(scheme("box"), &["second", "first"]);
    assert_eq!(
        verify(&receiver, &request, at(NOW)),
        Err(SignatureError::Missing("header:box-signature-primary".parse().unwrap()))
    );

    add(&mut request, "box-signature-primary", "d3Jvbmc=");
    request.headers.insert("box-signature-secondary", right);
    assert_eq!(&**verify(&receiver, &request, at(NOW)).unwrap().key_file(), "1");
}

#[test]
fn one_family_of_headers_gives_signature_time_and_id() {
    let both = verifier(scheme("standard-webhooks"), &["c2VjcmV0"]);
    let standard = signed(&both, "{}");
    let svix = signed(&verifier(scheme("svix"), &["c2VjcmV0"]), "{}");
    assert!(svix.headers.contains_key("svix-signature"));
    assert!(verify(&both, &svix, at(NOW)).is_ok());
    assert!(verify(&verifier(scheme("svix"), &["c2VjcmV0"]), &standard, at(NOW)).is_ok());

    for part in ["id", "timestamp"] {
        // The same value under the other family's name.
        let mut mixed = standard.clone();
        let value = mixed.headers.remove(format!("webhook-{part}")).unwrap();
        add(&mut mixed, &format!("svix-{part}"), value.to_str().unwrap());
        assert!(verify(&both, &mixed, at(NOW)).is_err(), "svix-{part}");
    }
    let mut beside = standard.clone();
    beside.headers.extend([(http::HeaderName::from_static("svix-id"), "evt_2".parse().unwrap())]);
    assert_eq!(verify(&both, &beside, at(NOW)).unwrap().id(), Some("evt_1"));
}

#[test]
fn a_request_without_a_signature_is_told_from_one_with_a_wrong_one() {
    for sender in senders() {
        let verifier = sender.verifier(b"secret");
        let error = verify(&verifier, &post("{}"), at(NOW)).unwrap_err();
        assert!(error.missing(), "{}: {error:?}", sender.name);
    }
    let github = verifier(scheme("github"), &["secret"]);
    for value in ["", "sha256=", "sha1=00", "00", "sha256=00"] {
        let request = with_header(&post("{}"), "x-hub-signature-256", value);
        assert!(!verify(&github, &request, at(NOW)).unwrap_err().missing(), "{value}");
    }
}

#[test]
fn fields_prefix_and_separators_come_from_the_settings() {
    // Crisp: the signature is of `[{time};{body}]`; Buildkite: `timestamp=…,signature=…`.
    let scheme = with("hmac", |own| {
        own.signature = vec!["header:x-signature".parse().unwrap()];
        own.separator = Some('|');
        own.field_separator = Some(':');
        own.field = Some("signature".to_owned());
        own.prefix = Some("hmac-".to_owned());
        own.timestamp = Some("field:time".parse().unwrap());
        own.signed = Some("[{timestamp};{body}]".parse().unwrap());
    });
    let verifier = verifier(scheme, &["secret"]);
    let request = signed(&verifier, "{}");
    let value = header(&request, "x-signature");

    assert!(value.starts_with("time:1700000000|signature:hmac-"), "{value}");
    assert!(verify(&verifier, &request, at(NOW)).is_ok());
    let spaced = with_header(&request, "x-signature", &value.replace('|', " | "));
    assert!(verify(&verifier, &spaced, at(NOW)).is_ok());
}
