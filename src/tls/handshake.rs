//! From an accepted socket to a verified sender, or to the one line that says why not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::{Error, PeerIncompatible, ProtocolVersion, ServerConfig};
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::client_hello::ClientHello;
use super::diagnosis::{Case, Cause, NotTls, Step, diagnose};
use super::evidence::Evidence;
use super::greeting::{self, Greeting};
use super::material::{Material, unix_seconds};
use super::server::{self, ServerError};
use super::tap::Tap;
use super::trust::Trust;
use crate::identity::{Certificate, Peer, San};
use crate::observe::HandshakeReason;
use crate::policy::Rules;

/// Room for a ClientHello with a post-quantum key share.
const GREETING_CAPACITY: usize = 2048;

/// A socket that was accepted and said nothing yet.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub io: TcpStream,
    /// The other end.
    pub peer: SocketAddr,
    /// Identifier of the connection, for the log.
    pub id: String,
    /// When it was accepted.
    pub at: Instant,
}

/// A sender whose certificate was verified.
#[derive(Debug)]
pub struct Secured {
    /// The encrypted stream.
    pub io: TlsStream<Tap<TcpStream>>,
    /// Who it is.
    pub peer: Peer,
    /// Server name asked for, lower case.
    pub sni: Option<String>,
    /// Whether HTTP/2 was agreed on.
    pub h2: bool,
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: &'static str,
    /// What a late refusal by the sender would be reported with.
    pub opening: Opening,
}

/// How a connection began.
#[derive(Debug)]
pub struct Opening {
    id: String,
    peer: SocketAddr,
    at: Instant,
    hello: Option<Box<ClientHello>>,
    /// Version and cipher suite, once the handshake is through.
    agreed: Option<(String, String)>,
}

/// A connection that was refused.
#[derive(Debug)]
pub struct HandshakeFailure {
    /// What to log.
    pub report: Report,
    /// The socket, where it is still there, to be closed with care: the sender should read the alert.
    pub io: Option<TcpStream>,
}

/// The `handshake_failed` event.
#[derive(Debug, Serialize)]
pub struct Report {
    id: String,
    peer: String,
    /// Why.
    pub reason: HandshakeReason,
    detail: String,
    hint: String,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_versions_offered: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cipher: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_sent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_received: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert: Option<Certificate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<ChainLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_ca: Option<String>,
}

/// One of the certificates sent after the leaf.
#[derive(Debug, Serialize)]
struct ChainLink {
    subject: String,
    issuer: String,
    not_after: String,
    fingerprint_sha256: String,
}

/// Greets and verifies senders: one generation of TLS material and rules.
#[derive(Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    trust: Arc<Trust>,
    server_names: String,
    timeout: Duration,
}

impl Acceptor {
    /// `timeout` is for greeting and handshake together.
    pub fn new(material: &Material, rules: Rules, timeout: Duration) -> Result<Self, ServerError> {
        let now = unix_seconds(SystemTime::now());
        let names: Vec<_> = material.server_names.iter().map(San::to_string).collect();
        Ok(Self {
            config: Arc::new(server::config(material, rules, now)?),
            trust: Arc::clone(&material.trust),
            server_names: names.join(", "),
            timeout,
        })
    }

    /// Takes an accepted socket through greeting and handshake.
    pub async fn accept(&self, accepted: Accepted) -> Result<Secured, Box<HandshakeFailure>> {
        let Accepted { mut io, peer, id, at } = accepted;
        let deadline = at + self.timeout;
        let mut opening = Opening { id, peer, at, hello: None, agreed: None };
        let mut bytes = Vec::with_capacity(GREETING_CAPACITY);
        let greeting = timeout_at(deadline, greeting::read(&mut io, &mut bytes)).await;
        let evidence = Evidence::of_greeting(bytes.len() as u64);
        let cause = match greeting {
            Ok(Greeting::Tls(hello)) => {
                opening.hello = hello;
                if opening.hello.as_ref().is_some_and(|hello| !hello.offers_modern_version()) {
                    return Err(Box::new(self.too_old(opening, deadline, io, bytes.len()).await));
                }
                return self.handshake(opening, deadline, io, bytes).await;
            }
            Ok(Greeting::Closed) => Cause::Closed,
            Ok(Greeting::Probe) => Cause::NotTls(NotTls::Probe),
            Ok(Greeting::PlainHttp) => Cause::NotTls(NotTls::PlainHttp),
            Ok(Greeting::ProxyProtocol) => Cause::NotTls(NotTls::ProxyProtocol),
            Ok(Greeting::Sslv2) => Cause::NotTls(NotTls::Sslv2),
            Ok(Greeting::NotTls(name)) => Cause::NotTls(NotTls::Other(name, greeting::describe(&bytes))),
            Err(_) => {
                let step = if bytes.is_empty() { Step::FirstByte } else { Step::ClientHello };
                Cause::Timeout { deadline: self.timeout, step }
            }
        };
        Err(Box::new(HandshakeFailure {
            report: self.report(&opening, &cause, &evidence),
            io: Some(io),
        }))
    }

    /// Old hellos lack what rustls looks for before it looks at the version, and it would send the alert
    /// handshake_failure; RFC 8446 section 4.1.2 demands protocol_version.
    async fn too_old(
        &self,
        opening: Opening,
        deadline: Instant,
        mut io: TcpStream,
        bytes_in: usize,
    ) -> HandshakeFailure {
        const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];
        let mut evidence = Evidence::of_greeting(bytes_in as u64);
        if let Ok(Ok(())) = timeout_at(deadline, io.write_all(&PROTOCOL_VERSION)).await {
            evidence.sent(&PROTOCOL_VERSION);
        }
        let cause = Cause::Tls(PeerIncompatible::Tls12NotOfferedOrEnabled.into());
        HandshakeFailure { report: self.report(&opening, &cause, &evidence), io: Some(io) }
    }

    async fn handshake(
        &self,
        mut opening: Opening,
        deadline: Instant,
        io: TcpStream,
        greeting: Vec<u8>,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let bytes_in = greeting.len() as u64;
        let accept =
            TlsAcceptor::from(Arc::clone(&self.config)).accept(Tap::new(io, greeting)).into_fallible();
        let mut scope = Box::pin(Evidence::scope(bytes_in, accept));
        let outcome = timeout_at(deadline, scope.as_mut()).await;
        let evidence =
            scope.as_mut().take_value().map(std::cell::RefCell::into_inner).unwrap_or_default();
        opening.agreed = evidence.negotiated();
        let (cause, io) = match outcome {
            Ok(Ok(stream)) => match secured(stream, opening) {
                Ok(secured) => return Ok(secured),
                Err(failed) => {
                    let (opening, cause) = *failed;
                    let report = self.report(&opening, &cause, &evidence);
                    return Err(Box::new(HandshakeFailure { report, io: None }));
                }
            },
            Ok(Err((error, tap))) => (cause_of(error), Some(tap.into_inner())),
            // The socket goes with the dropped handshake.
            Err(_) => (Cause::Timeout { deadline: self.timeout, step: Step::SenderFlight }, None),
        };
        Err(Box::new(HandshakeFailure { report: self.report(&opening, &cause, &evidence), io }))
    }

    /// The report for a sender that ends the connection after the handshake and before a request:
    /// with TLS 1.2 or a slow verifier, its refusal of our certificate comes that late.
    pub fn late_refusal(&self, opening: &Opening, peer: &Peer, error: &Error) -> Report {
        let report = self.report(opening, &Cause::Tls(error.clone()), &Evidence::default());
        Report { client_cert: Some(peer.certificate.clone()), ..report }
    }

    /// Names the gate's certificate is good for, as one phrase.
    pub fn server_names(&self) -> &str {
        &self.server_names
    }

    fn report(&self, opening: &Opening, cause: &Cause, evidence: &Evidence) -> Report {
        let hello = opening.hello.as_deref();
        let diagnosis = diagnose(&Case {
            cause,
            hello,
            evidence,
            trust: &self.trust,
            server_names: &self.server_names,
            now: unix_seconds(SystemTime::now()),
        });
        let chain =
            evidence.presented.as_ref().map(|presented| presented.chain.as_slice()).unwrap_or_default();
        Report {
            id: opening.id.clone(),
            peer: opening.peer.to_string(),
            reason: diagnosis.reason,
            detail: diagnosis.detail,
            hint: diagnosis.hint,
            elapsed_ms: u64::try_from(opening.at.elapsed().as_millis()).unwrap_or(u64::MAX),
            sni: hello.and_then(|hello| hello.sni.clone()),
            alpn: hello.map(|hello| hello.alpn.clone()),
            tls_versions_offered: hello.map(|hello| hello.versions.clone()),
            tls_version: opening.agreed.as_ref().map(|(version, _)| version.clone()),
            cipher: opening.agreed.as_ref().map(|(_, cipher)| cipher.clone()),
            alert_sent: diagnosis.alert_sent,
            alert_received: diagnosis.alert_received,
            client_cert: chain.first().and_then(Certificate::read),
            chain: chain.iter().skip(1).take(8).filter_map(ChainLink::read).collect(),
            nearest_ca: diagnosis.nearest_ca,
        }
    }
}

impl ChainLink {
    fn read(der: &CertificateDer<'static>) -> Option<Self> {
        let Certificate { subject, issuer, not_after, fingerprint_sha256, .. } = Certificate::read(der)?;
        Some(Self { subject, issuer, not_after, fingerprint_sha256 })
    }
}

fn secured(
    mut io: TlsStream<Tap<TcpStream>>,
    opening: Opening,
) -> Result<Secured, Box<(Opening, Cause)>> {
    let (tap, connection) = io.get_mut();
    tap.stop_watching();
    // The verifier has read this very certificate, so none missing or unreadable is our own fault.
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    let Some(peer) = leaf.and_then(Peer::read) else {
        let error = Error::General("a verified certificate could not be read".to_owned());
        return Err(Box::new((opening, Cause::Tls(error))));
    };
    let sni = connection.server_name().map(str::to_ascii_lowercase);
    let h2 = connection.alpn_protocol() == Some(b"h2");
    let tls_version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    Ok(Secured { io, peer, sni, h2, tls_version, opening })
}

fn cause_of(error: io::Error) -> Cause {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(tls) => Cause::Tls(tls.clone()),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Cause::Closed,
            _ => Cause::Io(error),
        },
    }
}
