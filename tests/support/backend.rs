//! An upstream that records all bytes it receives, and answers as its script says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Latch, TIMEOUT, UnusedPort, eventually, stay_silent, unused_port};

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// Request line and header fields, as they were.
    pub head: String,
    /// The body, with chunked framing taken off.
    pub body: Vec<u8>,
}

impl Received {
    /// All values of a header field, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let field =
            |line: &'_ str| line.split_once(':').map(|(have, _)| have.eq_ignore_ascii_case(name));
        let lines = self.head.split("\r\n").filter(|line| field(line) == Some(true));
        lines.map(|line| line.split_once(':').unwrap().1.trim()).collect()
    }

    /// The only value of a header field; `None` when there is none.
    pub fn value(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "several {name}: {values:?}");
        values.first().copied()
    }

    pub fn request_line(&self) -> &str {
        self.head.split("\r\n").next().unwrap()
    }
}

/// One connection from clawgate to the upstream, as the script of a test sees it.
pub struct Exchange {
    pub stream: TcpStream,
    pub number: usize,
    buffer: Vec<u8>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Exchange {
    /// Reads one whole request; `None` at the end of the connection.
    pub fn request(&mut self) -> Option<Received> {
        let head = self.head()?;
        let mut received = Received { connection: self.number, head, body: Vec::new() };
        if received.value("transfer-encoding").is_some() {
            loop {
                let line = self.until(b"\r\n")?;
                let size = usize::from_str_radix(line.trim(), 16).unwrap();
                let chunk = self.exactly(size + 2)?;
                received.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        } else {
            let length = received.value("content-length").map_or(0, |length| length.parse().unwrap());
            received.body = self.exactly(length)?;
        }
        self.received.lock().unwrap().push(received.clone());
        Some(received)
    }

    /// Reads a request's head only.
    pub fn head(&mut self) -> Option<String> {
        self.until(b"\r\n\r\n")
    }

    pub fn write(&mut self, bytes: &[u8]) {
        // clawgate may have gone already; the test looks at what it did, not at this.
        let _ = self.stream.write_all(bytes);
    }

    /// Writes one `piece` after another, with a pause of `every` before each, as a slow upstream does.
    pub fn write_slowly<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>, every: Duration) {
        for piece in pieces {
            stay_silent(every);
            self.write(piece);
        }
    }

    /// Answers with `status` and a body.
    pub fn answer(&mut self, status: &str, kind: &str, body: &str) {
        let length = body.len();
        self.write(
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
    }

    /// Reads `count` bytes, if clawgate sends as many.
    pub fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.more()?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Some(String::from_utf8(self.buffer.drain(..at + end.len()).collect()).unwrap());
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> Option<()> {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(count) if count > 0 => {
                self.buffer.extend_from_slice(&piece[..count]);
                Some(())
            }
            _ => None,
        }
    }
}

/// A listening upstream; its threads end with the test's process.
pub struct Backend {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<Mutex<usize>>,
}

impl Backend {
    /// Answers every request with 200 and `{"ok":true}`.
    pub fn ok() -> Self {
        Self::each(|exchange, _| exchange.answer("200 OK", "application/json", r#"{"ok":true}"#))
    }

    /// Answers as [`Backend::ok`] does, but nothing before `latch` is open.
    pub fn held(latch: &Latch) -> Self {
        let latch = latch.clone();
        Self::each(move |exchange, _| {
            latch.wait();
            exchange.answer("200 OK", "application/json", r#"{"ok":true}"#);
        })
    }

    /// Answers every request as `script` does.
    pub fn each(script: impl Fn(&mut Exchange, Received) + Send + Sync + 'static) -> Self {
        Self::script(move |mut exchange| {
            while let Some(request) = exchange.request() {
                script(&mut exchange, request);
            }
        })
    }

    /// Gives every connection to `script`.
    pub fn script(script: impl Fn(Exchange) + Send + Sync + 'static) -> Self {
        Self::at(unused_port(), script)
    }

    /// The same on a port that was unused until now.
    pub fn at(place: UnusedPort, script: impl Fn(Exchange) + Send + Sync + 'static) -> Self {
        let address = place.address();
        let listener = place.listen();
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (sink, counter, script) =
            (Arc::clone(&received), Arc::clone(&connections), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                stream.set_read_timeout(Some(TIMEOUT)).unwrap();
                stream.set_nodelay(true).unwrap();
                let number = {
                    let mut count = counter.lock().unwrap();
                    *count += 1;
                    *count - 1
                };
                let (script, received) = (Arc::clone(&script), Arc::clone(&sink));
                thread::spawn(move || script(Exchange { stream, number, buffer: Vec::new(), received }));
            }
        });
        Self { address, received, connections }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests that came whole.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The first request, once it is there.
    pub fn first(&self) -> Received {
        eventually("a request at the upstream", || self.received().into_iter().next())
    }

    /// How many connections were opened to it.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}
