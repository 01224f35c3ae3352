//! A nats-server whose stream stores events as safely as clawgate's inbox does, and a client that waits for each receipt.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::client::TlsStream;

use crate::load::{Client, Offer};
use crate::machine::Process;
use crate::targets::free_port;
use crate::upstream::{PATTERN, find};

type Outcome<T> = Result<T, String>;

/// What events are published on.
const SUBJECT: &str = "events";

/// A running nats-server.
pub struct Nats {
    pub process: Process,
    client: Client,
}

/// One connection, which publishes one event after the other.
pub struct Publisher {
    io: TlsStream<TcpStream>,
    /// Where its answers are sent.
    inbox: String,
    buffer: Vec<u8>,
    filled: usize,
}

impl Nats {
    /// Starts one on these cores, with its files in `dir`, and makes the stream. Clients need a certificate, as clawgate's do.
    ///
    /// `sync_interval: always` writes each event to the disk before it is confirmed; the default is every two minutes.
    pub async fn start(cores: &str, program: &str, certificates: &Path, dir: &Path) -> Outcome<Self> {
        fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let port = free_port()?;
        let settings = format!(
            r#"host: 127.0.0.1
port: {port}
tls {{ cert_file: "{0}/server.pem", key_file: "{0}/server.key", ca_file: "{0}/ca.pem", verify: true, handshake_first: true }}
jetstream {{ store_dir: "{1}/jetstream", sync_interval: always }}
"#,
            certificates.display(),
            dir.display(),
        );
        let file = dir.join("nats.conf").display().to_string();
        fs::write(&file, settings).map_err(|error| format!("{file}: {error}"))?;
        let log = dir.join("nats.log").display().to_string();
        let mut process = Process::start(cores, program, &["-c".to_owned(), file], &[], &log)?;
        let client =
            Client::new(certificates, port, Offer::default()).map_err(|error| error.to_string())?;
        let start = Instant::now();
        let mut first = loop {
            match Publisher::connect(&client, 0).await {
                Ok(publisher) => break publisher,
                Err(error) if process.has_ended() || start.elapsed() > Duration::from_secs(10) => {
                    return Err(format!("nats-server does not serve: {error} (see {log})"));
                }
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        };
        let stream = format!(
            r#"{{"name":"EVENTS","subjects":["{SUBJECT}"],"storage":"file","retention":"limits","discard":"new",
                "max_msgs":-1,"max_bytes":-1,"num_replicas":1,"duplicate_window":120000000000}}"#
        );
        let answer = first.request("$JS.API.STREAM.CREATE.EVENTS", "", stream.as_bytes()).await?;
        if find(&answer, b"\"error\"").is_some() {
            return Err(format!("no stream: {}", String::from_utf8_lossy(&answer)));
        }
        Ok(Self { process, client })
    }

    /// One more connection.
    pub async fn connect(&self, number: usize) -> Outcome<Publisher> {
        Publisher::connect(&self.client, number).await
    }
}

impl Publisher {
    async fn connect(client: &Client, number: usize) -> Outcome<Self> {
        let io = client.dial().await?;
        let mut publisher =
            Self { io, inbox: format!("_INBOX.{number}"), buffer: vec![0; 16 * 1024], filled: 0 };
        let line = publisher.line().await?;
        if !line.starts_with("INFO ") {
            return Err(format!("not a nats-server: {line}"));
        }
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\
             \"lang\":\"bench\",\"version\":\"0\",\"protocol\":1}}\r\nSUB {} 1\r\nPING\r\n",
            publisher.inbox
        );
        publisher.write(hello.as_bytes()).await?;
        loop {
            match publisher.line().await?.as_str() {
                "PONG" => return Ok(publisher),
                line if line.starts_with("-ERR") => return Err(line.to_owned()),
                _ => {}
            }
        }
    }

    /// Publishes one event with an id of its own, and waits until the server has stored it.
    pub async fn publish(&mut self, id: &str, length: usize) -> Outcome<()> {
        let header = format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n");
        let answer = self.request(SUBJECT, &header, &PATTERN[..length]).await?;
        let is_stored = find(&answer, b"\"seq\":").is_some()
            && find(&answer, b"\"error\"").is_none()
            && find(&answer, b"\"duplicate\"").is_none();
        if is_stored { Ok(()) } else { Err(format!("not stored: {}", String::from_utf8_lossy(&answer))) }
    }

    /// Sends a message, and returns the body of its answer.
    async fn request(&mut self, subject: &str, header: &str, body: &[u8]) -> Outcome<Vec<u8>> {
        let inbox = &self.inbox;
        let line = if header.is_empty() {
            format!("PUB {subject} {inbox} {}\r\n", body.len())
        } else {
            format!("HPUB {subject} {inbox} {} {}\r\n", header.len(), header.len() + body.len())
        };
        let message = [line.as_bytes(), header.as_bytes(), body, b"\r\n"].concat();
        self.write(&message).await?;
        loop {
            let line = self.line().await?;
            let mut words = line.split(' ');
            match words.next() {
                Some("MSG" | "HMSG") => {
                    let length = words.next_back().and_then(|word| word.parse().ok());
                    return self.body(length.ok_or(format!("no length: {line}"))?).await;
                }
                Some("PING") => self.write(b"PONG\r\n").await?,
                Some("-ERR") => return Err(line),
                _ => {}
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        let write = async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        write.await.map_err(|error: std::io::Error| error.to_string())
    }

    async fn read(&mut self) -> Outcome<()> {
        if self.filled == self.buffer.len() {
            return Err("an answer that is too long".to_owned());
        }
        match self.io.read(&mut self.buffer[self.filled..]).await {
            Ok(0) => Err("closed by nats-server".to_owned()),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// The next line, without its end.
    async fn line(&mut self) -> Outcome<String> {
        loop {
            if let Some(end) = find(&self.buffer[..self.filled], b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.consume(end + 2);
                return Ok(line);
            }
            self.read().await?;
        }
    }

    async fn body(&mut self, length: usize) -> Outcome<Vec<u8>> {
        while self.filled < length + 2 {
            self.read().await?;
        }
        let body = self.buffer[..length].to_vec();
        self.consume(length + 2);
        Ok(body)
    }

    fn consume(&mut self, count: usize) {
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
    }
}
