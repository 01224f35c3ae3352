//! The decrypted stream as hyper sees it: followed by the HTTP/1 guard, and with faults kept, since
//! hyper takes an error between two requests for an ordinary end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::http1_guard::{Guard, Violation};
use crate::config::Limits;

/// What ended a connection from below.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes break HTTP/1, in this request of the connection (counted from 1).
    Violation(Violation, u64),
    /// TLS broke, or the sender sent an alert.
    Tls(rustls::Error),
    /// The sender took nothing of what was for it.
    NotTaken,
    /// More HTTP/2 frames of no use came than any honest sender sends.
    Flood,
}

/// The first fault of a connection, for whoever serves it.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultSlot(Arc<OnceLock<Fault>>);

impl FaultSlot {
    pub(super) fn get(&self) -> Option<&Fault> {
        self.0.get()
    }

    pub(super) fn set(&self, fault: Fault) {
        let _ = self.0.set(fault);
    }
}

/// A stream that is watched.
#[derive(Debug)]
pub(super) struct Watched<IO> {
    io: IO,
    guard: Option<Guard>,
    fault: FaultSlot,
    /// For a head that comes in pieces.
    head: Wait,
    /// For a sender that does not take what is for it.
    send: Wait,
    /// Bytes that it took since it has been waited for.
    taken: usize,
}

/// What a sender has to take in the time of a wait, to be waited for again.
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

impl<IO> Watched<IO> {
    /// `guard`: for HTTP/1; HTTP/2 has no such framing.
    pub(super) fn new(io: IO, guard: Option<Guard>, fault: FaultSlot, limits: &Limits) -> Self {
        let (head, send) = (Wait::new(limits.head_timeout), Wait::new(limits.send_timeout));
        Self { io, guard, fault, head, send, taken: 0 }
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.fault.get(), Some(Fault::Violation(..))) {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buf) else {
            ready!(this.head.poll(cx));
            return Poll::Ready(Err(this.violated(Violation::HeadTooSlow)));
        };
        if let Err(error) = read {
            if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                this.fault.set(Fault::Tls(tls.clone()));
            }
            return Poll::Ready(Err(error));
        }
        let Some(guard) = &mut this.guard else {
            return Poll::Ready(Ok(()));
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

impl<IO> Watched<IO> {
    fn violated(&self, violation: Violation) -> io::Error {
        let request = self.guard.as_ref().map_or(0, Guard::request);
        self.fault.set(Fault::Violation(violation, request));
        io::Error::new(io::ErrorKind::InvalidData, violation)
    }

    /// Looks at what became of an attempt to write: too long without one that succeeds is a fault.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
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
        self.fault.set(Fault::NotTaken);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
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
        }
        this.unless_stuck(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
