use std::time::Duration;

use super::*;

#[test]
fn retry_after_is_never_too_early() {
    let retry_after = |refusal: RequestRefusal| {
        let response = refusal.response("id", false);
        response.headers()[header::RETRY_AFTER].to_str().unwrap().to_owned()
    };
    let nanos = |nanos| {
        retry_after(RequestRefusal::RateLimited { per_second: 1, wait: Duration::from_nanos(nanos) })
    };
    assert_eq!(nanos(1), "1");
    assert_eq!(nanos(1_000_000_000), "1");
    assert_eq!(nanos(1_000_000_001), "2");
    assert_eq!(retry_after(RequestRefusal::TooManyAtOnce { limit: 1 }), "1");
}

#[test]
fn a_client_does_not_learn_the_rules_and_the_log_has_them() {
    let refusal = RequestRefusal::IdentityNotAllowed {
        client: "CN=a".to_owned(),
        route: "/hooks/".into(),
        why: "no rule of route.allow matches it".to_owned(),
    };
    assert_eq!(refusal.public(), "CN=a is not allowed to use /hooks/");
    assert_eq!(refusal.log(), "CN=a is not allowed to use /hooks/: no rule of route.allow matches it");
}

#[test]
fn an_answer_closes_the_connection_where_it_must_or_is_asked_to() {
    let closes = |refusal: RequestRefusal, close| {
        refusal.response("id", close).headers().contains_key(header::CONNECTION)
    };
    assert!(closes(RequestRefusal::BodyTooLarge(1), false));
    assert!(closes(RequestRefusal::NoHost, true));
    assert!(!closes(RequestRefusal::NoHost, false));
}
