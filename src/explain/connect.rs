//! Runs one handshake as a client, and records what it shows about the server.
//!
//! Any server certificate is accepted, because the report examines it later. That is safe: no request or secret is sent
//! to the server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::aws_lc_rs::{self, sign::any_supported_type};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    version,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use thiserror::Error as ThisError;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::target::Server;
use crate::connection::{cipher_name, version_name};
use crate::identity::name::{cut, printable};
use crate::identity::rfc4514;
use crate::wording;

/// Time limit for resolving the name, connecting and the handshake.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait for a refusal after the handshake. With TLS 1.3 it comes only then.
const LATE_ALERT: Duration = Duration::from_secs(1);
/// How many of the first bytes of the answer are kept, to describe an answer that is not TLS.
const FIRST: usize = 32;

/// A certificate to present, with its key.
#[derive(Clone, Debug)]
pub struct Credentials(Arc<CertifiedKey>);

/// Why a key cannot be used to present a certificate.
#[derive(Debug, ThisError)]
#[error("the key is of an unsupported kind, or is damaged")]
pub struct CredentialsError;

impl Credentials {
    /// `chain` begins with the leaf. Does not check that the key belongs to it: the server does that.
    ///
    /// # Errors
    /// When rustls does not support this kind of key.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, CredentialsError> {
        let key = any_supported_type(key).map_err(|_| CredentialsError)?;
        Ok(Self(Arc::new(CertifiedKey::new(chain, key))))
    }

    pub(crate) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.0
    }

    pub(crate) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.0.cert.first()
    }
}

/// The server's request for a client certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The names of CAs in the request: RFC 4514, escaped.
    pub cas: Vec<String>,
    /// The signature schemes that it accepts.
    pub schemes: Vec<String>,
}

/// How the connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The handshake was completed, and no refusal came.
    Open,
    /// The server sent an alert; `true` if that was after the handshake.
    Alert(AlertDescription, bool),
    /// The server closed or reset the connection; `true` if that was after the handshake.
    Closed(bool),
    /// No connection could be made; the cause.
    Unreachable(String),
    /// The server did not speak TLS; its first bytes.
    NotTls(Vec<u8>),
    /// The server did not answer completely in time; the number of bytes that had come.
    Silence(usize),
    /// TLS failed for another reason.
    Failed(String),
}

/// What one connection showed about a server.
#[derive(Debug)]
pub struct Observed {
    /// The server, as the caller named it.
    pub server: Server,
    /// The address at which it was reached.
    pub address: Option<SocketAddr>,
    /// The local address of the connection.
    pub from: Option<SocketAddr>,
    /// TLS version, cipher suite and key exchange group, once negotiated.
    pub agreed: Option<(String, String, Option<String>)>,
    /// The protocol negotiated with ALPN; `h2` and `http/1.1` were offered.
    pub alpn: Option<String>,
    /// The server's certificates, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether the server failed to prove with its signature that it holds the leaf's key.
    pub is_unproven: bool,
    /// Its request for a client certificate, if there was one.
    pub asked: Option<CertificateRequest>,
    /// The client certificate to present if it asks for one.
    pub credentials: Option<Credentials>,
    /// How the connection ended.
    pub ending: Ending,
}

/// What rustls reports about the server during the handshake.
#[derive(Debug, Default)]
struct Notes {
    chain: Vec<CertificateDer<'static>>,
    is_unproven: bool,
    asked: Option<CertificateRequest>,
}

/// Connects to `server`, completes a handshake and waits for the server's reaction. `preface` is sent before the
/// handshake: a PROXY header, if the server expects one.
pub fn observe(server: Server, credentials: Option<Credentials>, preface: &[u8]) -> Observed {
    let recorder = Arc::new(HandshakeRecorder::new(credentials.clone()));
    let mut seen = Observed {
        server,
        address: None,
        from: None,
        agreed: None,
        alpn: None,
        chain: Vec::new(),
        is_unproven: false,
        asked: None,
        credentials,
        ending: Ending::Open,
    };
    let deadline = Instant::now() + DEADLINE;
    let (socket, address) = match connect(&seen.server, deadline) {
        Ok(connected) => connected,
        Err(error) => {
            seen.ending = Ending::Unreachable(wording::io(&error));
            return seen;
        }
    };
    seen.address = Some(address);
    seen.from = socket.local_addr().ok();
    let mut connection = match client(&recorder, seen.server.name.clone()) {
        Ok(connection) => connection,
        Err(error) => {
            seen.ending = Ending::Failed(wording::tls(&error));
            return seen;
        }
    };
    let mut wire = Wire { socket, deadline, first: Vec::new(), count: 0 };
    seen.ending = match wire.write_all(preface) {
        Ok(()) => converse(&mut connection, &mut wire),
        Err(error) => ending_of(&error, &wire, false),
    };
    if let (Some(version), Some(suite)) =
        (connection.protocol_version(), connection.negotiated_cipher_suite())
    {
        // For the suites of TLS 1.3, rustls has other names than IANA.
        let suite = cipher_name(suite.suite());
        let group = connection.negotiated_key_exchange_group();
        let group = group.and_then(|group| group.name().as_str().map(str::to_owned));
        seen.agreed = Some((version_name(version).into_owned(), suite, group));
    }
    seen.alpn = connection.alpn_protocol().map(|name| printable(&String::from_utf8_lossy(name)));
    let notes = std::mem::take(&mut *recorder.notes());
    Observed { chain: notes.chain, is_unproven: notes.is_unproven, asked: notes.asked, ..seen }
}

fn connect(server: &Server, deadline: Instant) -> io::Result<(TcpStream, SocketAddr)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (server.host.as_str(), server.port).to_socket_addrs()? {
        let left = left(deadline)?;
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok((socket, address));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The time until `deadline`.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn client(
    recorder: &Arc<HandshakeRecorder>,
    name: ServerName<'static>,
) -> Result<ClientConnection, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(recorder) as Arc<dyn ServerCertVerifier>)
        .with_client_cert_resolver(Arc::clone(recorder) as Arc<dyn ResolvesClientCert>);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    ClientConnection::new(Arc::new(config), name)
}

/// Runs the handshake, then waits for an alert or the end of the connection.
fn converse(connection: &mut ClientConnection, wire: &mut Wire) -> Ending {
    if let Err(error) = connection.complete_io(wire) {
        return ending_of(&error, wire, false);
    }
    wire.deadline = Instant::now() + LATE_ALERT;
    loop {
        match connection.read_tls(wire) {
            Ok(0) => return Ending::Closed(true),
            Ok(_) => {}
            // No refusal came.
            Err(error) if is_timeout(&error) => return Ending::Open,
            Err(error) => return ending_of(&error, wire, true),
        }
        match connection.process_new_packets() {
            Ok(state) if state.peer_has_closed() => return Ending::Closed(true),
            // Data does not show that the client was admitted: over HTTP/2 a server may send data before it has our
            // certificate.
            Ok(_) => {
                let _ = io::copy(&mut connection.reader(), &mut io::sink());
            }
            Err(error) => return ending_of_tls(&error, wire, true),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn ending_of(error: &io::Error, wire: &Wire, after: bool) -> Ending {
    match wording::tls_error(error) {
        Some(tls) => ending_of_tls(tls, wire, after),
        None if is_timeout(error) => Ending::Silence(wire.count),
        None if wire.first.first().is_some_and(|byte| !is_tls(*byte)) => {
            Ending::NotTls(wire.first.clone())
        }
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Ending::Closed(after),
            _ => Ending::Failed(wording::io(error)),
        },
    }
}

fn ending_of_tls(error: &Error, wire: &Wire, after: bool) -> Ending {
    match error {
        Error::AlertReceived(AlertDescription::CloseNotify) => Ending::Closed(after),
        Error::AlertReceived(alert) => Ending::Alert(*alert, after),
        _ if wire.first.first().is_some_and(|byte| !is_tls(*byte)) => Ending::NotTls(wire.first.clone()),
        other => Ending::Failed(wording::tls(other)),
    }
}

/// Whether a TLS record may begin with this byte during a handshake: alert or handshake (RFC 8446 section 5.1).
fn is_tls(first: u8) -> bool {
    matches!(first, 21 | 22)
}

/// The socket, with a deadline for reads and writes.
struct Wire {
    socket: TcpStream,
    deadline: Instant,
    first: Vec<u8>,
    count: usize,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left(self.deadline)?))?;
        let count = self.socket.read(buffer)?;
        let room = FIRST.saturating_sub(self.first.len());
        self.first.extend_from_slice(&buffer[..count.min(room)]);
        self.count += count;
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left(self.deadline)?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Accepts any server certificate, presents `credentials`, and notes what the server sent and asked for.
#[derive(Debug)]
struct HandshakeRecorder {
    notes: Mutex<Notes>,
    credentials: Option<Credentials>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl HandshakeRecorder {
    fn new(credentials: Option<Credentials>) -> Self {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        Self { notes: Mutex::default(), credentials, algorithms }
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        // A panic cannot leave the notes half written, so a poisoned lock can be used.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn noting(
        &self,
        verdict: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if verdict.is_err() {
            self.notes().is_unproven = true;
        }
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for HandshakeRecorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(intermediates);
        self.notes().chain = chain.map(|der| der.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.noting(verify_tls12_signature(message, leaf, signature, &self.algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.noting(verify_tls13_signature(message, leaf, signature, &self.algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for HandshakeRecorder {
    fn resolve(&self, cas: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let name = |der: &&[u8]| match X509Name::from_der(der) {
            Ok((_, name)) => cut(rfc4514(&name)),
            Err(_) => "a name that cannot be read".to_owned(),
        };
        let scheme = |scheme: &SignatureScheme| match scheme.as_str() {
            Some(name) => name.to_owned(),
            None => format!("{:#06x}", u16::from(*scheme)),
        };
        self.notes().asked = Some(CertificateRequest {
            cas: cas.iter().map(name).collect(),
            schemes: schemes.iter().map(scheme).collect(),
        });
        self.credentials.as_ref().map(|credentials| Arc::clone(&credentials.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
