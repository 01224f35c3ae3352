//! Faults of the upstream: each misconfiguration of OpenClaw has its own check.

use super::{Diagnosis, Setup, TOKEN, openclaw, openclaw_with, says};
use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::{relay, unused_port};

/// The report on a running clawgate in front of `upstream`.
fn examined(upstream: impl Into<String>) -> Diagnosis {
    let setup = Setup::new(upstream);
    let clawgate = setup.clawgate();
    setup.examined(clawgate.address())
}

fn answering(status: &'static str, kind: &'static str, body: &'static str) -> Backend {
    Backend::each(move |exchange, _| exchange.answer(status, kind, body))
}

#[test]
fn one_that_does_not_run_is_a_fault() {
    let free = unused_port();

    let text = examined(format!("http://{free}")).only_fault("upstream/connect");

    says(&text, &["cannot be reached there", "openclaw gateway run"]);
}

#[test]
fn a_token_that_openclaw_refuses_is_a_fault() {
    let backend = openclaw_with("another-token-altogether", 262_144);

    let text = examined(backend.url()).only_fault("upstream/token");

    says(&text, &["refuses the token from --hook-token-file", "hooks.token"]);
    assert!(!text.contains(TOKEN));
}

#[test]
fn hooks_at_another_path_or_switched_off_are_a_fault() {
    let backend = openclaw();
    let setup = Setup::new(backend.url()).with("--path", "/webhooks/");
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("upstream/hook");

    says(
        &text,
        &["OpenClaw's gateway, but there are no hooks at /webhooks/", "hooks.enabled", "hooks.path"],
    );
}

#[test]
fn the_control_ui_is_a_fault() {
    let backend = answering("200 OK", "text/html; charset=utf-8", "<html></html>");

    let text = examined(backend.url()).only_fault("upstream/hook");

    says(&text, &["a web page", "upstream.url"]);
}

#[test]
fn another_service_is_a_warning() {
    let backend = answering("404 Not Found", "application/json", "{}");

    let text = examined(backend.url()).only_warning("upstream/hook");

    says(&text, &["does not check the token", "port of the gateway"]);
}

#[test]
fn one_that_takes_anything_is_a_warning() {
    let text = examined(Backend::ok().url()).only_warning("upstream/hook");

    says(&text, &["answers 200 to a hook that does not exist"]);
}

#[test]
fn a_refused_attribution_is_a_fault() {
    let backend = answering(
        "403 Forbidden",
        "application/json",
        r#"{"error":{"type":"proxy_attribution_required"}}"#,
    );

    let text = examined(backend.url()).only_fault("upstream/attribution");

    says(&text, &["403 proxy_attribution_required", "gateway.trustedProxies"]);
}

#[test]
fn one_that_does_not_trust_clawgates_own_forwarding_headers_is_a_fault() {
    let backend = Backend::each(|exchange, request| {
        if request.value("x-forwarded-for").is_some() && !request.request_line().contains("/healthz") {
            let body = r#"{"error":{"type":"proxy_attribution_required"}}"#;
            return exchange.answer("403 Forbidden", "application/json", body);
        }
        exchange.answer("404 Not Found", "text/plain", "Not Found");
    });
    let setup = Setup::new(backend.url()).with("--forwarded", "x-forwarded");
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("upstream/attribution");

    says(&text, &["that clawgate adds", "gateway.trustedProxies", "upstream.forwarded"]);
}

#[test]
fn one_that_drains_or_starts_is_a_fault() {
    let backend =
        answering("503 Service Unavailable", "application/json", r#"{"code":"gateway_unavailable"}"#);

    let text = examined(backend.url()).only_fault("upstream/hook");

    says(&text, &["503", "starting, draining"]);
}

#[test]
fn one_that_takes_smaller_bodies_than_clawgate_is_a_warning() {
    let backend = openclaw_with(TOKEN, 100_000);

    let text = examined(backend.url()).only_warning("upstream/body_limit");

    says(&text, &["262144 bytes (413)", "limits.body"]);
}

#[test]
fn an_upstream_with_tls_that_is_configured_without_is_a_fault() {
    let pki = Pki::new();
    let secured = relay::tls(&pki.server, openclaw().address());

    let text = examined(format!("http://{secured}")).only_fault("upstream/protocol");

    says(&text, &["speaks TLS, but upstream.url says http", "https://"]);
}

#[test]
fn one_that_does_not_speak_tls_and_is_called_with_it_is_a_fault() {
    let backend = answering("400 Bad Request", "text/plain", "no");
    let setup = Setup::new(backend.url().replace("http:", "https:"));
    let ca = setup.pki.file("ca.pem", setup.pki.root.pem()).display().to_string();
    let setup = setup.with("--upstream-ca", ca);
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("upstream/connect");

    says(&text, &["does not speak TLS", "http://"]);
}

#[test]
fn one_that_is_silent_is_a_fault() {
    let backend = Backend::script(|mut exchange| while exchange.head().is_some() {});
    let setup = Setup::new(backend.url()).with("--upstream-response-timeout", "200ms");
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("upstream/protocol");

    says(&text, &["does not answer"]);
}

#[test]
fn a_clock_far_from_this_one_is_a_warning() {
    let backend = Backend::each(|exchange, request| {
        let authorized = request.value("authorization").is_some();
        let health = request.request_line().starts_with("GET");
        let (status, body) = match (health, authorized) {
            (true, _) => ("200 OK", r#"{"ok":true,"status":"live"}"#),
            (false, true) => ("404 Not Found", ""),
            (false, false) => ("401 Unauthorized", ""),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        exchange.write(head.as_bytes());
    });

    let text = examined(backend.url()).only_warning("upstream/clock");

    says(&text, &["s apart"]);
}
