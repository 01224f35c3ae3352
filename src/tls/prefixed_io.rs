//! The socket as rustls sees it: first the bytes that detection has read already, then the rest. During the handshake it
//! records what passes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::handshake_record::HandshakeRecord;

/// A stream that begins with bytes that were read before.
#[derive(Debug)]
pub struct PrefixedIo<IO> {
    io: IO,
    prefix: Vec<u8>,
    replayed: usize,
    recording: bool,
}

impl<IO> PrefixedIo<IO> {
    pub(crate) fn new(io: IO, prefix: Vec<u8>) -> Self {
        Self { io, prefix, replayed: 0, recording: true }
    }

    /// To be called at the end of the handshake.
    pub(super) fn stop_recording(&mut self) {
        self.recording = false;
    }

    /// The inner stream.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// The inner stream. Bytes of the prefix that were not read yet are lost.
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
        if this.replayed < this.prefix.len() {
            let rest = &this.prefix[this.replayed..];
            let count = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..count]);
            this.replayed += count;
            if this.replayed == this.prefix.len() {
                this.prefix = Vec::new();
                this.replayed = 0;
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if this.recording {
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
        if this.recording {
            HandshakeRecord::note(|record| record.sent(&buf[..count]));
        }
        Poll::Ready(Ok(count))
    }

    // Without this, rustls would write one record at a time, and the alert after a HelloRetryRequest would be lost.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))?;
        if this.recording {
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
