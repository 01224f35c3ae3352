//! Who may use the listener, and how.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use super::{KEY, TOKEN, Target, command, metrics, post, send, settings, start, track};
use crate::support::backend::Backend;
use crate::support::client::connect;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::plain;

#[test]
fn a_caller_without_the_token_is_refused_and_learns_nothing_of_the_targets() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, Target::at(&pki, api.address()));

    for headers in [
        "",
        "Authorization: Bearer wrong\r\n",
        "X-Incoming-Secret: token-of-the-callers-of-the-relay\r\n",
    ] {
        for path in ["/track", "/nothing"] {
            let answer = send(&clawgate, &post(path, headers, "{}"));
            assert_eq!(answer.status, 401, "{path} {headers}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert_eq!(answer.reason(), "relay_unauthorized");
        }
    }

    assert!(api.received().is_empty());
    let refused = clawgate.event("relay_refused", 6);
    assert_eq!(refused["reason"], "relay_unauthorized");
    let request = clawgate.event("relay_request", 1);
    assert_eq!((&request["status"], &request["reason"]), (&401.into(), &"relay_unauthorized".into()));
    assert_eq!(request.get("upstream"), None);
    let metrics = metrics(&clawgate);
    assert!(
        metrics.contains("clawgate_rejections_total{reason=\"relay_unauthorized\"} 6\n"),
        "{metrics}"
    );
}

#[test]
fn repeated_refusals_are_logged_five_times_and_then_summed_up() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let command = command(&pki, &settings(&pki, &[Target::at(&pki, api.address())]));
    let mut clawgate = command.env("CLAWGATE_LOG_REPEAT_WINDOW", "1h").start();

    for _ in 0..9 {
        send(&clawgate, &post("/track", "", "{}"));
    }

    let refused = clawgate.all("relay_refused");
    assert_eq!(refused.len(), 6, "{refused:#?}");
    assert_eq!(refused[5]["repeated"]["count"], 4);
    assert_eq!(clawgate.events("relay_request").len(), 5);
}

#[test]
fn a_web_page_is_refused_even_with_the_token() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, Target::at(&pki, api.address()));

    let headers = format!("Authorization: Bearer {TOKEN}\r\nOrigin: http://localhost:9444\r\n");
    let answer = send(&clawgate, &post("/track", &headers, "{}"));

    assert_eq!((answer.status, answer.reason()), (403, "relay_from_browser".into()));
    assert_eq!(clawgate.event("relay_refused", 1)["reason"], "relay_from_browser");
    assert!(api.received().is_empty());
}

#[test]
fn only_post_to_the_exact_path_of_a_target_is_accepted() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, Target::at(&pki, api.address()));

    let get = plain::get(clawgate.relay(), "/track");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    for path in ["/", "/track/", "/Track", "/tracks", "/%74rack", "//track"] {
        let answer = send(&clawgate, &post(path, &format!("Authorization: Bearer {TOKEN}\r\n"), "{}"));
        assert_eq!((answer.status, answer.reason()), (404, "no_route".into()), "{path}");
    }
    assert!(api.received().is_empty());
}

#[test]
fn a_header_of_its_own_can_have_the_token() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let toml = settings(&pki, &[Target::at(&pki, api.address())]);
    let toml = toml.replace("[relay]\n", "[relay]\ntoken_header = \"x-incoming-secret\"\n");
    let clawgate = command(&pki, &toml).start();

    let answer = send(&clawgate, &post("/track", &format!("X-Incoming-Secret: {TOKEN}\r\n"), "{}"));

    assert_eq!(answer.status, 202);
    let received = api.first();
    assert_eq!(received.value("x-incoming-secret"), None);
    assert_eq!(received.value("authorization"), Some(&*format!("Bearer {KEY}")));
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let toml = settings(&pki, &[Target::at(&pki, api.address())]) + "[limits]\nbody = \"1KiB\"\n";
    let clawgate = command(&pki, &toml).start();

    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(2000));
    let answer = track(&clawgate, &body);

    assert_eq!((answer.status, answer.reason()), (413, "body_too_large".into()));
    assert!(api.received().is_empty());
}

#[test]
fn a_connection_that_sends_no_head_is_closed() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let toml =
        settings(&pki, &[Target::at(&pki, api.address())]) + "[limits]\nhead_timeout = \"300ms\"\n";
    let clawgate = command(&pki, &toml).start();

    let mut silent = connect(clawgate.relay());
    let mut read = Vec::new();
    silent.read_to_end(&mut read).unwrap();
}

#[test]
fn a_body_that_does_not_come_ends_the_request() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let toml =
        settings(&pki, &[Target::at(&pki, api.address())]) + "[limits]\nbody_timeout = \"300ms\"\n";
    let clawgate = command(&pki, &toml).start();

    let head = format!(
        "POST /track HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n{{"
    );
    let answer = send(&clawgate, &head);

    assert_eq!((answer.status, answer.reason()), (408, "body_timeout".into()));
}

#[test]
fn a_unix_socket_is_for_clawgates_own_user() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let path = pki.dir().join("relay.sock");
    let toml = settings(&pki, &[Target::at(&pki, api.address())]);
    let toml = toml.replace("127.0.0.1:0", &format!("unix:{}", path.display()));
    let mut clawgate = command(&pki, &toml).start();

    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    let request = post("/track", &format!("Authorization: Bearer {TOKEN}\r\n"), "{\"a\":1}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(clawgate.event("relay_request", 1)["peer"], "unix");
    assert_eq!(api.first().body, b"{\"a\":1}");
    clawgate.stop();
    assert!(!path.exists());
}

#[test]
fn another_clawgate_takes_over_the_unix_socket() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let path = pki.dir().join("relay.sock");
    let toml = settings(&pki, &[Target::at(&pki, api.address())]);
    let toml = toml.replace("127.0.0.1:0", &format!("unix:{}", path.display()));
    let takeover = || command(&pki, &toml).env("CLAWGATE_TAKEOVER", "true").start();
    let mut first = takeover();
    let second = takeover();
    first.stop();

    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(post("/track", "", "{}").as_bytes()).unwrap();

    assert_eq!(second.event("relay_request", 1)["status"], 401);
    assert!(first.events("relay_refused").is_empty());
}

#[test]
fn requests_in_progress_are_answered_while_clawgate_drains() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let mut clawgate = start(&pki, Target::at(&pki, api.address()));
    let mut caller = connect(clawgate.relay());
    let body = "{\"a\":1}";
    let request = post("/track", &format!("Authorization: Bearer {TOKEN}\r\n"), body);
    let (first, rest) = request.split_at(request.len() - 3);
    caller.write_all(first.as_bytes()).unwrap();

    clawgate.signal("TERM");
    clawgate.event("draining", 1);
    eventually("the end of the listener", || {
        std::net::TcpStream::connect(clawgate.relay()).is_err().then_some(())
    });
    caller.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert!(clawgate.wait().success());
}
