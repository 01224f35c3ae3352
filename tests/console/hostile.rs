//! Whoever is refused, reads slowly or asks too often: the page stays small, whole and harmless.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::{client, page_with, panel, text, with_inbox};
use crate::inbox::support::post;
use crate::support::backend::Backend;
use crate::support::client::{Client, connect};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::{eventually, plain};

const MARKUP: &str = "<img src=x onerror=alert(1)>\"'</td><script>alert(2)</script>";

#[test]
fn markup_in_a_name_a_key_a_header_and_an_answer_of_the_upstream_is_text() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| exchange.answer("422 No", "text/html", MARKUP));
    let token = pki.file("admin-token", "let-me-in");
    let clawgate = with_inbox(&pki, &backend.url()).arg("--admin-token-file", token);
    let toml = std::fs::read_to_string(pki.dir().join("clawgate.toml")).unwrap();
    pki.file("clawgate.toml", toml.replace("[admin]", "[admin]\nshow_bodies = true"));
    let clawgate = clawgate.start();
    let key: String = MARKUP.chars().filter(char::is_ascii_graphic).collect();
    let headers = format!("Idempotency-Key: {key}\r\nX-Note: {MARKUP}\r\n");
    let sent = client(&pki, &clawgate, MARKUP).send(&post(&headers, MARKUP));
    assert_eq!(sent.status, 202, "{}", String::from_utf8_lossy(&sent.body));
    let asked = |path: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer let-me-in\r\nConnection: close\r\n\r\n"
        );
        String::from_utf8(plain::exchange(clawgate.admin(), request.as_bytes()).unwrap().body).unwrap()
    };
    let page = eventually("the dead letter", || {
        Some(asked("/")).filter(|page| panel(page, "dead").contains("rejected"))
    });
    let id =
        panel(&page, "dead").split("/events/").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let event = asked(&format!("/events/{id}"));

    assert!(event.contains("&lt;script&gt;alert(2)"), "{event}");
    for page in [page, event, asked("/?q=%3Cscript%3Ealert(2)%3C/script%3E")] {
        assert!(!page.contains("<img") && !page.contains("<script>"), "{page}");
    }
}

#[test]
fn a_certificate_with_very_long_names_leaves_the_page_small() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    for number in 0..40 {
        let name = format!("{number}{}", "<&\"".repeat(1200));
        let stranger = Leaf::client(&name).self_signed();
        Client::with_identity(&pki, &clawgate, &stranger).refused();
    }

    let huge = Leaf::client(&"x".repeat(40_000)).self_signed();
    Client::with_identity(&pki, &clawgate, &huge).refused();

    let page = page_with(&clawgate, "refusals", "client_cert_too_large");
    assert!(page.contains("<h3>127.0.0.1</h3>"), "one without a name is named by its address");

    assert!(page.len() < 100 * 1024, "{} bytes", page.len());
    assert!(text(clawgate.admin(), "/console.txt").lines().all(|line| line.len() < 2048));
}

#[test]
fn thousands_of_refused_clients_leave_the_latest_200() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let mut last = String::new();
    for number in 0..2000 {
        let stranger = Leaf::client(&format!("stranger {number:05}")).self_signed();
        Client::with_identity(&pki, &clawgate, &stranger).refused();
        last = format!("stranger {number:05}");
    }

    let page = page_with(&clawgate, "refusals", &last);

    assert!(page.len() < 100 * 1024, "{} bytes", page.len());
    let status = plain::get(clawgate.admin(), "/status").json();
    assert_eq!(status["refusals"].as_array().unwrap().len(), 200);
}

#[test]
fn slow_readers_and_many_requests_for_the_page_do_not_hold_up_events() {
    let pki = Pki::new();
    let clawgate = with_inbox(&pki, &Backend::ok().url()).start();
    let (admin, request) = (clawgate.admin(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // They ask for many pages and read none.
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut socket = connect(admin);
            socket.set_nonblocking(true).unwrap();
            let _ = socket.write(request.repeat(200).as_bytes());
            socket
        })
        .collect();
    let ends = Instant::now() + Duration::from_secs(2);
    let asking: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(move || {
                let mut pages = 0;
                while Instant::now() < ends {
                    let mut socket = connect(admin);
                    let request = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
                    socket.write_all(request.as_bytes()).unwrap();
                    let mut page = Vec::new();
                    let whole = socket.read_to_end(&mut page).is_ok() && page.ends_with(b"</html>");
                    pages += usize::from(whole);
                }
                pages
            })
        })
        .collect();

    let mut sender = client(&pki, &clawgate, "fathom").connect().unwrap();
    let mut longest = Duration::ZERO;
    let mut events = 0;
    while Instant::now() < ends {
        let begun = Instant::now();
        sender.write(post("", "{}").as_bytes());
        assert_eq!(sender.answer().status, 202);
        longest = longest.max(begun.elapsed());
        events += 1;
    }

    let pages: usize = asking.into_iter().map(|thread| thread.join().unwrap()).sum();
    println!("{events} events, the slowest after {longest:?}, beside {pages} pages");
    assert!(
        longest < Duration::from_secs(1) && events > 10 && pages > 10,
        "{longest:?} {events} {pages}"
    );
    drop(slow);
}
