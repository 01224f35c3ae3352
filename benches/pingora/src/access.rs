//! The access log: through a buffer, as nginx and Envoy do it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::Session;

use crate::Request;
use crate::client::Client;

const BUFFER: usize = 64 * 1024;

/// A file with a line for each request.
pub struct Access(Mutex<BufWriter<File>>);

/// Writes out once a second what waits in the buffer.
pub struct Flush(pub Arc<Access>);

impl Access {
    pub fn open(path: &str) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        Ok(Self(Mutex::new(BufWriter::with_capacity(BUFFER, file))))
    }

    /// Says what became of a request.
    pub fn write(&self, session: &Session, request: &Request, peer: &HttpPeer) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let head = session.req_header();
        let digest = session.digest();
        let tls = digest.and_then(|digest| digest.ssl_digest.as_ref());
        let status = session.response_written().map_or(0, |answer| answer.status.as_u16());
        let mut file = self.file();
        // A full disk must not keep requests from being served.
        let _ = writeln!(
            file,
            "{}.{:03} {} {} \"{}\" {} {:?} {} {} {status} {} {} {:.3} {} {:.3}",
            now.as_secs(),
            now.subsec_millis(),
            request.id,
            Or(session.client_addr()),
            Or(Client::of(session).map(|client| &client.subject)),
            Or(tls.map(|tls| &tls.version)),
            head.version,
            head.method,
            head.uri.path(),
            session.body_bytes_read(),
            session.body_bytes_sent(),
            request.began.elapsed().as_secs_f64(),
            peer._address,
            request.sent.map_or(0.0, |sent| sent.elapsed().as_secs_f64()),
        );
    }

    fn file(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A dash where there is nothing.
struct Or<T>(Option<T>);

impl<T: std::fmt::Display> std::fmt::Display for Or<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

#[async_trait]
impl BackgroundService for Flush {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            let ends = tokio::select! {
                _ = tick.tick() => false,
                _ = shutdown.changed() => true,
            };
            let _ = self.0.file().flush();
            if ends {
                return;
            }
        }
    }
}
