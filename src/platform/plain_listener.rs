//! The socket of a listener without TLS, for admin and relay: TCP, or a unix socket for clawgate's own user.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::connection::PlainAddress;
use crate::random::random_hex;

/// How long a running clawgate may take for each step of its answer.
const LIVENESS_TIMEOUT: Duration = Duration::from_secs(2);

/// A socket that is bound and not used yet.
#[derive(Debug)]
pub enum Bound {
    /// TCP.
    Tcp(StdTcpListener),
    /// Unix. Its file is removed when this is dropped.
    Unix(StdUnixListener, SocketFile),
}

/// The file of a unix socket.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode, since another file may get this name.
    id: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), id: id_of(path)? })
    }

    /// Renames it to `path`, and replaces a file of that name in the same step.
    fn rename(&mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.path = path.to_owned();
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone, or replaced by the file of a process that has taken over.
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
    /// Binds a unix socket that only its owner may connect to. Replaces the file of a process that has ended, and with
    /// `takeover` also that of a running clawgate, so that the path can be connected to at every moment: `is_clawgate` knows the
    /// answer of one to `GET /livez`.
    ///
    /// # Errors
    /// When another process listens there, something else has that name, or the folder is not writable.
    pub fn unix(path: &Path, takeover: bool, is_clawgate: impl Fn(&str) -> bool) -> io::Result<Self> {
        let is_socket = |metadata: fs::Metadata| metadata.file_type().is_socket();
        let mut name = path.to_owned();
        if fs::symlink_metadata(path).is_ok_and(is_socket) {
            match StdUnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
                // A TCP port can be shared only if its owner allows it, but a socket file of any program could be
                // replaced. So check that its owner is clawgate.
                Ok(stream) if takeover => {
                    check_is_clawgate(stream, is_clawgate)?;
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

    /// The address, with the real port if it was bound to port 0.
    ///
    /// # Errors
    /// When the system does not return it.
    pub fn address(&self) -> io::Result<PlainAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(PlainAddress::Tcp),
            Self::Unix(_, file) => Ok(PlainAddress::Unix(file.path.clone())),
        }
    }
}

/// A new name in the folder of `path`. It does not contain that name, since a socket's path has at most 107 bytes.
fn beside(path: &Path) -> io::Result<PathBuf> {
    Ok(path.with_file_name(format!(".{}", random_hex::<4>()?)))
}

/// Checks that a clawgate answers on `stream`.
fn check_is_clawgate(mut stream: StdUnixStream, is_clawgate: impl Fn(&str) -> bool) -> io::Result<()> {
    let mut ask = || {
        stream.set_read_timeout(Some(LIVENESS_TIMEOUT))?;
        stream.set_write_timeout(Some(LIVENESS_TIMEOUT))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        (&stream).take(512).read_to_string(&mut answer)?;
        Ok::<_, io::Error>(answer)
    };
    match ask() {
        Ok(answer) if is_clawgate(&answer) => Ok(()),
        _ => {
            let what = "the process that listens there does not answer as clawgate does";
            Err(io::Error::new(io::ErrorKind::AddrInUse, what))
        }
    }
}

/// A bound socket on a runtime.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    /// The file is dropped before the socket: while the socket is open, no other file can have its inode.
    Unix {
        _file: SocketFile,
        listener: UnixListener,
    },
}

/// A connection of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    /// Puts a bound socket on the current runtime.
    ///
    /// # Errors
    /// When the runtime cannot use it.
    pub fn new(bound: Bound) -> io::Result<Self> {
        Ok(Self(match bound {
            Bound::Tcp(listener) => Kind::Tcp(TcpListener::from_std(listener)?),
            Bound::Unix(listener, file) => {
                Kind::Unix { _file: file, listener: UnixListener::from_std(listener)? }
            }
        }))
    }

    /// The next connection, and who has made it.
    ///
    /// # Errors
    /// When the system has no connection.
    pub async fn accept(&self) -> io::Result<(Box<dyn Stream>, Caller)> {
        Ok(match &self.0 {
            Kind::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Box::new(stream), Caller::Address(address))
            }
            Kind::Unix { listener, .. } => {
                let stream = listener.accept().await?.0;
                let user = stream.peer_cred().ok().map(|credentials| credentials.uid());
                (Box::new(stream), Caller::User(user))
            }
        })
    }
}

/// Who has made a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A TCP client.
    Address(SocketAddr),
    /// A user of this machine, over the unix socket.
    User(Option<u32>),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::User(Some(user)) => write!(f, "uid {user}"),
            Self::User(None) => f.write_str("the unix socket"),
        }
    }
}
