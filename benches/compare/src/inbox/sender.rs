//! A sender of events to clawgate: HTTP/1.1 by hand, since it must cost less than what is measured.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::load::Client;
use crate::upstream::{PATTERN, find};

/// One connection, which sends one event after the other.
pub struct Sender {
    io: TlsStream<TcpStream>,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Sender {
    pub async fn connect(client: &Client) -> Result<Self, String> {
        Ok(Self { io: client.dial().await?, request: Vec::new(), buffer: vec![0; 4096] })
    }

    /// Sends one event with an id of its own, and waits until clawgate says that it is stored.
    pub async fn send(&mut self, id: &str, length: usize) -> Result<(), String> {
        let head = format!(
            "POST /hooks/bench HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\n\
             content-type: application/json\r\nx-bench-n: 00000000\r\nidempotency-key: {id}\r\n\
             content-length: {length}\r\n\r\n"
        );
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(&PATTERN[..length]);
        let failed = |error: std::io::Error| error.to_string();
        self.io.write_all(&self.request).await.map_err(failed)?;
        self.io.flush().await.map_err(failed)?;

        let mut filled = 0;
        loop {
            let answer = &self.buffer[..filled];
            if let Some(end) = find(answer, b"\r\n\r\n") {
                let length = content_length(&answer[..end]).ok_or("an answer without a length")?;
                if answer.len() >= end + 4 + length {
                    return check(answer, &answer[end + 4..]);
                }
            }
            if filled == self.buffer.len() {
                return Err("an answer that is too long".to_owned());
            }
            match self.io.read(&mut self.buffer[filled..]).await.map_err(failed)? {
                0 => return Err("closed before an answer".to_owned()),
                count => filled += count,
            }
        }
    }
}

fn check(answer: &[u8], body: &[u8]) -> Result<(), String> {
    if answer.starts_with(b"HTTP/1.1 202 ") && find(body, b"\"accepted\"").is_some() {
        return Ok(());
    }
    Err(format!("not accepted: {}", String::from_utf8_lossy(answer)))
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}
