//! Tokens: a secret that is sent with each request.

use clawgate::signature::{OutgoingRequest, ReplayBy, Scheme, SignatureError, Source, Verifier};

use super::{NOW, add, at, post, scheme, verifier, verify, with};

fn token(source: &str) -> Scheme {
    with("token", |own| own.signature = vec![source.parse().unwrap()])
}

fn check(verifier: &Verifier, request: &OutgoingRequest) -> Result<String, SignatureError> {
    verify(verifier, request, at(NOW)).map(|verified| verified.key_file().to_string())
}

#[test]
fn a_token_is_taken_from_where_the_settings_say_and_from_nowhere_else() {
    let requests = [
        ("header:x-token", super::post_with(&[("x-token", "s3cret:x")], "{}")),
        ("bearer", super::post_with(&[("authorization", "bearer s3cret:x")], "{}")),
        ("basic", super::post_with(&[("authorization", "Basic czNjcmV0Ong=")], "{}")),
        ("query:token", OutgoingRequest { target: "/?a=b&token=s3cret%3ax".to_owned(), ..post("{}") }),
        ("body:/auth/token", post(r#"{"auth":{"token":"s3cret:x"}}"#)),
    ];
    for (wanted, request) in &requests {
        for (source, _) in &requests {
            let found = check(&verifier(token(source), &["other", "s3cret:x"]), request);
            match source == wanted {
                true => assert_eq!(found.as_deref(), Ok("1"), "{source}"),
                false => assert!(found.unwrap_err().missing(), "{wanted} as {source}"),
            }
        }
    }
}

#[test]
fn a_wrong_token_is_refused() {
    let gitlab = verifier(scheme("gitlab"), &["s3cret", "other"]);
    for wrong in ["s3cre", "s3cret ", "s3cret1", "S3cret", "s3creu", "Bearer s3cret", "other1"] {
        let mut request = post("{}");
        add(&mut request, "x-gitlab-token", wrong);
        // Blanks around the value of a header are not a part of it (RFC 9110 section 5.5).
        let expected =
            if wrong == "s3cret " { Ok("0".to_owned()) } else { Err(SignatureError::Mismatch) };
        assert_eq!(check(&gitlab, &request), expected, "{wrong:?}");
    }
}

#[test]
fn an_empty_token_is_refused() {
    for value in ["", " "] {
        let request = super::post_with(&[("x-gitlab-token", value)], "{}");
        let error = check(&verifier(scheme("gitlab"), &["s3cret"]), &request).unwrap_err();
        assert!(matches!(error, SignatureError::Malformed(_)), "{error:?}");
    }
    for authorization in ["Bearer", "Bearer ", "Basic ", "Basic !", "s3cret", "", "Digest s3cret"] {
        let request = super::post_with(&[("authorization", authorization)], "{}");
        for source in ["bearer", "basic"] {
            assert!(check(&verifier(token(source), &["s3cret"]), &request).is_err(), "{authorization}");
        }
    }
}

#[test]
fn a_token_that_is_there_twice_is_refused() {
    let twice: [(&str, OutgoingRequest); 3] = [
        ("header:x-token", super::post_with(&[("x-token", "s3cret"), ("x-token", "s3cret")], "{}")),
        ("query:token", OutgoingRequest { target: "/?token=s3cret&token=x".to_owned(), ..post("{}") }),
        (
            "bearer",
            super::post_with(&[("authorization", "Bearer s3cret"), ("authorization", "x")], "{}"),
        ),
    ];
    for (source, request) in twice {
        let error = SignatureError::Twice(source.parse().unwrap());
        assert_eq!(check(&verifier(token(source), &["s3cret"]), &request), Err(error));
    }
}

#[test]
fn a_prefix_is_not_a_part_of_the_token() {
    let scheme = with("token", |own| {
        own.signature = vec![Source::Header(http::header::AUTHORIZATION)];
        own.prefix = Some("Token ".to_owned());
    });
    let verifier = verifier(scheme, &["s3cret"]);
    let request = |value| super::post_with(&[("authorization", value)], "{}");
    assert!(check(&verifier, &request("Token s3cret")).is_ok());
    assert!(check(&verifier, &request("s3cret")).is_err());
    assert!(check(&verifier, &request("Token ")).is_err());
}

#[test]
fn a_repeated_request_with_a_token_is_known_by_its_id_alone() {
    assert_eq!(token("bearer").replay(), ReplayBy::Off);
    let telegram = verifier(scheme("telegram"), &["s3cret"]);
    let event = |body: &str| {
        let mut request = post(body);
        add(&mut request, "x-telegram-bot-api-secret-token", "s3cret");
        let verified = verify(&telegram, &request, at(NOW)).unwrap();
        (verified.id().map(str::to_owned), verified.event())
    };
    assert_eq!(event(r#"{"update_id":17}"#).0.as_deref(), Some("17"));
    assert_eq!(event(r#"{"update_id":17}"#), event(r#"{"update_id":17,"x":1}"#));
    assert_ne!(event(r#"{"update_id":17}"#).1, event(r#"{"update_id":18}"#).1);
    assert_eq!(event("{}"), (None, None));
}
