//! Other roads to an upstream: a unix socket, TLS. The bytes go to a `Backend` as they are.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use super::pki::Identity;

/// Passes what comes to the unix socket at `path` on to `to`.
pub fn unix(path: &Path, to: SocketAddr) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            carry(async move {
                stream.set_nonblocking(true)?;
                let mut inside = TcpStream::connect(to).await?;
                copy_bidirectional(&mut UnixStream::from_std(stream)?, &mut inside).await
            });
        }
    });
}

/// Listens as a TLS server with the certificate of `identity`, and passes what comes on to `to`.
pub fn tls(identity: &Identity, to: SocketAddr) -> SocketAddr {
    let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let acceptor = acceptor.clone();
            carry(async move {
                stream.set_nonblocking(true)?;
                let mut outside = acceptor.accept(TcpStream::from_std(stream)?).await?;
                let mut inside = TcpStream::connect(to).await?;
                copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}

/// How it ends is the gate's business, and shows there.
fn carry(connection: impl Future<Output = io::Result<(u64, u64)>> + Send + 'static) {
    thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(connection);
    });
}
