//! An upstream that cannot be reached, does not answer, or answers nonsense.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::backend::{Backend, Exchange};
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{plain, unused_port};

const POST: &str = "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn a_refused_connection_is_503_and_tells_the_client_no_address() {
    let pki = Pki::new();
    let unused = unused_port();
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("http://{unused}")).start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    let public = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    assert!(!public.contains("127.0.0.1"), "{public}");
    assert!(!public.contains(&unused.address().port().to_string()), "{public}");
    let line = clawgate.request();
    assert_eq!(line["reason"], "upstream_unavailable");
    assert_eq!(line["upstream"], format!("http://{unused}"));
    assert!(line["detail"].as_str().unwrap().contains("refused"), "{line}");
    assert_eq!(answer.json()["id"], line["id"]);
}

#[test]
fn an_upstream_that_is_back_is_used_at_once() {
    let pki = Pki::new();
    let unused = unused_port();
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("http://{unused}")).start();
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 503);

    let backend = Backend::at(unused, |mut exchange| {
        exchange.request().unwrap();
        exchange.answer("200 OK", "text/plain", "back");
    });

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").body, b"back");
    assert_eq!(backend.received().len(), 1);
}

/// A listening socket that has no room for another connection.
fn full() -> (Socket, SocketAddr, Vec<TcpStream>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let fillers: Vec<_> = std::iter::from_fn(|| connect().ok()).take(100).collect();
    assert!(fillers.len() < 100, "it takes any number of connections");
    (socket, address, fillers)
}

#[test]
fn an_upstream_that_takes_no_connection_is_504() {
    let pki = Pki::new();
    let (_socket, address, _fillers) = full();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(format!("http://{address}"))
        .arg("--upstream-connect-timeout", "300ms")
        .start();

    let start = Instant::now();
    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (504, "upstream_connect_timeout"));
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(clawgate.request()["detail"].as_str().unwrap().contains("300ms"));
}

#[test]
fn a_unix_socket_that_takes_no_connection_is_503() {
    let pki = Pki::new();
    let path = pki.dir().join("full.sock");
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let _filler = UnixStream::connect(&path).unwrap();
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("unix:{}", path.display())).start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
}

#[test]
fn no_answer_within_the_time_is_504_and_sent_once() {
    let pki = Pki::new();
    let backend = Backend::each(|_, _| {});
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--upstream-response-timeout", "300ms")
        .start();

    let start = Instant::now();
    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (504, "upstream_timeout"));
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(answer.header("retry-after"), None, "it may have been delivered");
    assert_eq!((backend.received().len(), backend.connections()), (1, 1));
    // The answer that may come yet must not be taken for that to another request.
    let again = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    assert_eq!((again.status, backend.connections()), (504, 2));
}

#[test]
fn a_slow_upload_is_no_silence_of_the_upstream() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--upstream-response-timeout", "400ms")
        .start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n");
    client.write_slowly(b"xxxxxxxxxx", Duration::from_millis(150));

    assert_eq!(client.answer().status, 200);
    assert_eq!(backend.first().body, b"xxxxxxxxxx");
}

#[test]
fn an_answer_that_is_not_http_is_502() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(300_000));
    let answers: [&[u8]; 6] = [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        long.as_bytes(),
    ];
    for bytes in answers {
        let pki = Pki::new();
        let nonsense = bytes.to_vec();
        let backend = Backend::each(move |exchange, _| exchange.write(&nonsense));
        let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

        let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
        assert_eq!((answer.status, &*answer.reason()), (502, "upstream_protocol_error"), "{shown}");
        assert_eq!(clawgate.request()["reason"], "upstream_protocol_error");
        assert_eq!(backend.received().len(), 1);
    }
}

#[test]
fn an_upgrade_that_was_not_requested_is_502() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (502, "upstream_protocol_error"));
    assert_eq!(clawgate.request()["status"], 502);
}

/// An upstream that sends this and closes.
fn broken_off(bytes: &'static str) -> Backend {
    Backend::script(move |mut exchange: Exchange| {
        exchange.request().unwrap();
        exchange.write(bytes.as_bytes());
    })
}

#[test]
fn an_answer_that_breaks_off_is_not_passed_off_as_whole() {
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"half\":\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"half\":\r\n20\r\n",
    ];
    for bytes in answers {
        let pki = Pki::new();
        let clawgate = ClawgateCommand::new(&pki).upstream(broken_off(bytes).url()).start();
        let mut client = Client::new(&pki, &clawgate).connect().unwrap();

        client.write(POST.as_bytes());
        let (answer, _) = client.rest();

        if bytes.contains("chunked") {
            assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
            assert!(!answer.contains("\r\n0\r\n"), "{answer}");
        } else {
            assert!(answer.contains("content-length: 100"), "{answer}");
            assert!(answer.ends_with("{\"half\":"), "{answer}");
        }
        let line = clawgate.request();
        assert_eq!((&line["status"], &line["reason"]), (&200.into(), &"upstream_closed".into()));
        assert!(line["detail"].as_str().unwrap().contains("is incomplete"), "{line}");
        assert_eq!(line["bytes_out"], 8);
    }
}

#[test]
fn a_client_that_knows_only_the_close_for_an_end_gets_no_orderly_one() {
    let pki = Pki::new();
    let bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"half\":\r\n";
    let clawgate = ClawgateCommand::new(&pki).upstream(broken_off(bytes).url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(b"POST /hooks/wake HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    let (answer, orderly) = client.rest();

    assert!(!answer.contains("chunked"), "{answer}");
    assert!(!orderly, "{answer}");
}

#[test]
fn an_answer_that_stops_is_ended() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
    });
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--upstream-idle-timeout", "300ms")
        .start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(POST.as_bytes());
    let (answer, _) = client.rest();

    assert!(answer.ends_with("{\"half\":"), "{answer}");
    let line = clawgate.request();
    assert_eq!((&line["status"], &line["reason"]), (&200.into(), &"upstream_timeout".into()));
}

/// `clawgate_upstream_up` of the only upstream.
fn is_up(clawgate: &Clawgate) -> bool {
    let answer = plain::get(clawgate.admin(), "/metrics");
    let text = String::from_utf8(answer.body).unwrap();
    let line = text.lines().find(|line| line.starts_with("clawgate_upstream_up{")).unwrap();
    line.ends_with(" 1")
}

#[test]
fn a_request_without_an_answer_is_a_warning_with_a_hint_and_what_repeats_is_summed_up() {
    let pki = Pki::new();
    let unused = unused_port();
    let url = format!("http://{unused}");
    let mut clawgate =
        ClawgateCommand::new(&pki).upstream(&url).arg("--log-repeat-window", "1h").start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    for _ in 0..7 {
        Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    }

    let lines = clawgate.all("delivery_failed");
    let (first, sum) = (&lines[0], lines.last().unwrap());
    assert_eq!((&first["level"], &first["reason"]), (&"warn".into(), &"upstream_unavailable".into()));
    assert_eq!((&first["upstream"], &first["cn"]), (&url.clone().into(), &"notes".into()));
    assert_eq!(first["id"], answer.json()["id"]);
    assert!(first["detail"].as_str().unwrap().contains("refused"), "{first}");
    assert!(first["hint"].as_str().unwrap().contains("clawgate doctor"), "{first}");
    assert_eq!((lines.len(), &sum["repeated"]["count"]), (6, &3.into()));
    assert_eq!((&sum["upstream"], &sum["level"]), (&url.into(), &"warn".into()));
}

#[test]
fn a_client_that_sends_too_much_is_no_failure_of_the_upstream() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate =
        ClawgateCommand::new(&pki).upstream(backend.url()).arg("--max-body", "4B").start();

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{\"a\":1}").status, 413);

    assert!(clawgate.all("delivery_failed").is_empty());
}

#[test]
fn a_gauge_shows_whether_the_upstream_answers() {
    let pki = Pki::new();
    let unused = unused_port();
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("http://{unused}")).admin().start();
    assert!(is_up(&clawgate), "before the first request");

    Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    assert!(!is_up(&clawgate));

    let _backend = Backend::at(unused, |mut exchange| {
        exchange.request().unwrap();
        exchange.answer("200 OK", "text/plain", "back");
    });
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    assert!(is_up(&clawgate));
}

#[test]
fn an_upstream_that_does_not_answer_is_logged_at_the_level_warn_too() {
    let pki = Pki::new();
    let (upstream, listen) = (unused_port(), unused_port());
    let command =
        ClawgateCommand::new(&pki).upstream(format!("http://{upstream}")).arg("--log-level", "warn");
    let clawgate = command.start_at(listen.address());

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 503);

    let line = clawgate.event("delivery_failed", 1);
    assert_eq!(line["reason"], "upstream_unavailable");
    assert!(line["hint"].as_str().unwrap().contains("start the upstream"), "{line}");
    assert!(
        clawgate.events("request").is_empty() && clawgate.events("started").is_empty(),
        "{:?}",
        clawgate.lines()
    );
}
