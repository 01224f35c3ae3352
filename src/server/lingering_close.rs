//! Closing so that the other end reads our last words.
//!
//! A socket that is closed with unread bytes in it sends a reset, and a reset throws away what the
//! peer had not read yet: the TLS alert, or the answer to a request whose body was not wanted.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a peer gets to read and close.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a body nobody wants that are read on the way, at most.
const MAX_DISCARD: usize = 4 * 1024 * 1024;

/// Says that nothing more will come, then reads until the peer has closed too.
pub(super) async fn close(mut io: TcpStream) {
    let farewell = async {
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
    // Whatever goes wrong here, the socket is closed all the same.
    let _ = timeout(PATIENCE, farewell).await;
}

/// Reads what is there. Into a buffer of the stack: a connection that waits here holds none.
fn discard(io: &TcpStream) -> io::Result<usize> {
    io.try_read(&mut [0; 16 * 1024])
}
