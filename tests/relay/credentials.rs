//! The credential of a target: where it is, and where it is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{KEY, TOKEN, Target, command, settings, start, track};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::pki::Pki;

const SECRET: &str = "client-secret-of-the-tests-of-oauth";

/// A token endpoint that issues `token-1`, `token-2` …
fn token_endpoint() -> Backend {
    let issued = AtomicUsize::new(0);
    Backend::each(move |exchange, _| {
        let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!(
            "{{\"access_token\":\"token-{number}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}"
        );
        exchange.answer("200 OK", "application/json", &body);
    })
}

/// A target with tokens of this endpoint.
fn with_tokens(pki: &Pki, api: &Backend, tokens: &Backend) -> Target {
    let secret = pki.file("client-secret", SECRET);
    let auth = format!(
        "{{ token_url = \"{}/token\", client_id = \"claw\", client_secret_file = {secret:?}, scope = \"events\" }}",
        tokens.url()
    );
    Target::at(pki, api.address()).set("auth", auth)
}

#[test]
fn a_token_that_the_target_refuses_is_renewed_once() {
    let pki = Pki::new();
    let tokens = token_endpoint();
    let api = Backend::each(|exchange, request| match request.value("authorization") {
        Some("Bearer token-1") => exchange.answer("401 Unauthorized", "application/json", "{}"),
        _ => exchange.answer("200 OK", "application/json", "{}"),
    });
    let clawgate = start(&pki, with_tokens(&pki, &api, &tokens));
    for _ in 0..3 {
        track(&clawgate, "{}");
    }
    clawgate.event("delivered", 3);

    assert_eq!((tokens.received().len(), api.received().len()), (2, 4));
    let asked = tokens.first();
    assert_eq!(asked.body, b"grant_type=client_credentials&scope=events");
    assert!(asked.value("authorization").unwrap().starts_with("Basic "));
    assert!(clawgate.events("delivery_attempt_failed").is_empty());
}

#[test]
fn a_target_that_refuses_the_renewed_token_too_is_paused_and_nothing_is_lost() {
    let pki = Pki::new();
    let tokens = token_endpoint();
    let api = Backend::each(|exchange, _| exchange.answer("401 Unauthorized", "text/plain", "no"));
    let clawgate = start(&pki, with_tokens(&pki, &api, &tokens));
    track(&clawgate, "{}");

    let paused = clawgate.event("route_paused", 1);
    assert_eq!(paused["class"], "misconfigured");
    assert!(paused["hint"].as_str().unwrap().contains("`auth`"), "{paused}");
    assert_eq!(tokens.received().len(), 2);
    assert!(clawgate.events("dead_lettered").is_empty());
}

#[test]
fn a_token_endpoint_that_refuses_the_client_pauses_the_target() {
    let pki = Pki::new();
    let tokens = Backend::each(|exchange, _| {
        exchange.answer("401 Unauthorized", "application/json", "{\"error\":\"invalid_client\"}");
    });
    let api = Backend::ok();
    let clawgate = start(&pki, with_tokens(&pki, &api, &tokens));
    track(&clawgate, "{}");

    let paused = clawgate.event("route_paused", 1);
    assert!(paused["detail"].as_str().unwrap().contains("invalid_client"), "{paused}");
    assert!(api.received().is_empty());
}

#[test]
fn a_new_credential_in_its_file_is_used_at_once() {
    let pki = Pki::new();
    let good = "a-new-key-that-is-accepted";
    let api = Backend::each(move |exchange, request| {
        if request.value("authorization") == Some(&format!("Bearer {good}")) {
            exchange.answer("200 OK", "application/json", "{}");
        } else {
            exchange.answer("401 Unauthorized", "text/plain", "expired");
        }
    });
    let clawgate = start(&pki, Target::at(&pki, api.address()));
    track(&clawgate, "{}");
    clawgate.event("route_paused", 1);

    pki.file("api-key", good);
    let delivered = clawgate.event("delivered", 1);

    assert_eq!(delivered["upstream"], "analytics");
    assert_eq!(clawgate.event("route_resumed", 1)["route"], "relay:analytics");
    assert!(!clawgate.lines().join("\n").contains(good));
}

#[test]
fn no_secret_is_in_the_log_the_environment_or_the_database() {
    let pki = Pki::new();
    let tokens = token_endpoint();
    let seen = Arc::<Mutex<usize>>::default();
    let count = Arc::clone(&seen);
    // It fails, and quotes the credential as some servers do.
    let api = Backend::each(move |exchange, request| {
        *count.lock().unwrap() += 1;
        exchange.answer("500 Internal Server Error", "text/plain", request.request_line());
    });
    let target = with_tokens(&pki, &api, &tokens);
    let key = Target::at(&pki, api.address()).set("name", "\"plain\"").set("path", "\"/plain\"");
    let clawgate = command(&pki, &settings(&pki, &[target, key])).start();
    track(&clawgate, "{}");
    let headers = format!("Authorization: Bearer {TOKEN}\r\n");
    super::send(&clawgate, &super::post("/plain", &headers, "{}"));
    clawgate.event("delivery_attempt_failed", 3);
    eventually("tries", || (*seen.lock().unwrap() >= 3).then_some(()));

    let environment = std::fs::read(format!("/proc/{}/environ", clawgate.pid())).unwrap();
    let mut places =
        vec![("the log", clawgate.lines().join("\n").into_bytes()), ("the environment", environment)];
    for name in ["inbox.db", "inbox.db-wal"] {
        places.push((name, std::fs::read(pki.dir().join("inbox").join(name)).unwrap()));
    }
    for (place, bytes) in places {
        for secret in [KEY, TOKEN, SECRET, "token-1"] {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{secret} is in {place}");
        }
    }
}
