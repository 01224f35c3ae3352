//! The decrypted stream as hyper sees it: followed by the HTTP/1 guard, and with faults kept, since
//! hyper takes an error between two requests for an ordinary end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::http1_guard::{Guard, Violation};

/// What ended a connection from below.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes break HTTP/1, in this request of the connection (counted from 1).
    Violation(Violation, u64),
    /// TLS broke, or the sender sent an alert.
    Tls(rustls::Error),
}

/// The first fault of a connection, for whoever serves it.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultSlot(Arc<OnceLock<Fault>>);

impl FaultSlot {
    pub(super) fn get(&self) -> Option<&Fault> {
        self.0.get()
    }

    fn set(&self, fault: Fault) {
        let _ = self.0.set(fault);
    }
}

/// A stream that is watched.
#[derive(Debug)]
pub(super) struct Watched<IO> {
    io: IO,
    guard: Option<Guard>,
    fault: FaultSlot,
}

impl<IO> Watched<IO> {
    /// `guard`: for HTTP/1; HTTP/2 has no such framing.
    pub(super) fn new(io: IO, guard: Option<Guard>, fault: FaultSlot) -> Self {
        Self { io, guard, fault }
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
        if let Err(error) = ready!(Pin::new(&mut this.io).poll_read(cx, buf)) {
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
            this.fault.set(Fault::Violation(violation, guard.request()));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
