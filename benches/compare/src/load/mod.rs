//! The client of the load: what it offers in a handshake, and connections on which every answer is checked.

mod http1;
mod http2;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{HandshakeKind, RootCertStore, version};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use http1::Http1;
pub use http2::Http2;

/// Longest wait for anything: a proxy that hangs ends the run.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Key exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    X25519,
    X25519MlKem768,
}

/// Certificates to come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// One that is to be admitted.
    Good,
    /// One of an unknown CA.
    Unknown,
    /// None.
    Missing,
}

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub group: Group,
    pub certificate: Certificate,
    pub tls12: bool,
    pub resume: bool,
    pub http2: bool,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            group: Group::X25519,
            certificate: Certificate::Good,
            tls12: false,
            resume: false,
            http2: false,
        }
    }
}

/// Makes connections with one offer.
#[derive(Clone)]
pub struct Client {
    connector: TlsConnector,
    port: u16,
    http2: bool,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Length of the body to send.
    pub up: usize,
    /// Length of the body to get; 0: the request's number.
    pub down: usize,
}

impl Ask {
    /// What a webhook is like.
    pub const WEBHOOK: Self = Self { up: 1024, down: 0 };
}

impl Client {
    /// One for the proxy at `port`, with certificates from `dir`.
    pub fn new(dir: &Path, port: u16, offer: Offer) -> Result<Self, Box<dyn std::error::Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.join("ca.pem"))?)?;
        let groups: Vec<&'static dyn SupportedKxGroup> = match (offer.group, offer.tls12) {
            // In TLS 1.2 the list is for the server's certificate, too.
            (_, true) => vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1],
            (Group::X25519, false) => vec![aws_lc_rs::kx_group::X25519],
            (Group::X25519MlKem768, false) => vec![aws_lc_rs::kx_group::X25519MLKEM768],
        };
        // One suite for all, the one that clawgate and BoringSSL prefer. (OpenSSL has no preference, and most clients
        // put AES-256 first. That costs a handshake SHA-384.)
        let suites = vec![
            aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
            aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ];
        let provider =
            CryptoProvider { kx_groups: groups, cipher_suites: suites, ..aws_lc_rs::default_provider() };
        let versions = if offer.tls12 { [&version::TLS12] } else { [&version::TLS13] };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)?
            .with_root_certificates(roots);
        let name = match offer.certificate {
            Certificate::Good => Some("client"),
            Certificate::Unknown => Some("stranger"),
            Certificate::Missing => None,
        };
        let mut config = match name {
            Some(name) => builder.with_client_auth_cert(
                vec![CertificateDer::from_pem_file(dir.join(format!("{name}.pem")))?],
                PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key")))?,
            )?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![if offer.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        if !offer.resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), port, http2: offer.http2 })
    }

    /// A connection after its handshake, as far as the client can know that it is through.
    pub async fn dial(&self) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
        let dial = async {
            let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
            tcp.set_nodelay(true)?;
            self.connector.connect(name, tcp).await
        };
        let dialled = timeout(TIMEOUT, dial).await.map_err(|_| "no handshake in time".to_owned())?;
        dialled.map_err(|error| format!("the handshake failed: {error}"))
    }

    /// A connection for requests.
    pub async fn connect(&self, ask: Ask) -> Result<Connection, String> {
        let io = self.dial().await?;
        let resumed = io.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let channel = if self.http2 {
            Channel::Http2(Http2::new(io, ask).await?)
        } else {
            Channel::Http1(Box::new(Http1::new(io, ask)))
        };
        Ok(Connection { channel, resumed })
    }
}

/// A connection that takes one request after the other.
pub struct Connection {
    channel: Channel,
    /// Whether its handshake was a short one.
    pub resumed: bool,
}

enum Channel {
    Http1(Box<Http1>),
    Http2(Http2),
}

impl Connection {
    /// Sends request `number` and checks the answer.
    pub async fn exchange(&mut self, number: u64) -> Result<(), String> {
        let exchange = async {
            match &mut self.channel {
                Channel::Http1(channel) => channel.exchange(number).await,
                Channel::Http2(channel) => channel.exchange(number).await,
            }
        };
        timeout(TIMEOUT, exchange).await.map_err(|_| "no answer in time".to_owned())?
    }

    /// Closes in order.
    pub async fn close(self) {
        if let Channel::Http1(channel) = self.channel {
            channel.close().await;
        }
    }
}

/// A request's number as it is sent.
fn digits(number: u64) -> [u8; 8] {
    let mut text = [b'0'; 8];
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}
