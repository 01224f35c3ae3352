//! A connection with one request, and its outcome.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::support::TIMEOUT;

/// What became of one connection with one request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole 200 came back.
    Answered,
    /// It ended before the request could be written.
    Refused,
    /// The request was written, and then?
    Lost(String),
}

pub fn attempt(config: &Arc<ClientConfig>, address: SocketAddr) -> Outcome {
    match TcpStream::connect(address) {
        Ok(socket) => attempt_on(socket, config),
        Err(_) => Outcome::Refused,
    }
}

pub fn attempt_on(socket: TcpStream, config: &Arc<ClientConfig>) -> Outcome {
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(tls, socket);
    while stream.conn.is_handshaking() {
        if stream.conn.complete_io(&mut stream.sock).is_err() {
            return Outcome::Refused;
        }
    }
    let request = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    let mut text = String::new();
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    let ended = sent.and_then(|()| stream.read_to_string(&mut text));
    if ended.is_ok() && text.starts_with("HTTP/1.1 200 ") && text.ends_with(r#"{"ok":true}"#) {
        return Outcome::Answered;
    }
    Outcome::Lost(format!("{ended:?} {text:?}"))
}
