//! One connection to an upstream: TCP, unix socket or TLS, ready for HTTP/1.1.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::address_check::AddressCheck;
use super::body::RequestBody;
use super::race;
use super::target::Target;
use super::tls::UpstreamTls;
use crate::wording::{http, tls};

/// The largest response head that clawgate accepts from an upstream, in bytes.
const MAX_ANSWER_HEAD: usize = 64 * 1024;

/// How to reach an upstream.
#[derive(Clone)]
pub struct Connector {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    check: Option<Arc<AddressCheck>>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.target)
    }
}

/// Why an `https://` upstream cannot be prepared.
#[derive(Debug, Error)]
pub enum ConnectorError {
    /// No CA is configured.
    #[error("no CA is configured to verify it")]
    Unsecured,
    /// rustls rejects the configuration.
    #[error("{}", tls(.0))]
    Tls(#[from] rustls::Error),
}

impl Connector {
    /// A connector for `target`. An `https` target needs `tls`.
    ///
    /// # Errors
    /// If an `https` target has no `tls`, or rustls rejects the configuration.
    pub fn new(target: Target, tls: Option<&UpstreamTls>) -> Result<Self, ConnectorError> {
        let tls = match (&target, tls) {
            (Target::Https { .. }, None) => return Err(ConnectorError::Unsecured),
            (Target::Https { .. }, Some(tls)) => {
                Some((TlsConnector::from(Arc::new(tls.config()?)), tls.name.clone()))
            }
            _ => None,
        };
        Ok(Self { target, tls, check: None })
    }

    /// The same, but it connects only to addresses that `check` allows. They are checked after each look-up.
    pub fn with_address_check(self, check: AddressCheck) -> Self {
        Self { check: Some(Arc::new(check)), ..self }
    }

    /// Opens a connection that begins with `proxy_header`, and starts the task that drives it.
    pub(super) async fn connect(&self, proxy_header: &[u8]) -> io::Result<SendRequest<RequestBody>> {
        let io = self.dial(proxy_header).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_ANSWER_HEAD);
        let (client, connection) =
            builder.handshake(TokioIo::new(io)).await.map_err(io::Error::other)?;
        // The task ends when its `SendRequest` is dropped or the upstream closes. Draining waits for requests, not for
        // this task.
        #[expect(clippy::disallowed_methods, reason = "not a task of a client; see above")]
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = http(&error), "a connection to the upstream ended");
            }
        });
        Ok(client)
    }

    /// Opens a connection that begins with `proxy_header`, with TLS if the target needs it.
    ///
    /// # Errors
    /// If the connection fails, or the upstream's certificate is not trusted. An [`AddressRefused`](super::AddressRefused) is inside if
    /// none of its addresses is allowed.
    pub async fn dial(&self, proxy_header: &[u8]) -> io::Result<Stream> {
        match &self.target {
            Target::Unix(path) => {
                let mut unix = UnixStream::connect(path).await?;
                unix.write_all(proxy_header).await?;
                Ok(Stream(Kind::Unix(unix)))
            }
            Target::Http { host, port } | Target::Https { host, port } => {
                let mut tcp = race::connect(host, *port, self.check.as_deref()).await?;
                tcp.set_nodelay(true)?;
                tcp.write_all(proxy_header).await?;
                match &self.tls {
                    None => Ok(Stream(Kind::Tcp(tcp))),
                    Some((tls, name)) => {
                        Ok(Stream(Kind::Tls(Box::new(tls.connect(name.clone(), tcp).await?))))
                    }
                }
            }
            Target::Echo => Err(io::Error::other("echo: has no connections")),
        }
    }
}

/// A connection over TCP, a unix socket or TLS.
pub struct Stream(Kind);

enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Stream {
    /// The certificate that the server presented; `None` without TLS.
    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        match &self.0 {
            Kind::Tls(stream) => stream.get_ref().1.peer_certificates()?.first(),
            Kind::Tcp(_) | Kind::Unix(_) => None,
        }
    }
}

/// Calls a method of the inner stream.
macro_rules! each {
    ($self:expr, $io:ident => $call:expr) => {
        match &mut $self.get_mut().0 {
            Kind::Tcp($io) => $call,
            Kind::Unix($io) => $call,
            Kind::Tls($io) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

/// An upstream may respond and close before it has read the whole request, as Node does after a 413. Then a write fails
/// although there is a response to read. Such an error is ignored here: the reading side reads the response and then
/// sees the end of the connection.
fn unless_closed<T>(written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    match written {
        Poll::Ready(Err(error))
            if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
        {
            Poll::Pending
        }
        written => written,
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        unless_closed(each!(self, io => Pin::new(io).poll_write(cx, buf)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        unless_closed(each!(self, io => Pin::new(io).poll_write_vectored(cx, bufs)))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Tcp(io) => io.is_write_vectored(),
            Kind::Unix(io) => io.is_write_vectored(),
            Kind::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        unless_closed(each!(self, io => Pin::new(io).poll_flush(cx)))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}
