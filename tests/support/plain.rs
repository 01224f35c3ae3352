//! Connections without TLS: HTTP as the admin listener speaks it, and a reset.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::client::{Answer, connect};

/// One request on a connection of its own.
pub fn request(address: SocketAddr, method: &str, path: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    exchange(address, request.as_bytes()).unwrap()
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path)
}

/// Writes `bytes`, then reads all there is.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    let mut socket = connect(address);
    socket.write_all(bytes)?;
    let mut text = String::new();
    socket.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let mut answer = Answer::parse(head);
    answer.body = body.as_bytes().to_vec();
    Ok(answer)
}

/// Ends a connection with a reset instead of an orderly close.
pub fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
}
