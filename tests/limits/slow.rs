//! Slow clients.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::{hits, with_limits};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::{eventually, stay_silent};

const REQUEST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_head_that_arrives_byte_by_byte_is_given_up() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "head_timeout = \"300ms\"").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(REQUEST);
    assert_eq!(client.answer().status, 200);

    client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: loc");
    // No pause alone is as long as the limit.
    client.write_slowly(b"alh", Duration::from_millis(80));

    let answer = client.answer();
    assert_eq!((answer.status, &*answer.reason()), (408, "head_timeout"));
    assert!(client.is_closed());
    assert_eq!(clawgate.event("request", 2)["reason"], "head_timeout");
    assert_eq!(hits(&clawgate, "head_timeout"), 1);
}

#[test]
fn a_connection_that_is_idle_between_requests_is_not_a_slow_head() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "head_timeout = \"100ms\"").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    for _ in 0..2 {
        stay_silent(Duration::from_millis(300));
        client.write(REQUEST);
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn a_body_that_never_pauses_long_but_takes_too_long_is_given_up() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = with_limits(&pki, &backend.url(), "body_timeout = \"300ms\"").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n");
    client.write_slowly(b"xxxx", Duration::from_millis(60));

    let answer = client.answer();
    assert_eq!((answer.status, &*answer.reason()), (408, "body_timeout"));
    assert!(String::from_utf8_lossy(&answer.body).contains("300ms"), "another limit");
    assert_eq!(backend.received().len(), 0);
    assert_eq!(hits(&clawgate, "body_timeout"), 1);
}

/// Takes as long as a client is left to begin, 5 s.
#[test]
fn a_body_that_keeps_coming_but_too_slowly_is_given_up() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = with_limits(&pki, &backend.url(), "body_rate = \"100KiB\"").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n");
    eventually("clawgate to give up", || {
        client.write(b"x");
        clawgate.events("request").pop()
    });

    let answer = client.answer();
    assert_eq!((answer.status, &*answer.reason()), (408, "body_timeout"));
    assert!(String::from_utf8_lossy(&answer.body).contains("102400 bytes per second"), "another limit");
    assert_eq!(backend.received().len(), 0);
    assert_eq!(hits(&clawgate, "body_timeout"), 1);
}

/// An upstream whose answer is larger than all buffers on the way.
fn large() -> Backend {
    Backend::script(|mut exchange| {
        exchange.request();
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        let piece = vec![b'x'; 1_000_000];
        use std::io::Write;
        for _ in 0..100 {
            if exchange.stream.write_all(&piece).is_err() {
                return;
            }
        }
    })
}

#[test]
fn an_answer_that_is_not_taken_is_given_up() {
    let pki = Pki::new();
    let backend = large();
    let clawgate = with_limits(&pki, &backend.url(), "send_timeout = \"300ms\"").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(REQUEST);

    let line = clawgate.request();
    assert_eq!((&line["status"], &line["reason"]), (&200.into(), &"answer_timeout".into()), "{line}");
    assert!(line["bytes_out"].as_u64().unwrap() < 100_000_000, "{line}");
    assert_eq!(hits(&clawgate, "send_timeout"), 1);
}

/// The connection itself lives: pings are answered, and only the window of the stream is never opened.
#[test]
fn an_http2_stream_whose_window_stays_shut_is_given_up_and_the_connection_goes_on() {
    let pki = Pki::new();
    let backend = large();
    let clawgate = with_limits(&pki, &backend.url(), "request_timeout = \"500ms\"").start();
    let client = Client::new(&pki, &clawgate).alpn(&["h2"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(client.address()).await.unwrap();
        let name = ServerName::try_from(client.name).unwrap();
        let tls = TlsConnector::from(Arc::new(client.config)).connect(name, socket).await.unwrap();
        let (mut requests, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(1000)
            .handshake(TokioIo::new(tls))
            .await
            .unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        let connection = tokio::spawn(connection);
        let ask =
            || Request::post("https://localhost/hooks/wake").body(Empty::<bytes::Bytes>::new()).unwrap();
        // Kept, and never read.
        let response = requests.send_request(ask()).await.unwrap();
        assert_eq!(response.status(), 200);
        while clawgate.events("request").is_empty() {
            tokio::task::yield_now().await;
        }
        requests.ready().await.unwrap();
        assert_eq!(requests.send_request(ask()).await.unwrap().status(), 200);
        connection.abort();
    });

    let line = clawgate.request();
    assert_eq!((&line["reason"], &line["protocol"]), (&"request_timeout".into(), &"HTTP/2".into()));
    eventually("the count", || (hits(&clawgate, "request_timeout") >= 1).then_some(()));
}
