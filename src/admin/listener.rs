//! The admin listener's socket: TCP, or a unix socket for clawgate's own user.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::TcpListener as StdTcpListener;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::config::AdminAddress;

/// How long another gate may take for each step of its answer.
const PATIENCE: Duration = Duration::from_secs(2);

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
pub struct SocketFile {
    path: PathBuf,
    /// Which file that is, whatever else comes to have its name.
    id: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), id: id_of(path)? })
    }

    /// Gives it the name `path`; who has that name loses it in the same moment.
    fn rename(&mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.path = path.to_owned();
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A gate that took over has its own there by now, and somebody may have taken this one away.
        if id_of(&self.path).is_ok_and(|id| id == self.id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Device and inode.
fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Bound {
    /// Binds a unix socket that its owner alone may connect to. The file of a gate that is gone is replaced,
    /// and with `takeover` that of one that runs: at every moment somebody listens there.
    ///
    /// # Errors
    /// When somebody listens there, something else is there, or the folder is not writable.
    pub fn unix(path: &Path, takeover: bool) -> io::Result<Self> {
        let is_socket = |metadata: fs::Metadata| metadata.file_type().is_socket();
        let mut name = path.to_owned();
        if fs::symlink_metadata(path).is_ok_and(is_socket) {
            match StdUnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
                // Unlike a port, which its owner has to share, a socket's file can be taken from anybody.
                Ok(stream) if takeover => {
                    is_of_a_gate(stream)?;
                    name = beside(path)?;
                }
                _ => return Err(io::ErrorKind::AddrInUse.into()),
            }
        }
        let listener = StdUnixListener::bind(&name)?;
        let mut file = SocketFile::of(&name)?;
        fs::set_permissions(&name, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        if name != path {
            file.rename(path)?;
        }
        Ok(Self::Unix(listener, file))
    }

    /// The real address, where port 0 was asked for.
    ///
    /// # Errors
    /// When the socket does not know.
    pub fn address(&self) -> io::Result<AdminAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(AdminAddress::Tcp),
            Self::Unix(_, file) => Ok(AdminAddress::Unix(file.path.clone())),
        }
    }
}

/// A new name in the folder of `path`. Not made from its name, since a socket's path may have 107 bytes only.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let mut chance = [0; 4];
    aws_lc_rs::rand::fill(&mut chance).map_err(io::Error::other)?;
    Ok(path.with_file_name(format!(".{}", data_encoding::HEXLOWER.encode(&chance))))
}

/// Whether a gate answers on `stream`.
fn is_of_a_gate(mut stream: StdUnixStream) -> io::Result<()> {
    let mut ask = || {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        (&stream).take(512).read_to_string(&mut answer)?;
        Ok::<_, io::Error>(answer)
    };
    match ask() {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nalive\n") => {
            Ok(())
        }
        _ => {
            let what = "who listens there does not answer as a gate does";
            Err(io::Error::new(io::ErrorKind::AddrInUse, what))
        }
    }
}

/// The same on a runtime.
pub(super) enum Listener {
    Tcp(TcpListener),
    /// The file goes first: while the socket is open, no other file can be the same one.
    Unix {
        _file: SocketFile,
        listener: UnixListener,
    },
}

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    pub(crate) fn new(bound: Bound) -> io::Result<Self> {
        Ok(match bound {
            Bound::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener)?),
            Bound::Unix(listener, file) => {
                Self::Unix { _file: file, listener: UnixListener::from_std(listener)? }
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
