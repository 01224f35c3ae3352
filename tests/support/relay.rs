//! Other ways to an upstream: a unix socket and TLS. The bytes are passed to a `Backend` unchanged.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use super::pki::{Ca, Identity};

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
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain(identity), key(identity))
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

/// A TLS server that shows the certificate of `identity` and signs with its key, whether or not they fit.
pub fn unproven(identity: &Identity) -> SocketAddr {
    let key = aws_lc_rs::sign::any_supported_type(&key(identity)).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain(identity), key));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let acceptor = acceptor.clone();
            carry(async move {
                stream.set_nonblocking(true)?;
                let mut outside = acceptor.accept(TcpStream::from_std(stream)?).await?;
                tokio::io::copy(&mut outside, &mut tokio::io::sink()).await.map(|count| (count, 0))
            });
        }
    });
    address
}

/// A TLS server that asks for a client certificate, and passes what comes on. Its certificates can be
/// renewed while it runs.
pub struct Mutual {
    address: SocketAddr,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    seen: Arc<Mutex<Vec<Caller>>>,
}

/// The name that was asked for, and the SHA-256 of the certificate that was shown.
pub type Caller = (Option<String>, String);

impl Mutual {
    /// With the certificate of `identity`, for clients of `ca`.
    pub fn new(identity: &Identity, ca: &Ca, to: SocketAddr) -> Self {
        let acceptor = Arc::new(Mutex::new(Self::acceptor(identity, ca)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (now, sink) = (Arc::clone(&acceptor), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (acceptor, sink) = (now.lock().unwrap().clone(), Arc::clone(&sink));
                carry(async move {
                    stream.set_nonblocking(true)?;
                    let mut outside = acceptor.accept(TcpStream::from_std(stream)?).await?;
                    let tls = outside.get_ref().1;
                    let shown = clawgate::identity::sha256(&tls.peer_certificates().unwrap()[0]);
                    sink.lock().unwrap().push((tls.server_name().map(str::to_owned), shown));
                    let mut inside = TcpStream::connect(to).await?;
                    copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        Self { address, acceptor, seen }
    }

    fn acceptor(identity: &Identity, ca: &Ca) -> TlsAcceptor {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(ca.certificate.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain(identity), key(identity))
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Other certificates for the connections to come.
    pub fn renew(&self, identity: &Identity, ca: &Ca) {
        *self.acceptor.lock().unwrap() = Self::acceptor(identity, ca);
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who has connected, in order.
    pub fn seen(&self) -> Vec<Caller> {
        self.seen.lock().unwrap().clone()
    }
}

fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect()
}

fn key(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap()
}

/// How it ends is clawgate's business, and shows there.
fn carry(connection: impl Future<Output = io::Result<(u64, u64)>> + Send + 'static) {
    thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(connection);
    });
}
