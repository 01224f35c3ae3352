//! `clawgate verify` says of a captured request what clawgate would say.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use serde_json::Value;

use super::{SECRET, Setup, route};

const BODY: &str = "{\"id\": \"evt_1\"}";

/// Of Stripe: 2026-01-01T00:00:00Z.
const TIME: u64 = 1_767_225_600;

pub fn setup() -> Setup {
    Setup::new("echo:", |pki| {
        format!(
            "signed_address = [\"127.0.0.1:8445\"]\n{}{}",
            route(pki, "stripe", "signature", ""),
            route(pki, "github", "both", "")
        )
    })
}

fn mac(secret: &str, signed: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, signed.as_bytes()).as_ref())
}

/// A request of Stripe, whose lines end with `end`.
pub fn stripe(secret: &str, body: &str, end: &str) -> String {
    let signature = mac(secret, &format!("{TIME}.{BODY}"));
    format!(
        "POST /hooks/stripe HTTP/1.1{end}Host: a.example{end}Stripe-Signature: t={TIME},v1={signature}{end}{end}{body}"
    )
}

/// What is said of the request, as of `at`.
fn verified(setup: &Setup, route: &str, request: &str, at: &str) -> Value {
    let file = setup.pki.file("request.http", request);
    let command = setup.command("verify").word(route).word(file).word("--json");
    let output = if at.is_empty() { command.output() } else { command.arg("--at", at).output() };
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let expected = if report["verdict"] == "admitted" { 0 } else { 1 };
    assert_eq!(output.code, Some(expected), "{report}");
    assert!(!output.stdout.contains(SECRET), "{report}");
    report
}

/// Names and details of the checks that fail.
fn failed(report: &Value) -> Vec<(String, String)> {
    let checks = report["checks"].as_array().unwrap().iter();
    let failed = checks.filter(|check| check["severity"] == "fail");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failed.map(|check| (text(&check["name"]), text(&check["detail"]))).collect()
}

#[test]
fn a_good_request_is_admitted_with_its_id_and_key() {
    let setup = setup();
    for end in ["\n", "\r\n"] {
        let report =
            verified(&setup, "/hooks/stripe", &stripe(SECRET, BODY, end), "2026-01-01T00:01:00Z");

        assert_eq!(report["verdict"], "admitted", "{report}");
        assert_eq!((&report["key_file"], &report["event_id"]), (&"stripe".into(), &"evt_1".into()));
        assert_eq!(report["event_key"].as_str().unwrap().len(), 64);
        assert_eq!(report["reason"], Value::Null);
    }
}

#[test]
fn a_request_whose_time_alone_is_wrong_is_told_from_others() {
    let setup = setup();
    let report = verified(&setup, "/hooks/stripe", &stripe(SECRET, BODY, "\n"), "");
    assert_eq!(report["reason"], "signature_invalid");
    let failures = failed(&report);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].0, "signing_time");
    assert!(failures[0].1.contains("this alone is wrong"), "{failures:?}");
    assert!(failures[0].1.contains("2026-01-01T00:00:00Z"), "{failures:?}");

    let early = verified(&setup, "/hooks/stripe", &stripe(SECRET, BODY, "\n"), "2025-12-31T23:00:00Z");
    assert!(failed(&early)[0].1.contains("in the future"), "{early}");

    let report = verified(&setup, "/hooks/stripe", &stripe("other", BODY, "\n"), "");
    let names: Vec<_> = failed(&report).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["signing_time", "signing_key"]);
}

#[test]
fn a_wrong_secret_and_a_changed_body_fit_no_key() {
    let setup = setup();
    for request in [stripe("other", BODY, "\n"), stripe(SECRET, "{\"id\": \"evt_2\"}", "\n")] {
        let report = verified(&setup, "/hooks/stripe", &request, "2026-01-01T00:00:00Z");
        assert_eq!(report["reason"], "signature_invalid");
        let names: Vec<_> = failed(&report).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["signing_key"], "{report}");
    }
}

#[test]
fn the_usual_mistake_is_named_with_its_hint() {
    let setup = setup();
    let request = stripe(&format!("{SECRET}\n"), BODY, "\n");
    // Long after its time: the mistake is found all the same.
    let report = verified(&setup, "/hooks/stripe", &request, "2026-06-01T00:00:00Z");
    let (name, detail) = failed(&report).pop().unwrap();
    assert_eq!(name, "signing_key");
    assert!(detail.contains("a line end is a part of the secret of stripe"), "{detail}");
}

#[test]
fn a_missing_signature_is_said_as_in_the_answer() {
    let setup = setup();
    let request = format!("POST /hooks/stripe HTTP/1.1\nHost: a.example\n\n{BODY}");
    let report = verified(&setup, "/hooks/stripe", &request, "2026-01-01T00:00:00Z");
    assert_eq!(report["reason"], "signature_missing");
    assert_eq!(failed(&report)[0].0, "signature_form");
}

#[test]
fn a_body_that_is_cut_and_another_route_are_pointed_out() {
    let setup = setup();
    let signature = mac(SECRET, BODY);
    let request = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\nX-Hub-Signature-256: sha256={signature}\nContent-Length: {length}\n\n{BODY}\n"
        )
    };
    let report = verified(&setup, "/hooks/github", &request("/hooks/github", BODY.len()), "");
    assert_eq!(report["verdict"], "admitted", "{report}");
    assert!(report.to_string().contains("1 more in the file are left out"), "{report}");
    assert!(report.to_string().contains("also demands a client certificate"), "{report}");

    let cut = verified(&setup, "/hooks/github", &request("/hooks/github", 100), "");
    assert_eq!(failed(&cut)[0].0, "body");

    let elsewhere = verified(&setup, "/hooks/github", &request("/hooks/stripe", BODY.len()), "");
    let route = &elsewhere["checks"][0];
    assert_eq!((&route["name"], &route["severity"]), (&"route".into(), &"warning".into()));
}

#[test]
fn a_file_without_a_request_has_exit_code_1() {
    let setup = setup();
    let file = setup.pki.file("request.http", "{}");
    let output = setup.command("verify").word("/hooks/stripe").word(&file).output();
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("request.http has no empty line"), "{output:?}");
}
