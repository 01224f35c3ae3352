//! The admin listener's socket: TCP, or a unix socket for the gate's own user.

use std::fs::{self, Permissions};
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::config::AdminAddress;

/// A socket that is bound, and not served yet.
#[derive(Debug)]
pub enum Bound {
    /// TCP.
    Tcp(StdTcpListener),
    /// Unix; its file goes with it.
    Unix(StdUnixListener, SocketFile),
}

/// The file of a unix socket.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have taken it away, or have another there: nothing depends on it.
        let _ = fs::remove_file(&self.0);
    }
}

impl Bound {
    /// Binds a unix socket that its owner alone may connect to. The file of a gate that is gone is replaced.
    ///
    /// # Errors
    /// When somebody listens there, something else is there, or the folder is not writable.
    pub fn unix(path: &Path) -> io::Result<Self> {
        let is_socket = |metadata: fs::Metadata| metadata.file_type().is_socket();
        if fs::symlink_metadata(path).is_ok_and(is_socket) {
            match StdUnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
                _ => return Err(io::ErrorKind::AddrInUse.into()),
            }
        }
        let listener = StdUnixListener::bind(path)?;
        let file = SocketFile(path.to_owned());
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(listener, file))
    }

    /// The real address, where port 0 was asked for.
    ///
    /// # Errors
    /// When the socket does not know.
    pub fn address(&self) -> io::Result<AdminAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(AdminAddress::Tcp),
            Self::Unix(_, file) => Ok(AdminAddress::Unix(file.0.clone())),
        }
    }
}

/// The same on a runtime.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: SocketFile },
}

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    pub(super) fn new(bound: Bound) -> io::Result<Self> {
        Ok(match bound {
            Bound::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener)?),
            Bound::Unix(listener, file) => {
                Self::Unix { listener: UnixListener::from_std(listener)?, _file: file }
            }
        })
    }

    pub(super) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix { listener, .. } => Box::new(listener.accept().await?.0),
        })
    }
}
