//! The socket as rustls sees it: first the greeting that was read already, then the rest; while the
//! handshake lasts, what passes is noted as record.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::handshake_record::HandshakeRecord;

/// A stream that replays `greeting` before it reads on.
#[derive(Debug)]
pub struct PrefixedIo<IO> {
    io: IO,
    greeting: Vec<u8>,
    replayed: usize,
    watching: bool,
}

impl<IO> PrefixedIo<IO> {
    pub(crate) fn new(io: IO, greeting: Vec<u8>) -> Self {
        Self { io, greeting, replayed: 0, watching: true }
    }

    /// The handshake is over: pass everything through untouched.
    pub(crate) fn stop_watching(&mut self) {
        self.watching = false;
    }

    /// The bare stream, while it stays in use here.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// The bare stream; what was not replayed yet is lost.
    pub fn into_inner(self) -> IO {
        self.io
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for PrefixedIo<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.replayed < this.greeting.len() {
            let rest = &this.greeting[this.replayed..];
            let count = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..count]);
            this.replayed += count;
            if this.replayed == this.greeting.len() {
                this.greeting = Vec::new();
                this.replayed = 0;
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if this.watching {
            let count = buf.filled().len() - before;
            HandshakeRecord::note(|record| record.received(count));
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for PrefixedIo<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        if this.watching {
            HandshakeRecord::note(|record| record.sent(&buf[..count]));
        }
        Poll::Ready(Ok(count))
    }

    // Without this rustls' writes would go out one record a segment, and the alert after a
    // HelloRetryRequest would be lost.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))?;
        if this.watching {
            HandshakeRecord::note(|record| {
                let mut left = count;
                for buf in bufs {
                    let sent = buf.len().min(left);
                    record.sent(&buf[..sent]);
                    left -= sent;
                }
            });
        }
        Poll::Ready(Ok(count))
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
