//! A client that speaks HTTP/2.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::TIMEOUT;
use super::client::{Answer, Client};

/// A request body in pieces, without a declared length.
#[derive(Debug)]
pub struct Pieces {
    pieces: VecDeque<Bytes>,
    ends: bool,
}

impl Pieces {
    pub fn none() -> Self {
        Self::of([])
    }

    /// These, then the end.
    pub fn of<const N: usize>(pieces: [&[u8]; N]) -> Self {
        Self { pieces: pieces.into_iter().map(Bytes::copy_from_slice).collect(), ends: true }
    }

    /// These, and the end never comes.
    pub fn unfinished<const N: usize>(pieces: [&[u8]; N]) -> Self {
        Self { ends: false, ..Self::of(pieces) }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ends && self.pieces.is_empty()
    }
}

/// An HTTP/2 connection that was admitted.
pub struct Http2 {
    runtime: Runtime,
    requests: SendRequest<Pieces>,
    connection: JoinHandle<hyper::Result<()>>,
}

/// A request whose answer is awaited.
pub struct Asked(JoinHandle<hyper::Result<Answer>>);

impl Http2 {
    pub fn connect(client: Client) -> Self {
        let client = client.alpn(&["h2"]);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (requests, connection) = runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(client.address()).await.unwrap();
            let name = ServerName::try_from(client.name).unwrap();
            let tls = TlsConnector::from(Arc::new(client.config)).connect(name, socket).await.unwrap();
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.unwrap()
        });
        let connection = runtime.spawn(connection);
        Self { runtime, requests, connection }
    }

    /// Sends a request; its answer is read whenever somebody waits on this connection.
    pub fn ask(&self, request: Request<Pieces>) -> Asked {
        let mut requests = self.requests.clone();
        Asked(self.runtime.spawn(async move {
            requests.ready().await?;
            read(requests.send_request(request).await?).await
        }))
    }

    /// Waits for the answer of a request.
    pub fn answer(&self, asked: Asked) -> hyper::Result<Answer> {
        self.runtime.block_on(async { timeout(TIMEOUT, asked.0).await }).expect("no answer").unwrap()
    }

    /// Sends a request and reads its answer.
    pub fn send(&self, request: Request<Pieces>) -> Answer {
        self.answer(self.ask(request)).unwrap()
    }

    /// Lets the connection go on until `done` gives something.
    pub fn until<T>(&self, what: &str, mut done: impl FnMut() -> Option<T>) -> T {
        super::eventually(what, || {
            self.runtime.block_on(tokio::task::yield_now());
            done()
        })
    }

    /// Waits for clawgate to close the connection.
    pub fn closed(self) -> hyper::Result<()> {
        let Self { runtime, requests, connection } = self;
        let ended = runtime.block_on(async { timeout(TIMEOUT, connection).await });
        drop(requests);
        ended.expect("the connection is still open").unwrap()
    }
}

async fn read(response: Response<Incoming>) -> hyper::Result<Answer> {
    let (parts, body) = response.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = body.collect().await?.to_bytes().to_vec();
    Ok(Answer { status: parts.status.as_u16(), headers, body })
}
