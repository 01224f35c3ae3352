//! HTTP/1.1, written by hand: it must cost less than what is measured.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Ask, digits};
use crate::upstream::{PATTERN, find};

/// One connection.
pub struct Http1 {
    io: TlsStream<TcpStream>,
    ask: Ask,
    request: Vec<u8>,
    /// Where the number stands in `request`.
    number: usize,
    buffer: Vec<u8>,
}

impl Http1 {
    pub(super) fn new(io: TlsStream<TcpStream>, ask: Ask) -> Self {
        let mut request = b"POST /hooks/bench HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\n\
            content-type: application/json\r\nx-bench-n: "
            .to_vec();
        let number = request.len();
        let rest =
            format!("00000000\r\nx-bench-want: {}\r\ncontent-length: {}\r\n\r\n", ask.down, ask.up);
        request.extend_from_slice(rest.as_bytes());
        // A webhook's body goes out in one record with its head; a large one from where it is.
        if ask.up <= 4096 {
            request.extend_from_slice(&PATTERN[..ask.up]);
        }
        let room = if ask.down > 0 { 64 * 1024 } else { 2048 };
        Self { io, ask, request, number, buffer: vec![0; room] }
    }

    pub(super) async fn exchange(&mut self, number: u64) -> Result<(), String> {
        let number = digits(number);
        self.request[self.number..self.number + 8].copy_from_slice(&number);
        let failed = |error: std::io::Error| error.to_string();
        self.io.write_all(&self.request).await.map_err(failed)?;
        if self.ask.up > 4096 {
            self.io.write_all(&PATTERN[..self.ask.up]).await.map_err(failed)?;
        }
        self.io.flush().await.map_err(failed)?;

        let mut filled = 0;
        let end = loop {
            if let Some(at) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break at + 4;
            }
            match self.io.read(&mut self.buffer[filled..]).await.map_err(failed)? {
                0 => return Err("closed before an answer".to_owned()),
                count => filled += count,
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]);
        if !head.starts_with("HTTP/1.1 200 ") {
            let text = String::from_utf8_lossy(&self.buffer[..filled]);
            return Err(format!("refused: {text}"));
        }
        let length = length(&self.buffer[..end]).ok_or("an answer without a length")?;
        let expected: &[u8] = if self.ask.down > 0 { &PATTERN[..self.ask.down] } else { &number };
        if length != expected.len() {
            return Err(format!("an answer of {length} bytes for one of {}", expected.len()));
        }
        let mut at = filled - end;
        let mut same = expected.starts_with(&self.buffer[end..filled]);
        while at < length {
            let count = self.io.read(&mut self.buffer).await.map_err(failed)?;
            if count == 0 {
                return Err("closed in the middle of an answer".to_owned());
            }
            same &= expected.get(at..at + count) == Some(&self.buffer[..count]);
            at += count;
        }
        if same { Ok(()) } else { Err("the answer is not the one to this request".to_owned()) }
    }

    pub(super) async fn close(mut self) {
        let _ = self.io.shutdown().await;
    }
}

fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.len() > 15 && line[..15].eq_ignore_ascii_case(NAME))?;
    std::str::from_utf8(line[15..].trim_ascii()).ok()?.parse().ok()
}
