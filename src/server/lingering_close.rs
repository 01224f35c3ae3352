//! Closing a socket so that the client can read what was sent last.
//!
//! A socket that is closed with unread bytes in it sends a reset. At a reset the client loses what it has not read yet: the
//! TLS alert, or the answer to a request whose body was not read.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the last bytes of a connection (an answer, a TLS alert or close_notify) may take to be written.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the client has to read and to close its side.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that are read and thrown away meanwhile, at most.
const MAX_DISCARD: usize = 4 * 1024 * 1024;

/// Ends clawgate's side of the connection, then reads until the client has closed its side too.
pub(super) async fn close(mut io: TcpStream) {
    let closed = async {
        io.shutdown().await?;
        let mut discarded = 0;
        while discarded < MAX_DISCARD {
            io.readable().await?;
            match discard(&io) {
                Ok(0) => break,
                Ok(count) => discarded += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        io::Result::Ok(())
    };
    // The socket is closed also after an error.
    let _ = timeout(CLOSE_TIMEOUT, closed).await;
}

/// Reads what is there, into a buffer on the stack: a connection that waits here holds none.
fn discard(io: &TcpStream) -> io::Result<usize> {
    io.try_read(&mut [0; 16 * 1024])
}
