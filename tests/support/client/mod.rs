//! A TLS client that writes exactly the bytes that a test gives it.

mod answer;
mod connection;

pub use answer::Answer;
pub use connection::Connection;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
    SupportedProtocolVersion, version,
};

use super::TIMEOUT;
use super::pki::{Identity, Pki};
use super::process::Clawgate;

/// How a client connects. Clones share their TLS sessions.
#[derive(Clone)]
pub struct Client {
    pub config: ClientConfig,
    pub name: String,
    address: SocketAddr,
    preface: Vec<u8>,
}

impl Client {
    /// The good client of `pki`.
    pub fn new(pki: &Pki, clawgate: &Clawgate) -> Self {
        Self::with_identity(pki, clawgate, &pki.client)
    }

    /// A client with that certificate, or whatever `identity` holds.
    pub fn with_identity(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> Self {
        Self::with_versions(pki, clawgate, Some(identity), &[&version::TLS13, &version::TLS12])
    }

    /// The same over one version of TLS; `None`: without a certificate.
    pub fn with_versions(
        pki: &Pki,
        clawgate: &Clawgate,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(pki.root.certificate.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some(identity) => {
                // Not `with_client_auth_cert`: it looks at the certificate, and bad ones are to be sent.
                let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
                let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
                let key = any_supported_type(&key).unwrap();
                let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
            None => builder.with_no_client_auth(),
        };
        Self { config, name: "localhost".to_owned(), address: clawgate.address(), preface: Vec::new() }
    }

    /// A client without a certificate, of the listener that asks for none.
    pub fn without_certificate(pki: &Pki, clawgate: &Clawgate) -> Self {
        let versions = [&version::TLS13, &version::TLS12];
        Self::with_versions(pki, clawgate, None, &versions).at(clawgate.signed())
    }

    /// Asks for `name` in SNI.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Calls `address`, and writes `preface` before TLS.
    pub fn through(mut self, address: SocketAddr, preface: impl Into<Vec<u8>>) -> Self {
        (self.address, self.preface) = (address, preface.into());
        self
    }

    /// Offers these protocols in ALPN.
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Takes any certificate of clawgate.
    pub fn trusting(mut self) -> Self {
        self.config.dangerous().set_certificate_verifier(Arc::new(AnyServer));
        self
    }

    /// Goes to another address, with the sessions that it has.
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// clawgate's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Presents `chain`, whatever it is, and signs with the key of `signer`.
    pub fn presenting(mut self, chain: &[Vec<u8>], signer: &Identity) -> Self {
        let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivateKeyDer::try_from(signer.key.serialize_der()).unwrap();
        let certified = CertifiedKey::new(chain, any_supported_type(&key).unwrap());
        self.config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        self
    }

    /// Connects and completes the client's side of the handshake. Over TLS 1.3 a refusal shows only
    /// when something is read.
    pub fn connect(self) -> io::Result<Connection> {
        let mut socket = connect(self.address);
        socket.write_all(&self.preface)?;
        let name = ServerName::try_from(self.name).unwrap();
        let tls = ClientConnection::new(Arc::new(self.config), name).unwrap();
        let mut stream = StreamOwned::new(tls, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection::over(stream))
    }

    /// Connects, and reads until clawgate has something to say about it.
    ///
    /// # Panics
    /// When it is admitted.
    pub fn refused(self) -> io::Error {
        let mut connection = match self.connect() {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        let mut byte = [0];
        match connection.stream.read(&mut byte) {
            Ok(count) => panic!("let in, and read {count} bytes"),
            Err(error) => error,
        }
    }

    /// Connects, and reads the alert that refuses it, then the orderly end of the connection.
    ///
    /// # Panics
    /// When it is admitted, or gets a reset instead of an orderly end.
    pub fn refusal(self) -> Refusal {
        let socket = connect(self.address);
        let from = socket.local_addr().unwrap();
        let name = ServerName::try_from(self.name).unwrap();
        let tls = ClientConnection::new(Arc::new(self.config), name).unwrap();
        let mut stream = StreamOwned::new(tls, socket);
        let error = match stream.read(&mut [0]) {
            Ok(count) => panic!("let in, and read {count} bytes"),
            Err(error) => error,
        };
        let alert = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::AlertReceived(alert)) => alert_name(u8::from(*alert)),
            _ => panic!("no alert, but {error:?}"),
        };
        io::copy(&mut stream.sock, &mut io::sink()).expect("an orderly end after the alert");
        Refusal { from, alert }
    }

    /// One POST of `body` to `path` on a connection of its own.
    pub fn post(self, path: &str, body: &str) -> Answer {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(&request)
    }

    /// Writes `request` as it is, and reads one answer.
    pub fn send(self, request: &str) -> Answer {
        let mut connection = self.connect().unwrap();
        connection.write(request.as_bytes());
        connection.answer()
    }
}

/// A client's end of a refused connection.
#[derive(Debug)]
pub struct Refusal {
    /// Its own address.
    pub from: SocketAddr,
    /// The alert it read.
    pub alert: &'static str,
}

/// The name of an alert's number in RFC 8446 section 6 (and RFC 5246 for TLS 1.2's own).
pub fn alert_name(number: u8) -> &'static str {
    match number {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        90 => "user_canceled",
        109 => "missing_extension",
        112 => "unrecognized_name",
        116 => "certificate_required",
        120 => "no_application_protocol",
        other => panic!("alert {other} is not expected anywhere"),
    }
}

/// A plain TCP connection to clawgate, with a deadline for everything.
pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.set_write_timeout(Some(TIMEOUT)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
