use super::*;

#[test]
fn the_request_for_a_token_is_the_form_of_the_standard() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1"))]);
        let presented = credential(&endpoint).present(Instant::now()).await.unwrap();
        assert_eq!(sent(&presented), "Bearer t1");

        let requests = endpoint.requests.lock().unwrap();
        assert_eq!(
            *requests[0].body,
            "grant_type=client_credentials&scope=events+write&audience=https%3A%2F%2Fapi.example.org"
        );
        // `claw+gate:s3cret%2B%2F`
        let basic = requests[0].authorization.as_ref().unwrap();
        assert_eq!(basic.value, "Basic Y2xhdytnYXRlOnMzY3JldCUyQiUyRg==");
    });
}

#[test]
fn name_and_secret_may_be_in_the_form() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1"))]);
        let settings =
            ClientSettings { auth: ClientAuth::Body, scope: None, parameters: Vec::new(), ..settings() };
        let tokens = ClientCredentials::new(settings, endpoint.clone()).unwrap();
        tokens.token(Instant::now()).await.unwrap();

        let requests = endpoint.requests.lock().unwrap();
        assert!(requests[0].authorization.is_none());
        assert_eq!(
            *requests[0].body,
            "grant_type=client_credentials&client_id=claw+gate&client_secret=s3cret%2B%2F"
        );
    });
}

#[test]
fn settings_that_clawgate_sets_itself_are_refused() {
    for (name, refused) in [("scope", true), ("client_secret", true), ("", true), ("resource", false)] {
        let settings = ClientSettings { parameters: vec![(name.into(), "x".into())], ..settings() };
        assert_eq!(ClientCredentials::new(settings, Endpoint::with(&[])).is_err(), refused, "{name}");
    }
    let empty = ClientSettings { client_secret: Zeroizing::new(Vec::new()), ..settings() };
    assert_eq!(ClientCredentials::new(empty, Endpoint::with(&[])).err(), Some(CredentialError::Empty));
}

#[test]
fn nothing_shows_a_token_or_a_secret() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t0ken"))]);
        let credential = credential(&endpoint);
        let presented = credential.present(Instant::now()).await.unwrap();
        let requests = endpoint.requests.lock().unwrap();
        let reply = TokenReply { status: StatusCode::OK, body: token("t0ken").into() };

        let debug = format!("{credential:?} {presented:?} {:?} {:?} {reply:?}", requests[0], settings());

        assert!(
            !debug.contains("t0ken") && !debug.contains("s3cret") && !debug.contains("Y2xhd"),
            "{debug}"
        );
    });
}

#[test]
fn an_endpoint_that_does_not_answer_is_given_up() {
    run(async {
        let settings = ClientSettings { timeout: Duration::from_millis(10), ..settings() };
        let tokens = ClientCredentials::new(settings, Endpoint::with(&[])).unwrap();
        assert_eq!(tokens.token(Instant::now()).await, Err(TokenError::NoAnswer));
    });
}

#[test]
fn each_answer_of_the_endpoint_has_its_consequence() {
    let again = Verdict::Retry { after: None };
    let pause = Verdict::Pause(PauseReason::NoCredential);
    let refused = |code| TokenError::Refused { status: StatusCode::BAD_REQUEST, code };
    for (status, body, error, verdict) in [
        (
            400,
            r#"{"error":"invalid_client","error_description":"s3cret"}"#,
            refused("invalid_client"),
            pause,
        ),
        (400, r#"{"error":"temporarily_unavailable"}"#, refused("temporarily_unavailable"), again),
        (400, r#"{"error":"s3cret"}"#, TokenError::Status(StatusCode::BAD_REQUEST), pause),
        (401, "", TokenError::Status(StatusCode::UNAUTHORIZED), pause),
        (302, "", TokenError::Status(StatusCode::FOUND), pause),
        (429, "", TokenError::Status(StatusCode::TOO_MANY_REQUESTS), again),
        (500, "<html>", TokenError::Status(StatusCode::INTERNAL_SERVER_ERROR), again),
        (200, "<html>", TokenError::Unreadable, again),
        (200, "{}", TokenError::Unreadable, again),
        (200, r#"{"access_token":""}"#, TokenError::Unreadable, again),
        (200, r#"{"access_token":"a","access_token":"b"}"#, TokenError::Unreadable, again),
        (200, r#"{"access_token":"a","token_type":"mac"}"#, TokenError::NotBearer, pause),
        (200, r#"{"access_token":"a\r\nx: y"}"#, TokenError::Unsendable, pause),
    ] {
        let result = run(credential(&Endpoint::with(&[(status, body)])).present(Instant::now()));
        assert_eq!(result, Err(error.clone()), "{body}");
        assert_eq!(error.verdict(), verdict, "{body}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
