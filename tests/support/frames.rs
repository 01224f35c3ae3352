//! HTTP/2 frames, for what no client library sends.

use super::gate::Gate;
use super::pki::Pki;
use super::sender::{Connection, Sender};

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// RFC 9113 section 4.1.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// RFC 7541: POST, https, then path and authority as literals.
pub fn request_fields() -> Vec<u8> {
    [&[0x83, 0x87, 0x04, 11][..], b"/hooks/wake", &[0x01, 9], b"localhost"].concat()
}

/// A whole request without a body.
pub fn request(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &request_fields())
}

/// A connection on which the client's preface has been sent.
pub fn open(pki: &Pki, gate: &Gate) -> Connection {
    let mut connection = Sender::new(pki, gate).alpn(&["h2"]).connect().unwrap();
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.write(&frame(SETTINGS, 0, 0, &[]));
    connection
}
