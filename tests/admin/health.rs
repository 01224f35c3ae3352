//! Liveness and readiness.

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{Latch, eventually, plain, unused_port};

#[test]
fn a_clawgate_that_runs_is_alive_and_ready() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();

    for path in ["/livez", "/readyz"] {
        assert_eq!(plain::get(clawgate.admin(), path).status, 200, "{path}");
        assert_eq!(plain::request(clawgate.admin(), "HEAD", path).status, 200, "{path}");
    }
}

#[test]
fn a_clawgate_that_drains_is_alive_but_not_ready() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).admin().start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    backend.first();

    clawgate.signal("TERM");

    eventually("readyz to tell", || {
        (plain::get(clawgate.admin(), "/readyz").status == 503).then_some(())
    });
    assert_eq!(plain::get(clawgate.admin(), "/livez").status, 200);
    let status = plain::get(clawgate.admin(), "/status").json();
    assert_eq!((&status["draining"], &status["connections"]), (&true.into(), &1.into()));
    latch.open();
    assert_eq!(client.answer().status, 200);
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
}

#[test]
fn readiness_lists_certificates_and_cas_and_an_unreachable_upstream_does_not_end_it() {
    let pki = Pki::new();
    let away = unused_port();
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("http://{away}")).admin().start();

    let answer = plain::get(clawgate.admin(), "/readyz");

    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!((answer.status, text.lines().next()), (200, Some("ready")));
    for line in ["certificate ", "client CA CN=Test Root", "takes no connections: Connection refused"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_clawgate_whose_certificate_expires_is_not_ready_any_more() {
    let pki = Pki::new();
    let short = Leaf::server().valid(-60, 3).issued_by(&pki.intermediate, &[&pki.intermediate]);
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--watch", "false").admin();
    let (_, _) = pki.files("server", &short);
    let clawgate = clawgate.start();

    eventually("the end of readiness", || {
        (plain::get(clawgate.admin(), "/readyz").status == 503).then_some(())
    });

    let text = String::from_utf8(plain::get(clawgate.admin(), "/readyz").body).unwrap();
    assert!(text.starts_with("not ready: no certificate of clawgate is valid\n"), "{text}");
    assert_eq!(plain::get(clawgate.admin(), "/livez").status, 200);
}

#[test]
fn readiness_is_one_line_for_whoever_may_not_ask_for_the_status() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "let-me-in");
    let away = unused_port();
    let clawgate =
        ClawgateCommand::new(&pki).upstream(format!("http://{away}")).arg("--admin", "127.0.0.1:0");
    let guarded = clawgate.arg("--admin-token-file", token).start();
    let open = ClawgateCommand::new(&pki).upstream(format!("http://{away}")).admin().start();
    let ready = |clawgate: &Clawgate, fields: &str| {
        let request = format!("GET /readyz HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
        let answer = plain::exchange(clawgate.admin(), request.as_bytes()).unwrap();
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    // Only authorized requests see that a reload has failed.
    pki.file("server.pem", "no certificate");
    for clawgate in [&guarded, &open] {
        clawgate.signal("HUP");
        clawgate.event("reload_failed", 1);
    }

    let first = (200, "ready\n".to_owned());
    assert_eq!(ready(&guarded, "Host: localhost\r\n"), first);
    assert_eq!(ready(&guarded, "Host: localhost\r\nAuthorization: Bearer guess\r\n"), first);
    // By a name that leads here: a page in a browser.
    assert_eq!(ready(&open, "Host: evil.example\r\n"), first);
    let all = [
        ready(&guarded, "Host: localhost\r\nAuthorization: Bearer let-me-in\r\n"),
        ready(&open, "Host: localhost\r\n"),
    ];
    for (status, text) in all {
        let told = ["ready\n", "CN=Test Root", &away.to_string(), "the last reload failed"];
        assert!(status == 200 && told.iter().all(|part| text.contains(part)), "{text}");
    }
}
