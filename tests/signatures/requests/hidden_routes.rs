//! On the listener without client certificates, a route that demands a certificate does not exist.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{SECRET, configured, github, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

const PATHS: [&str; 6] = ["/hooks/a", "/hooks/a/b", "/hooks/a/", "/hooks/a/b/", "/hooks/", "/other/c"];
const METHODS: [&str; 3] = ["\"POST\"", "\"GET\", \"PUT\"", "\"any\""];

/// What one route says, if it is there: `authenticate`, and its methods.
type Choice = Option<(&'static str, &'static str)>;

fn choice() -> impl Strategy<Value = Choice> {
    let authenticate = prop_oneof![
        Just("certificate"),
        Just("both"),
        Just("both, challenge"),
        Just("signature"),
        Just("either"),
    ];
    proptest::option::of((authenticate, proptest::sample::select(&METHODS[..])))
}

/// The routes for which `is_kept`, and one that is always there.
fn routes(pki: &Pki, choices: &[Choice], is_kept: impl Fn(&str) -> bool) -> String {
    let mut toml = github(pki, "/always", "authenticate = \"signature\"");
    for (path, choice) in PATHS.iter().zip(choices) {
        let Some((authenticate, methods)) = choice else { continue };
        let (authenticate, has_challenge) = match authenticate.split_once(',') {
            Some((authenticate, _)) => (authenticate, true),
            None => (*authenticate, false),
        };
        if !is_kept(authenticate) {
            continue;
        }
        let lines = format!("authenticate = \"{authenticate}\"\nmethods = [{methods}]");
        if authenticate == "certificate" {
            toml.push_str(&format!("[[route]]\npath = \"{path}\"\n{lines}\n"));
        } else {
            toml.push_str(&github(pki, path, &lines));
            if has_challenge {
                toml.push_str("challenge = \"dropbox\"\n");
            }
        }
    }
    toml
}

fn request() -> impl Strategy<Value = (&'static str, String)> {
    let method = proptest::sample::select(&["POST", "GET", "PUT", "DELETE", "HEAD"][..]);
    let path = proptest::sample::select(&PATHS[..]);
    let end = proptest::sample::select(&["", "x", "/", "/x", "?challenge=x", "%2f", "//"][..]);
    (method, path, end).prop_map(|(method, path, end)| (method, format!("{path}{end}")))
}

#[test]
fn a_clawgate_answers_there_as_if_it_had_no_routes_for_certificates() {
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let cases =
        (proptest::collection::vec(choice(), PATHS.len()), proptest::collection::vec(request(), 24));
    let backend = Backend::ok();
    let run = runner.run(&cases, |(choices, requests)| {
        let (pki, other) = (Pki::new(), Pki::new());
        let all = configured(&pki, &backend.url(), &routes(&pki, &choices, |_| true));
        let open = |authenticate: &str| matches!(authenticate, "signature" | "either");
        let signed = configured(&other, &backend.url(), &routes(&other, &choices, open));
        let mut connections = [(&pki, &all), (&other, &signed)].map(|(pki, clawgate)| {
            Client::without_certificate(pki, clawgate).connect().unwrap()
        });
        for (number, (method, target)) in requests.iter().enumerate() {
            let body = number.to_string();
            let answers = connections.each_mut().map(|connection| {
                connection.write(
                    format!(
                        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n{body}",
                        signature(SECRET, body.as_bytes()),
                        body.len()
                    )
                    .as_bytes(),
                );
                if *method == "HEAD" {
                    return (connection.head().lines().next().unwrap().to_owned(), String::new());
                }
                let answer = connection.answer();
                let detail = if answer.status == 200 { String::new() } else { answer.json()["detail"].to_string() };
                (answer.status.to_string(), detail)
            });
            prop_assert_eq!(&answers[0], &answers[1], "{} {}", method, target);
        }
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
