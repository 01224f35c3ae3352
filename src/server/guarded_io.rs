//! The decrypted stream that hyper reads and writes: the HTTP/1 guard follows it, and timeouts limit it.
//!
//! The first fault is kept in [`IoState`], since hyper takes an error between two requests for an ordinary end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::http2_trailers::{Frames, PseudoInTrailers};
use crate::http1_guard::{Guard, Violation};
use crate::limits::Limits;
use crate::timer::Timer;
use crate::tls::PrefixedIo;
use crate::wording;

/// The encrypted stream of a verified connection; boxed, since it is large and is moved often.
pub(super) type TlsIo = Box<TlsStream<PrefixedIo<TcpStream>>>;

/// Takes the socket out of a stream, for a lingering close.
pub(super) fn into_socket(io: TlsIo) -> TcpStream {
    (*io).into_inner().0.into_inner()
}

/// A fault of the stream that ends its connection.
#[derive(Debug)]
pub(super) enum ConnectionFault {
    /// The bytes violate HTTP/1, in this request of the connection (counted from 1).
    Violation(Violation, u64),
    /// TLS failed, or the client sent an alert.
    Tls(rustls::Error),
    /// The client did not read what was sent to it.
    SendTimeout,
    /// The client sent far more requests or useless HTTP/2 frames than any honest client.
    Flood,
}

/// The state of the stream, for the code that serves the connection; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct IoState(Arc<State>);

#[derive(Debug, Default)]
struct State {
    fault: OnceLock<ConnectionFault>,
    quiet: AtomicBool,
    client_closed: AtomicBool,
    answered: AtomicU64,
}

impl IoState {
    /// The first fault.
    pub(super) fn fault(&self) -> Option<&ConnectionFault> {
        self.0.fault.get()
    }

    /// Notes a fault.
    pub(super) fn note(&self, fault: ConnectionFault) {
        let _ = self.0.fault.set(fault);
    }

    /// Whether an HTTP/1 connection is between two requests: all received bytes were parsed, and all written bytes were sent.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.quiet.load(Ordering::Relaxed)
    }

    /// Whether the client has closed its side of the connection.
    pub(super) fn client_has_closed(&self) -> bool {
        self.0.client_closed.load(Ordering::Relaxed)
    }

    /// Counts a request that was answered or given up.
    pub(super) fn count_answered(&self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn answered(&self) -> u64 {
        self.0.answered.load(Ordering::Relaxed)
    }

    fn set_quiet(&self, quiet: bool) {
        self.0.quiet.store(quiet, Ordering::Relaxed);
    }
}

/// The stream, with its guard and its timeouts.
#[derive(Debug)]
pub(super) struct GuardedIo<IO> {
    io: IO,
    /// HTTP/1 only.
    guard: Option<Guard>,
    /// HTTP/2 only.
    frames: Frames,
    state: IoState,
    /// Limits a head that comes in pieces.
    head: Timer,
    head_timeout: Duration,
    /// Limits a client that does not read its answer.
    send: Timer,
    send_timeout: Duration,
    /// Bytes that the client has read since `send` was started.
    taken: usize,
    /// Whether written bytes may not have been sent yet.
    unflushed: bool,
    /// Whether the client has closed its side of the connection.
    ended: bool,
}

/// Bytes that a client must read within `send_timeout` for the timeout to start again.
const MIN_TAKEN: usize = 16 * 1024;

impl<IO> GuardedIo<IO> {
    /// With a `guard` for HTTP/1, without one for HTTP/2.
    pub(super) fn new(io: IO, guard: Option<Guard>, state: IoState, limits: &Limits) -> Self {
        let (head, send) = (Timer::default(), Timer::default());
        Self {
            io,
            guard,
            frames: Frames::default(),
            state,
            head,
            head_timeout: limits.head_timeout,
            send,
            send_timeout: limits.send_timeout,
            taken: 0,
            unflushed: false,
            ended: false,
        }
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }
}

impl GuardedIo<TlsIo> {
    /// Ready when there may be something to read, without reading it. Only for a quiet connection: what was read from the
    /// socket before has been decrypted and parsed.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error of the socket is reported by the next read.
        self.io.get_ref().0.get_ref().poll_read_ready(cx).map(drop)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for GuardedIo<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.state.fault(), Some(ConnectionFault::Violation(..))) {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if this.ended {
            return this.poll_end();
        }
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buf) else {
            this.state.set_quiet(!this.unflushed && this.is_between_requests());
            ready!(this.head.poll(cx));
            return Poll::Ready(Err(this.violated(Violation::HeadTooSlow)));
        };
        if let Err(error) = read {
            // Without a close_notify something may be missing at the end, but complete requests are complete.
            if error.kind() == io::ErrorKind::UnexpectedEof && this.is_between_requests() {
                return this.end();
            }
            if let Some(tls) = wording::tls_error(&error) {
                this.state.note(ConnectionFault::Tls(tls.clone()));
            }
            return Poll::Ready(Err(error));
        }
        this.state.set_quiet(false);
        if buf.filled().len() == before && buf.remaining() > 0 {
            return this.end();
        }
        let Some(guard) = &mut this.guard else {
            let followed = this.frames.follow(&mut buf.filled_mut()[before..]);
            return Poll::Ready(followed.map_err(|PseudoInTrailers| {
                buf.set_filled(before);
                io::ErrorKind::InvalidData.into()
            }));
        };
        if let Err(violation) = guard.follow(&buf.filled()[before..]) {
            buf.set_filled(before);
            return Poll::Ready(Err(this.violated(violation)));
        }
        if guard.is_in_head() {
            this.head.start(this.head_timeout)
        } else {
            this.head.stop()
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO> GuardedIo<IO> {
    /// Whether no byte of a next request has come.
    fn is_between_requests(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_between_requests)
    }

    /// Notes that the client has closed its side of the connection.
    fn end(&mut self) -> Poll<io::Result<()>> {
        self.ended = true;
        self.state.0.client_closed.store(true, Ordering::Relaxed);
        self.poll_end()
    }

    /// Ready when hyper may read the end of the client's side.
    ///
    /// hyper takes it for the end of both sides, and gives up the request in progress. But the client may still read
    /// (RFC 8446 section 6.1), so complete requests are answered first. An incomplete request is given up at once.
    fn poll_end(&self) -> Poll<io::Result<()>> {
        if self.owes_answers() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Whether all received requests are complete, and not all of their answers have been sent.
    fn owes_answers(&self) -> bool {
        let Some(guard) = self.guard.as_ref().filter(|guard| guard.is_between_requests()) else {
            return false;
        };
        self.unflushed || self.state.answered() < guard.request() - 1
    }

    fn violated(&self, violation: Violation) -> io::Error {
        let request = self.guard.as_ref().map_or(0, Guard::request);
        self.state.note(ConnectionFault::Violation(violation, request));
        io::Error::new(io::ErrorKind::InvalidData, violation)
    }

    /// Notes the result of a write: too long without success is a fault.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.unflushed = true;
        self.state.set_quiet(false);
        if let Poll::Ready(Ok(bytes)) = written {
            self.taken += bytes;
            if self.taken >= MIN_TAKEN {
                self.send.stop();
            }
        }
        self.unless_stuck(written, cx)
    }

    fn unless_stuck<T>(
        &mut self,
        done: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            return done;
        }
        if !self.send.is_running() {
            self.taken = 0;
            self.send.start(self.send_timeout);
        }
        ready!(self.send.poll(cx));
        self.state.note(ConnectionFault::SendTimeout);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for GuardedIo<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.written(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        if let Poll::Ready(Ok(())) = flushed {
            this.send.stop();
            this.unflushed = false;
            if this.ended && !this.owes_answers() {
                // hyper must read again, and see the end.
                cx.waker().wake_by_ref();
            }
        }
        this.unless_stuck(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
