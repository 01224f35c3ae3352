//! Clients that end their own direction of a connection and still read (RFC 8446 section 6.1): complete requests are
//! served and answered, incomplete ones are not forwarded.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, mpsc};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned, SupportedProtocolVersion, version};

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client, Connection};
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// How a client says that nothing more will come from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    CloseNotify,
    CloseNotifyAndFin,
    /// Forbidden by RFC 8446, but some clients do it.
    Fin,
}

const ENDS: [End; 3] = [End::CloseNotify, End::CloseNotifyAndFin, End::Fin];
const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

/// Writes `bytes`, and the end with them: in one segment, where they fit into one.
fn write_last(connection: &mut Connection, bytes: &[u8], end: End) {
    let stream = &mut connection.stream;
    stream.conn.set_buffer_limit(None);
    stream.conn.writer().write_all(bytes).unwrap();
    if end != End::Fin {
        stream.conn.send_close_notify();
    }
    stream.flush().unwrap();
    if end != End::CloseNotify {
        stream.sock.shutdown(Shutdown::Write).unwrap();
    }
}

fn open(backend: &Backend) -> (Pki, Clawgate) {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    (pki, clawgate)
}

fn connect(pki: &Pki, clawgate: &Clawgate, version: &'static SupportedProtocolVersion) -> Connection {
    Client::with_versions(pki, clawgate, Some(&pki.client), &[version]).connect().unwrap()
}

/// Connects, and keeps back the last that a client writes in the handshake: it goes out with the first bytes
/// that are written on the connection.
fn connect_unflushed(client: Client) -> Connection {
    let socket = crate::support::client::connect(client.address());
    let name = ServerName::try_from(client.name).unwrap();
    let tls = ClientConnection::new(Arc::new(client.config), name).unwrap();
    let mut stream = StreamOwned::new(tls, socket);
    while stream.conn.is_handshaking() {
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut stream.sock).unwrap();
        }
        stream.conn.read_tls(&mut stream.sock).unwrap();
        stream.conn.process_new_packets().unwrap();
    }
    Connection::over(stream)
}

fn post(body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn post_in_chunks(body: &[u8]) -> Vec<u8> {
    let head = "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let size = format!("{:x}\r\n", body.len());
    [head.as_bytes(), size.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}

#[test]
fn a_request_that_ends_what_a_client_sends_is_served_and_answered() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    let large = vec![b'x'; 100 * 1024];
    let mut served = 0;
    for version in VERSIONS {
        for end in ENDS {
            for before in [0, 1] {
                for (request, body) in [
                    (post(b""), &b""[..]),
                    (post(b"{}"), b"{}"),
                    (post(&large), &large),
                    (post_in_chunks(b"{}"), b"{}"),
                    (post_in_chunks(&large), &large),
                ] {
                    let case = format!("{version:?} {end:?} {before} {}", body.len());
                    let mut connection = connect(&pki, &clawgate, version);
                    for _ in 0..before {
                        connection.write(&post(b"before"));
                        assert_eq!(connection.answer().status, 200, "{case}");
                        served += 1;
                    }

                    write_last(&mut connection, &request, end);

                    assert_eq!(connection.answer().status, 200, "{case}");
                    assert!(connection.is_closed(), "{case}");
                    served += 1;
                    assert!(backend.received()[served - 1].body == body, "{case}");
                    let line = clawgate.event("request", served);
                    assert_eq!(
                        (&line["status"], &line["reason"]),
                        (&200.into(), &serde_json::Value::Null),
                        "{case}"
                    );
                }
            }
        }
    }
}

#[test]
fn requests_in_a_row_that_end_what_a_client_sends_are_all_answered() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    for end in ENDS {
        let mut connection = connect(&pki, &clawgate, &version::TLS13);

        write_last(&mut connection, &[post(b"1"), post(b"2"), post(b"3")].concat(), end);

        for _ in 0..3 {
            assert_eq!(connection.answer().status, 200, "{end:?}");
        }
        assert!(connection.is_closed(), "{end:?}");
    }
    assert_eq!(backend.received().len(), 9);
}

#[test]
fn a_request_that_comes_with_the_last_of_the_handshake_and_the_end_is_answered() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    for end in ENDS {
        let client = Client::with_versions(&pki, &clawgate, Some(&pki.client), &[&version::TLS13]);

        let mut connection = connect_unflushed(client);
        write_last(&mut connection, &post(b"{}"), end);

        assert_eq!(connection.answer().status, 200, "{end:?}");
        assert!(connection.is_closed(), "{end:?}");
    }
}

#[test]
fn the_end_of_what_a_client_sends_does_not_cut_an_answer_that_is_on_its_way() {
    const ALL: usize = 8 * 1024 * 1024;
    for end in ENDS {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let backend = Backend::each(move |exchange, _| {
            exchange.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n").as_bytes());
            let _ = released.lock().unwrap().recv();
            exchange.write(&vec![b'x'; ALL]);
        });
        let (pki, clawgate) = open(&backend);
        let mut connection = connect(&pki, &clawgate, &version::TLS13);

        connection.write(&post(b"{}"));
        assert_eq!(Answer::parse(&connection.head()).status, 200);
        write_last(&mut connection, b"", end);
        release.send(()).unwrap();

        assert!(connection.exactly(ALL).iter().all(|&byte| byte == b'x'), "{end:?}");
        assert!(connection.is_closed(), "{end:?}");
        assert_eq!(clawgate.request()["reason"], serde_json::Value::Null, "{end:?}");
    }
}

#[test]
fn a_body_that_ends_early_is_no_request_however_it_ends() {
    let part_in_chunks = {
        let whole = post_in_chunks(b"{}");
        whole[..whole.len() - 2].to_vec()
    };
    let part = post(b"{}");
    let part = part[..part.len() - 1].to_vec();
    for version in VERSIONS {
        for end in ENDS {
            for part in [&part, &part_in_chunks] {
                let (verdict, verdicts) = mpsc::channel();
                let backend = Backend::script(move |mut exchange| {
                    verdict.send(exchange.request().is_some()).unwrap();
                });
                let (pki, clawgate) = open(&backend);
                let mut connection = connect(&pki, &clawgate, version);

                connection.write(part);
                eventually("the upstream's connection", || (backend.connections() == 1).then_some(()));
                write_last(&mut connection, b"", end);

                assert!(!verdicts.recv().unwrap(), "{version:?} {end:?}");
                assert_eq!(clawgate.request()["reason"], "sender_gone", "{version:?} {end:?}");
            }
        }
    }
}

#[test]
fn a_head_that_ends_early_is_no_request_and_the_one_before_it_is_answered() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    for end in ENDS {
        let mut connection = connect(&pki, &clawgate, &version::TLS13);
        let half = b"POST /hooks/wake HTTP/1.1\r\nHost: local";

        write_last(&mut connection, &[&post(b"{}"), &half[..]].concat(), end);

        assert_eq!(connection.answer().status, 200, "{end:?}");
    }
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn a_client_refused_over_http_gets_the_answer_though_it_closed_its_own_direction() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--refuse-with", "http").start();
    for version in VERSIONS {
        for end in [End::CloseNotify, End::CloseNotifyAndFin] {
            let client = Client::with_versions(&pki, &clawgate, None, &[version]);
            let mut connection = client.connect().unwrap();

            write_last(&mut connection, &post(b"{}"), end);

            let answer = connection.answer();
            assert_eq!((answer.status, &*answer.reason()), (403, "client_cert_missing"), "{end:?}");
            assert!(connection.is_closed(), "{end:?}");
        }
    }
}

#[test]
fn the_admin_listener_answers_a_client_that_ends_what_it_sends() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let mut socket = crate::support::client::connect(clawgate.admin());

    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();

    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text:?}");
}
