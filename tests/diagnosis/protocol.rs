//! Handshakes that end or fail between the hello and the certificate.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::ClientConnection;
use serde_json::json;

use super::{BOTH, Trial, says};
use crate::support::client::{Client, alert_name, connect};
use crate::support::pki::Pki;
use crate::support::plain::reset;
use crate::support::process::Clawgate;

/// A good client that has sent its hello by hand.
pub struct Begun {
    tls: ClientConnection,
    socket: TcpStream,
    /// Bytes sent so far.
    sent: usize,
}

impl Begun {
    pub fn new(client: Client, clawgate: &Clawgate) -> Self {
        let (tls, bytes) = hello(client);
        let mut socket = connect(clawgate.address());
        socket.write_all(&bytes).unwrap();
        Self { tls, socket, sent: bytes.len() }
    }

    /// Waits for clawgate's hello.
    pub fn answered(mut self) -> Self {
        assert!(self.tls.read_tls(&mut self.socket).unwrap() > 0);
        self
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
        self.sent += bytes.len();
    }

    /// Reads on as a client would, to clawgate's alert.
    fn alert(&mut self) -> &'static str {
        loop {
            match self.tls.process_new_packets() {
                Ok(_) => {}
                Err(rustls::Error::AlertReceived(alert)) => return alert_name(alert.into()),
                Err(error) => panic!("no alert, but {error}"),
            }
            assert!(self.tls.read_tls(&mut self.socket).unwrap() > 0, "closed without an alert");
        }
    }
}

fn hello(client: Client) -> (ClientConnection, Vec<u8>) {
    let name = client.name.try_into().unwrap();
    let mut tls = ClientConnection::new(Arc::new(client.config), name).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    (tls, bytes)
}

/// A record with an alert in the clear.
pub fn alert_record(level: u8, number: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, level, number]
}

/// The number of the one alert in the clear that came.
fn plain_alert(answer: &[u8]) -> &'static str {
    match answer {
        [21, 3, _, 0, 2, 2, number] => alert_name(*number),
        other => panic!("not an alert: {other:?}"),
    }
}

#[test]
fn protocols_clawgate_does_not_speak_are_named() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let line = trial.refuse(client.alpn(&["smtp", "acme-tls/1"]), "alpn_mismatch");
        assert_eq!(line["alpn"], json!(["smtp", "acme-tls/1"]));
        assert_eq!(line["alert_sent"], "no_application_protocol");
        says(&line, "detail", &["smtp, acme-tls/1", "h2 and http/1.1"]);
        says(&line, "hint", &["ALPN"]);
        assert_eq!(line["tls_versions_offered"], json!([name]));
    }
    trial.end();
}

#[test]
fn all_versions_and_protocols_that_were_offered_are_on_the_line() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    let versions = [BOTH[0].1, BOTH[1].1];
    let client = Client::with_versions(&pki, &trial.clawgate, None, &versions);
    let line = trial.refuse(client.alpn(&["h2", "http/1.1"]), "client_cert_missing");

    assert_eq!(line["alpn"], json!(["h2", "http/1.1"]));
    assert_eq!(line["tls_versions_offered"], json!(["TLSv1.3", "TLSv1.2"]));
    assert_eq!(line["tls_version"], "TLSv1.3");
    trial.end();
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_hello_is_distinguished_from_a_probe() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);
    let (_, bytes) = hello(Client::new(&pki, &trial.clawgate));

    for end in [1, 5, 100, bytes.len() - 1] {
        let mut socket = connect(trial.clawgate.address());
        socket.write_all(&bytes[..end]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let line = trial.line("client_closed", socket.local_addr().unwrap());
        says(&line, "detail", &["closed the connection in the middle of its ClientHello"]);
        says(&line, "detail", &[&format!("after {end} bytes"), "the ClientHello was incomplete"]);
        // The header of the record has 5 bytes, that of the message 4.
        if end >= 9 {
            let (had, of) = (end - 5, bytes.len() - 5);
            says(&line, "detail", &[&format!("{had} of its {of} bytes had come")]);
        }
        says(&line, "hint", &["client's own log"]);
    }
    trial.end();
}

#[test]
fn a_reset_is_not_taken_for_an_orderly_end() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);
    let (_, bytes) = hello(Client::new(&pki, &trial.clawgate));

    let mut socket = connect(trial.clawgate.address());
    socket.write_all(&bytes[..100]).unwrap();
    let from = socket.local_addr().unwrap();
    reset(socket);
    let line = trial.line("client_closed", from);
    says(&line, "detail", &["reset the connection in the middle of its ClientHello, after 100 bytes"]);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let begun = Begun::new(client, &trial.clawgate).answered();
        let from = begun.socket.local_addr().unwrap();
        reset(begun.socket);
        let line = trial.line("client_closed", from);
        says(&line, "detail", &["reset the connection", "after clawgate's ServerHello"]);
        assert_eq!(line["tls_version"], name);
    }
    trial.end();
}

#[test]
fn a_client_that_leaves_after_clawgates_hello_is_reported_with_what_was_agreed_on() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let begun = Begun::new(client, &trial.clawgate).answered();
        let from = begun.socket.local_addr().unwrap();
        let sent = begun.sent;
        drop(begun);
        let line = trial.line("client_closed", from);
        says(&line, "detail", &[&format!("after {sent} bytes")]);
        assert_eq!(line["tls_version"], name);
        assert_eq!(line["sni"], "localhost");
        assert!(line["alert_received"].is_null() && line["alert_sent"].is_null(), "{line}");
    }
    trial.end();
}

#[test]
fn a_close_notify_in_the_handshake_is_no_refusal_of_clawgates_certificate() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        for number in [0, 90] {
            let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
            let mut begun = Begun::new(client, &trial.clawgate).answered();
            begun.send(&alert_record(1, number));
            begun.socket.shutdown(Shutdown::Write).unwrap();
            let line = trial.line("client_closed", begun.socket.local_addr().unwrap());
            assert_eq!(line["tls_version"], name);
        }
    }
    trial.end();
}

#[test]
fn an_alert_about_anything_else_is_passed_on_by_name() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (_, version) in BOTH {
        for number in [40, 47, 80, 49] {
            let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
            let mut begun = Begun::new(client, &trial.clawgate).answered();
            begun.send(&alert_record(2, number));
            let line = trial.line("client_alert", begun.socket.local_addr().unwrap());
            assert_eq!(line["alert_received"], alert_name(number));
            assert!(line["alert_sent"].is_null(), "{line}");
            says(&line, "detail", &[alert_name(number)]);
            says(&line, "hint", &["client's own log"]);
        }
    }
    trial.end();
}

#[test]
fn garbage_in_a_tls_record_is_a_broken_protocol() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    let mut server_hello_first = vec![22, 3, 3, 0, 8, 2, 0, 0, 4];
    server_hello_first.extend([3, 3, 0, 0]);
    for bytes in [
        vec![22, 3, 1, 0, 8, 0xff, 0, 0, 4, 1, 2, 3, 4],
        vec![22, 3, 1, 0, 8, 1, 0, 0, 4, 1, 2, 3, 4],
        server_hello_first,
        vec![22, 3, 1, 0, 0],
        vec![22, 3, 1, 0xff, 0xff],
    ] {
        let mut socket = connect(trial.clawgate.address());
        socket.write_all(&bytes).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let line = trial.line("protocol_error", socket.local_addr().unwrap());
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("an orderly end");
        assert_eq!(line["alert_sent"], plain_alert(&answer), "{bytes:?}: {line}");
        says(&line, "detail", &["broke the TLS protocol"]);
        says(&line, "hint", &["between the client and clawgate"]);
    }
    trial.end();
}

#[test]
fn a_client_hello_over_16_kib_is_refused_by_its_first_bytes() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    // Of a record of 16 KiB only the header of its message is sent.
    let mut socket = connect(trial.clawgate.address());
    socket.write_all(&[22, 3, 1, 0x40, 0, 1, 0, 0x40, 1]).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an orderly end");

    assert_eq!(answer, [21, 3, 1, 0, 2, 2, 50]);
    let line = trial.line("protocol_error", socket.local_addr().unwrap());
    says(&line, "detail", &["16385 bytes", "at most 16384"]);
    assert_eq!(line["alert_sent"], "decode_error");
    trial.end();
}

#[test]
fn garbage_after_a_good_hello_is_a_broken_protocol() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    let unreadable = [&[23, 3, 3, 0, 32][..], &[0x5a; 32]].concat();
    for (name, version) in BOTH {
        for garbage in [&b"what is this"[..], &unreadable, &[22, 3, 3, 0, 4, 0x63, 0, 0, 0]] {
            let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
            let mut begun = Begun::new(client, &trial.clawgate);
            begun.send(garbage);
            let line = trial.line("protocol_error", begun.socket.local_addr().unwrap());
            assert_eq!(line["alert_sent"], begun.alert(), "{garbage:?}: {line}");
            says(&line, "detail", &["broke the TLS protocol"]);
            assert_eq!(line["tls_version"], name, "{line}");
        }
    }
    trial.end();
}
