//! The decrypted stream as hyper sees it: followed by the HTTP/1 guard, and with faults kept, since
//! hyper takes an error between two requests for an ordinary end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;

use super::http2_trailers::{Frames, PseudoInTrailers};
use crate::http1_guard::{Guard, Violation};
use crate::limits::Limits;
use crate::tls::PrefixedIo;

/// What ended a connection from below.
#[derive(Debug)]
pub(super) enum ConnectionFault {
    /// The bytes break HTTP/1, in this request of the connection (counted from 1).
    Violation(Violation, u64),
    /// TLS broke, or the client sent an alert.
    Tls(rustls::Error),
    /// The client took nothing of what was for it.
    NotTaken,
    /// More HTTP/2 frames of no use came than any honest client sends.
    Flood,
}

/// What is seen of a connection from below, for whoever serves it.
#[derive(Clone, Debug, Default)]
pub(super) struct IoState(Arc<State>);

#[derive(Debug, Default)]
struct State {
    fault: OnceLock<ConnectionFault>,
    quiet: AtomicBool,
    left: AtomicBool,
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

    /// Whether an HTTP/1 connection is between two requests: all that came was taken, all that was written has
    /// gone out.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.quiet.load(Ordering::Relaxed)
    }

    /// Whether the client has said that nothing more will come from it.
    pub(super) fn has_left(&self) -> bool {
        self.0.left.load(Ordering::Relaxed)
    }

    /// Counts a request as answered, or given up.
    pub(super) fn count_answered(&self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn answered(&self) -> u64 {
        self.0.answered.load(Ordering::Relaxed)
    }

    fn quiet(&self, quiet: bool) {
        self.0.quiet.store(quiet, Ordering::Relaxed);
    }
}

/// A stream that is watched.
#[derive(Debug)]
pub(super) struct GuardedIo<IO> {
    io: IO,
    /// For HTTP/1.
    guard: Option<Guard>,
    /// For HTTP/2.
    frames: Frames,
    signs: IoState,
    /// For a head that comes in pieces.
    head: Wait,
    /// For a client that does not take what is for it.
    send: Wait,
    /// Bytes that it took since it has been waited for.
    taken: usize,
    /// Whether something was written that may not have gone out yet.
    unflushed: bool,
    /// Whether the client has ended its direction of the connection.
    ended: bool,
}

/// What a client has to take in the time of a wait, to be waited for again.
const WORTH_WAITING: usize = 16 * 1024;

/// A wait that has an end.
#[derive(Debug)]
struct Wait {
    limit: Duration,
    /// Made at the first wait, and used again for later ones.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Wait {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: None, waiting: false }
    }

    /// Begins to wait, unless that has begun.
    fn begin(&mut self) {
        if !self.waiting {
            self.waiting = true;
            let end = Instant::now() + self.limit;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
            timer.as_mut().reset(end);
        }
    }

    fn end(&mut self) {
        self.waiting = false;
    }

    /// Ready when a wait that has begun is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) if self.waiting => timer.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}

impl<IO> GuardedIo<IO> {
    /// `guard`: for HTTP/1; without one it is HTTP/2.
    pub(crate) fn new(io: IO, guard: Option<Guard>, signs: IoState, limits: &Limits) -> Self {
        let (head, send) = (Wait::new(limits.head_timeout), Wait::new(limits.send_timeout));
        Self {
            io,
            guard,
            frames: Frames::default(),
            signs,
            head,
            send,
            taken: 0,
            unflushed: false,
            ended: false,
        }
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }
}

impl GuardedIo<Box<TlsStream<PrefixedIo<TcpStream>>>> {
    /// Ready when there may be something to read, without reading it. Of use for a connection that is quiet:
    /// what was read off the socket before has been decrypted and taken.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // What is wrong with the socket, reading it tells.
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
        if matches!(this.signs.fault(), Some(ConnectionFault::Violation(..))) {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if this.ended {
            return this.poll_end();
        }
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buf) else {
            this.signs.quiet(!this.unflushed && this.is_between_requests());
            ready!(this.head.poll(cx));
            return Poll::Ready(Err(this.violated(Violation::HeadTooSlow)));
        };
        if let Err(error) = read {
            // A TCP connection that ends without a close_notify cuts off what was to come, but nothing of what has
            // come whole.
            if error.kind() == io::ErrorKind::UnexpectedEof && this.is_between_requests() {
                return this.end();
            }
            if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                this.signs.note(ConnectionFault::Tls(tls.clone()));
            }
            return Poll::Ready(Err(error));
        }
        this.signs.quiet(false);
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
            this.head.begin()
        } else {
            this.head.end()
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO> GuardedIo<IO> {
    /// Whether nothing of a next request has come.
    fn is_between_requests(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_between_requests)
    }

    /// The client has ended its direction of the connection.
    fn end(&mut self) -> Poll<io::Result<()>> {
        self.ended = true;
        self.signs.0.left.store(true, Ordering::Relaxed);
        self.poll_end()
    }

    /// Ready when hyper may learn of that end.
    ///
    /// hyper takes it for the end of both directions, and gives up the request that is under way. But the client may
    /// still read (RFC 8446 section 6.1): what came whole is answered first. A request that did not come whole is
    /// given up at once.
    fn poll_end(&self) -> Poll<io::Result<()>> {
        if self.owes_answers() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Whether all that came are whole requests, and not all of their answers have gone out.
    fn owes_answers(&self) -> bool {
        let Some(guard) = self.guard.as_ref().filter(|guard| guard.is_between_requests()) else {
            return false;
        };
        self.unflushed || self.signs.answered() < guard.request() - 1
    }

    fn violated(&self, violation: Violation) -> io::Error {
        let request = self.guard.as_ref().map_or(0, Guard::request);
        self.signs.note(ConnectionFault::Violation(violation, request));
        io::Error::new(io::ErrorKind::InvalidData, violation)
    }

    /// Looks at what became of an attempt to write: too long without one that succeeds is a fault.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.unflushed = true;
        self.signs.quiet(false);
        if let Poll::Ready(Ok(bytes)) = written {
            self.taken += bytes;
            if self.taken >= WORTH_WAITING {
                self.send.end();
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
        if !self.send.waiting {
            self.taken = 0;
            self.send.begin();
        }
        ready!(self.send.poll(cx));
        self.signs.note(ConnectionFault::NotTaken);
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
            this.send.end();
            this.unflushed = false;
            if this.ended && !this.owes_answers() {
                // For hyper to read, and learn of the end.
                cx.waker().wake_by_ref();
            }
        }
        this.unless_stuck(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
