//! A connection of a client that was admitted.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use super::Answer;
use crate::support::stay_silent;

/// A connection that was admitted.
pub struct Connection {
    pub stream: StreamOwned<ClientConnection, TcpStream>,
    read: Vec<u8>,
}

impl Connection {
    /// On a stream whose handshake somebody else has seen to.
    pub fn over(stream: StreamOwned<ClientConnection, TcpStream>) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Writes `bytes` one by one, with a pause of `every` before each, as a slow client does.
    pub fn write_slowly(&mut self, bytes: &[u8], every: Duration) {
        for byte in bytes {
            stay_silent(every);
            self.write(&[*byte]);
        }
    }

    /// Whether a request is answered; over TLS 1.3 a refusal shows only now.
    pub fn is_answered(&mut self) -> bool {
        let request = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        let mut byte = [0];
        self.stream.write_all(request).is_ok() && matches!(self.stream.read(&mut byte), Ok(1))
    }

    /// Whether a POST to `path` is answered with 200, on a connection that may be at its end.
    pub fn is_answered_at(&mut self, path: &str) -> bool {
        let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        if self.stream.write_all(request.as_bytes()).is_err() {
            return false;
        }
        loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let answer = Answer::parse(&String::from_utf8_lossy(&self.read[..end]));
                let length: usize = answer.header("content-length").unwrap().parse().unwrap();
                if self.read.len() >= end + 4 + length {
                    self.read.drain(..end + 4 + length);
                    return answer.status == 200;
                }
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(count) if count > 0 => self.read.extend_from_slice(&buffer[..count]),
                _ => return false,
            }
        }
    }

    /// Reads one answer: head, then as much body as it declares.
    pub fn answer(&mut self) -> Answer {
        loop {
            let head = self.head();
            let answer = Answer::parse(&head);
            // An interim answer is followed by the real one.
            if answer.status == 100 {
                continue;
            }
            return self.body(answer);
        }
    }

    /// Reads one answer that must not be preceded by an interim one.
    pub fn only_answer(&mut self) -> Answer {
        let head = self.head();
        let answer = Answer::parse(&head);
        assert!(answer.status >= 200, "an interim answer: {head:?}");
        self.body(answer)
    }

    /// Reads up to the empty line.
    pub fn head(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let head = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(
                self.more(),
                "closed in the head; so far: {:?}",
                String::from_utf8_lossy(&self.read)
            );
        }
    }

    fn body(&mut self, mut answer: Answer) -> Answer {
        if answer.header("transfer-encoding").is_some() {
            loop {
                let line = self.line();
                let size = usize::from_str_radix(line.trim(), 16).unwrap();
                let chunk = self.exactly(size + 2);
                answer.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    return answer;
                }
            }
        }
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = self.exactly(length);
        answer
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.read, b"\r\n") {
                return String::from_utf8(self.read.drain(..end + 2).collect()).unwrap();
            }
            assert!(self.more(), "closed in a line");
        }
    }

    /// Reads `count` bytes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more(), "closed after {} of {count} bytes", self.read.len());
        }
        self.read.drain(..count).collect()
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer).unwrap();
        self.read.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// Reads all there is up to the end; also whether that end was an orderly one (close_notify).
    pub fn rest(&mut self) -> (String, bool) {
        let end = self.stream.read_to_end(&mut self.read);
        (String::from_utf8(std::mem::take(&mut self.read)).unwrap(), end.is_ok())
    }

    /// Whether clawgate has closed the connection in an orderly way; waits for it.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        self.read.is_empty() && matches!(self.stream.read(&mut byte), Ok(0))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
