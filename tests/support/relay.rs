//! Other ways to an upstream: a unix socket and TLS. The bytes are passed to a `Backend` unchanged.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::pki::{Ca, Identity};

/// The bytes of a connection there and back.
type Carried = io::Result<(u64, u64)>;

/// Passes what comes to the unix socket at `path` on to `to`.
pub fn unix(path: &Path, to: SocketAddr) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            carry(async move {
                stream.set_nonblocking(true)?;
                pass(UnixStream::from_std(stream)?, to).await
            });
        }
    });
}

/// Listens as a TLS server with the certificate of `identity`, and passes what comes on to `to`.
pub fn tls(identity: &Identity, to: SocketAddr) -> SocketAddr {
    let config = config().with_no_client_auth().with_single_cert(chain(identity), key(identity));
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    listen(move || acceptor.clone(), move |outside| pass(outside, to))
}

/// A TLS server that shows the certificate of `identity` and signs with its key, whether or not they fit.
pub fn unproven(identity: &Identity) -> SocketAddr {
    let key = aws_lc_rs::sign::any_supported_type(&key(identity)).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain(identity), key));
    let config = config().with_no_client_auth().with_cert_resolver(Arc::new(shown));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    listen(
        move || acceptor.clone(),
        |mut outside| async move {
            tokio::io::copy(&mut outside, &mut tokio::io::sink()).await.map(|count| (count, 0))
        },
    )
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
        let (now, sink) = (Arc::clone(&acceptor), Arc::clone(&seen));
        let address = listen(
            move || now.lock().unwrap().clone(),
            move |outside: TlsStream<TcpStream>| {
                let tls = outside.get_ref().1;
                let shown = clawgate::identity::sha256(&tls.peer_certificates().unwrap()[0]);
                sink.lock().unwrap().push((tls.server_name().map(str::to_owned), shown));
                pass(outside, to)
            },
        );
        Self { address, acceptor, seen }
    }

    fn acceptor(identity: &Identity, ca: &Ca) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(ca.certificate.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let config = config()
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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap()
}

/// Accepts TLS connections on a port of its own, with what `acceptor` then gives, and leaves each to `serve`.
fn listen<F: Future<Output = Carried> + Send>(
    acceptor: impl Fn() -> TlsAcceptor + Send + 'static,
    serve: impl Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (acceptor, serve) = (acceptor(), serve.clone());
            carry(async move {
                stream.set_nonblocking(true)?;
                serve(acceptor.accept(TcpStream::from_std(stream)?).await?).await
            });
        }
    });
    address
}

/// Passes on to `to`, and back.
async fn pass(mut outside: impl AsyncRead + AsyncWrite + Unpin, to: SocketAddr) -> Carried {
    copy_bidirectional(&mut outside, &mut TcpStream::connect(to).await?).await
}

/// How it ends is clawgate's business, and shows there.
fn carry(connection: impl Future<Output = Carried> + Send + 'static) {
    thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(connection);
    });
}
