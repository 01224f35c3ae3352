//! Key files: their forms, what is wrong with them, and several at once.

use clawgate::signature::{
    Algorithm, Encoding, Key, KeyError, KeyForm, MAX_KEY_FILE, MAX_KEYS, Scheme, SecretEncoding,
    Verifier, VerifierError,
};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use super::senders::{ED25519, sign, spki};
use super::{NOW, at, post, scheme, verifier, verify, with};

fn read(scheme: &Scheme, content: &str) -> Result<KeyForm, KeyError> {
    Key::read("secret", content.as_bytes(), scheme).map(|key| key.form())
}

fn hmac(encoding: SecretEncoding) -> Scheme {
    with("hmac", |own| {
        own.signature = vec!["header:x-signature".parse().unwrap()];
        own.secret_encoding = Some(encoding);
    })
}

fn public(algorithm: Algorithm) -> Scheme {
    with("public-key", |own| {
        own.signature = vec!["header:x-signature".parse().unwrap()];
        own.algorithm = Some(algorithm);
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let lines = BASE64.encode(der).into_bytes();
    let lines: Vec<_> = lines.chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn a_secret_is_the_same_in_each_encoding() {
    let bytes = b"\x00\xffsecret";
    let text = String::from_utf8(b"secret".to_vec()).unwrap();
    let same = [
        (SecretEncoding::Hex, HEXLOWER.encode(bytes), KeyForm::Hex),
        (SecretEncoding::Hex, HEXUPPER.encode(bytes), KeyForm::Hex),
        (SecretEncoding::Base64, BASE64.encode(bytes), KeyForm::Base64),
        (SecretEncoding::Base64, BASE64URL_NOPAD.encode(bytes), KeyForm::Base64),
        (SecretEncoding::Whsec, BASE64.encode(bytes), KeyForm::Base64),
        (SecretEncoding::Whsec, format!("whsec_{}", BASE64.encode(bytes)), KeyForm::Whsec),
    ];
    let mut request = post("body");
    verifier(hmac(same[0].0), &[&same[0].1]).sign(&mut request, at(NOW), "").unwrap();
    for (encoding, content, form) in same {
        assert_eq!(read(&hmac(encoding), &content), Ok(form), "{content}");
        assert!(verify(&verifier(hmac(encoding), &[&content]), &request, at(NOW)).is_ok(), "{content}");
    }
    assert_eq!(read(&hmac(SecretEncoding::Text), &text), Ok(KeyForm::Text));
}

#[test]
fn a_secret_of_stripe_is_its_whole_text_and_one_of_svix_is_decoded() {
    let secret = format!("whsec_{}", BASE64.encode(b"0123456789abcdef"));
    let length = |name| {
        let scheme = scheme(name);
        Key::read("secret", secret.as_bytes(), &scheme).unwrap().secret_length()
    };
    assert_eq!(length("stripe"), Some(secret.len()));
    assert_eq!(length("svix"), Some(16));
}

#[test]
fn one_line_end_at_the_end_is_no_part_of_a_secret() {
    let mut request = post("body");
    verifier(scheme("github"), &["secret"]).sign(&mut request, at(NOW), "").unwrap();
    for content in ["secret", "secret\n", "secret\r\n"] {
        assert!(
            verify(&verifier(scheme("github"), &[content]), &request, at(NOW)).is_ok(),
            "{content:?}"
        );
    }
    for content in ["secret ", " secret", "secret\n\n", "secret\nsecret"] {
        let key = Key::read("secret", content.as_bytes(), &scheme("github"));
        let verifier = key.ok().map(|key| Verifier::new(scheme("github"), vec![key]).unwrap());
        let is_valid = verifier.is_some_and(|verifier| verify(&verifier, &request, at(NOW)).is_ok());
        assert!(!is_valid, "{content:?}");
    }
}

#[test]
fn a_file_without_a_secret_is_refused_for_every_scheme() {
    for sender in super::senders::senders() {
        for content in ["", "\n", "\r\n", " \n", "\t", "whsec_", "whpk_"] {
            // The text `whsec_` would be a secret, though a bad one, where the text itself is the key.
            if content.starts_with("wh")
                && sender.scheme.preset().secret_encoding == SecretEncoding::Text
                && sender.scheme.takes_secrets()
            {
                continue;
            }
            assert!(read(&sender.scheme, content).is_err(), "{}: {content:?}", sender.name);
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_quoting_it() {
    let text = hmac(SecretEncoding::Text);
    for (scheme, content, error) in [
        (&text, String::new(), KeyError::Empty),
        (&text, "x".repeat(MAX_KEY_FILE + 1), KeyError::TooLong),
        (&text, "\u{feff}s3cret".to_owned(), KeyError::ByteOrderMark),
        (&text, "s3cret\nother\n".to_owned(), KeyError::SeveralLines),
        (&hmac(SecretEncoding::Hex), "s3cret".to_owned(), KeyError::NotEncoded(SecretEncoding::Hex)),
        (&scheme("svix"), "whsec_s3cret!".to_owned(), KeyError::NotEncoded(SecretEncoding::Whsec)),
        (&scheme("svix"), "whsk_c2VjcmV0".to_owned(), KeyError::PrivateKey),
        (&scheme("discord"), pem("PRIVATE KEY", b"s3cret"), KeyError::PrivateKey),
        (&scheme("discord"), "s3cret".to_owned(), KeyError::NoPublicKey(Algorithm::Ed25519)),
    ] {
        let found = read(scheme, &content).unwrap_err();
        assert_eq!(found, error);
        assert!(!format!("{found} {}", found.hint()).contains("s3"), "{found}");
    }
}

#[test]
fn a_key_is_not_shown() {
    let key = Key::read("github-secret", b"s3cret", &scheme("github")).unwrap();
    assert_eq!(format!("{key:?}"), "Key(github-secret, Text, [redacted])");
    let verifier = Verifier::new(scheme("github"), vec![key]).unwrap();
    assert!(!format!("{verifier:?}").contains("s3cret"), "{verifier:?}");
    assert!(!format!("{verifier:?}").contains("115, 51"), "{verifier:?}");
}

#[test]
fn a_public_key_is_read_in_each_form() {
    for algorithm in Algorithm::ALL.iter().copied().filter(|algorithm| !algorithm.is_hmac()) {
        let der = spki(algorithm);
        let mut forms =
            vec![(pem("PUBLIC KEY", &der), KeyForm::Pem), (BASE64.encode(&der), KeyForm::Spki)];
        if algorithm == Algorithm::Ed25519 {
            use aws_lc_rs::signature::KeyPair;
            let raw = ED25519.public_key().as_ref();
            forms.push((HEXLOWER.encode(raw), KeyForm::RawHex));
            forms.push((HEXUPPER.encode(raw), KeyForm::RawHex));
            forms.push((BASE64.encode(raw), KeyForm::RawBase64));
            forms.push((BASE64URL_NOPAD.encode(raw), KeyForm::RawBase64));
        }
        for (content, form) in forms {
            let scheme = public(algorithm);
            assert_eq!(read(&scheme, &content), Ok(form), "{content}");
            let verifier = verifier(scheme, &[&content]);
            let mut request = post("body");
            verifier
                .sign_with(&mut request, at(NOW), "", algorithm, |message| sign(algorithm, message))
                .unwrap();
            assert!(verify(&verifier, &request, at(NOW)).is_ok(), "{content}");
            assert!(verifier.sign(&mut request, at(NOW), "").is_err(), "only the sender can sign");
        }
    }
}

#[test]
fn the_public_key_of_another_algorithm_is_refused() {
    let algorithms = || Algorithm::ALL.iter().copied().filter(|algorithm| !algorithm.is_hmac());
    for wanted in algorithms() {
        for found in algorithms().filter(|found| *found != wanted) {
            let key = read(&public(wanted), &BASE64.encode(&spki(found)));
            assert_eq!(key, Err(KeyError::NoPublicKey(wanted)), "{found}");
        }
    }
}

#[test]
fn each_of_several_keys_is_taken_and_the_one_that_fits_is_named() {
    let keys = ["new", "old", "oldest"];
    let all = verifier(scheme("github"), &keys);
    for (index, key) in keys.iter().enumerate() {
        let mut request = post("body");
        verifier(scheme("github"), &[key]).sign(&mut request, at(NOW), "").unwrap();
        let verified = verify(&all, &request, at(NOW)).unwrap();
        assert_eq!(**verified.key_file(), index.to_string());
    }
}

#[test]
fn a_repeated_request_is_recognised_whichever_key_and_encoding_it_was_signed_with() {
    // Signed with both keys, as during a rotation: each signature alone is the same request again.
    let both = with("pagerduty", |own| own.replay = Some(clawgate::signature::ReplayBy::Signature));
    let events = ["new", "old"].map(|key| {
        let mut request = post("{}");
        verifier(scheme("pagerduty"), &[key]).sign(&mut request, at(NOW), "").unwrap();
        let lower = verify(&verifier(both.clone(), &["new", "old"]), &request, at(NOW)).unwrap().event();
        let value = request.headers["x-pagerduty-signature"].to_str().unwrap();
        let upper = format!("v1={}", value[3..].to_uppercase()).parse().unwrap();
        request.headers.insert("x-pagerduty-signature", upper);
        let upper = verify(&verifier(both.clone(), &["new", "old"]), &request, at(NOW)).unwrap().event();
        assert_eq!(lower, upper);
        lower.unwrap()
    });
    assert_eq!(events[0], events[1]);
}

#[test]
fn a_verifier_has_some_keys_and_not_too_many() {
    let key = || Key::read("secret", b"secret", &scheme("github")).unwrap();
    let with = |count| Verifier::new(scheme("github"), (0..count).map(|_| key()).collect()).map(drop);
    assert_eq!(with(0), Err(VerifierError::NoKeys));
    assert_eq!(with(MAX_KEYS), Ok(()));
    assert_eq!(with(MAX_KEYS + 1), Err(VerifierError::TooManyKeys));
}

#[test]
fn encodings_are_read_leniently_and_never_wrongly() {
    let base64 = |text: &str| Encoding::Base64.decode(text.as_bytes());
    for text in ["+/8=", "+/8", "-_8=", "-_8"] {
        assert_eq!(base64(text), Some(vec![0xfb, 0xff]), "{text}");
    }
    for text in ["+_8=", "+/8===", "+/9=", "+/8 ", "+=/8", "+"] {
        assert_eq!(base64(text), None, "{text}");
    }
    assert_eq!(Encoding::Hex.decode(b"fFfe"), Some(vec![0xff, 0xfe]));
    for text in ["f", "fg", "0xff", " ff", "f f"] {
        assert_eq!(Encoding::Hex.decode(text.as_bytes()), None, "{text}");
    }
}
