//! HTTP/2 frames, for what no client library sends.

use super::client::{Client, Connection};
use super::pki::Pki;
use super::process::Clawgate;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame that was read: RFC 9113 section 4.1.
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

pub fn read_frame(connection: &mut Connection) -> Frame {
    let head = connection.exactly(9);
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    let payload = connection.exactly(length as usize);
    Frame { kind: head[3], flags: head[4], stream, payload }
}

/// RFC 7541 section 6.2.2: a field that is not indexed, its name and value as they are.
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

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
pub fn open(pki: &Pki, clawgate: &Clawgate) -> Connection {
    let mut connection = Client::new(pki, clawgate).alpn(&["h2"]).connect().unwrap();
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.write(&frame(SETTINGS, 0, 0, &[]));
    connection
}
