//! From an accepted socket to a verified client, or to the one line that says why not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::{AlertDescription, Error, PeerIncompatible, ServerConfig};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::accepted::{Accepted, Attempt, WithProxyHeader, take_addresses};
use super::client_hello::{ClientHello, Progress};
use super::client_verifier::ClientVerifier;
use super::detect::{Detected, End};
use super::diagnosis::{Cause, NotTls, Step, about_name};
use super::handshake_record::{HandshakeRecord, Presented};
use super::handshake_settings::HandshakeSettings;
use super::negotiated::Negotiated;
use super::parameters::Parameters;
use super::prefixed_io::PrefixedIo;
use super::report::{Grounds, Report};
use super::server::ServerError;
use super::{detect, proxy_header, server};
use crate::connection::{ConnectionInfo, TlsInfo};
use crate::identity::time::unix_seconds;
use crate::identity::{Peer, San};
use crate::limits::eviction::Meter;
use crate::pki::CertificateCaches;
use crate::pki::material::{Algorithms, Material};
use crate::policy::{Denial, Rules};
use crate::telemetry::Limit;

/// Room for a ClientHello with a post-quantum key share.
const GREETING_CAPACITY: usize = 2048;

/// A client whose certificate was verified.
#[derive(Debug)]
pub struct Secured {
    /// The encrypted stream; boxed, since it is large and moves from hand to hand.
    pub io: Box<TlsStream<PrefixedIo<TcpStream>>>,
    /// Who it is.
    pub peer: Peer,
    /// The certificates it was verified by, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// What it would be refused for, were the rules not on trial.
    pub objection: Option<Denial>,
    /// What the handshake negotiated.
    pub tls: TlsInfo,
    /// Where the connection comes from.
    pub connection: ConnectionInfo,
    /// The ClientHello, for later reports about this connection.
    pub hello: Option<Box<ClientHello>>,
}

/// A connection that was refused.
#[derive(Debug)]
pub struct HandshakeFailure {
    /// What to log.
    pub report: Report,
    /// What is left of the connection, to be closed with care.
    pub remains: Remains,
}

/// What is left of a refused connection.
#[derive(Debug)]
pub enum Remains {
    /// Nothing.
    Gone,
    /// The socket: the client should be able to read the alert.
    Socket(TcpStream),
    /// A completed handshake without trust: the client is to be told over HTTP, and nothing else.
    Untrusted {
        /// The encrypted stream.
        io: Box<TlsStream<PrefixedIo<TcpStream>>>,
        /// Whether HTTP/2 was agreed on.
        h2: bool,
    },
}

/// Greets and verifies clients: one generation of TLS material and rules.
#[derive(Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    /// The same for clients whose order of cipher suites decides.
    deferential: Arc<ServerConfig>,
    gatekeeper: Arc<ClientVerifier>,
    grounds: Arc<Grounds>,
    own_algorithms: Option<Algorithms>,
    manners: HandshakeSettings,
}

impl Acceptor {
    /// One for this material, these rules, parameters and manners.
    ///
    /// # Errors
    /// When rustls does not take the material.
    pub fn new(
        material: &Material,
        caches: Arc<CertificateCaches>,
        rules: Rules,
        parameters: Parameters,
        manners: HandshakeSettings,
    ) -> Result<Self, ServerError> {
        let now = unix_seconds(SystemTime::now());
        let trust = Arc::clone(&material.trust);
        let gatekeeper = Arc::new(ClientVerifier::new(trust, caches, rules, manners.refuse_with, now));
        let names = material.server_names();
        let config = server::config(material, Arc::clone(&gatekeeper), &parameters)?;
        let mut deferential = config.clone();
        deferential.ignore_client_order = false;
        Ok(Self {
            deferential: Arc::new(deferential),
            config: Arc::new(config),
            gatekeeper,
            grounds: Arc::new(Grounds {
                trust: Arc::clone(&material.trust),
                server_names: names,
                parameters,
                log_client_hello: manners.log_client_hello,
            }),
            own_algorithms: match material.own.as_slice() {
                [only] => only.algorithms(),
                _ => None,
            },
            manners,
        })
    }

    /// Hears of a load balancer whose connection it is, where one must say so.
    pub async fn introduce(&self, accepted: Accepted) -> Result<WithProxyHeader, Box<HandshakeFailure>> {
        let Accepted { mut io, mut connection, listener } = accepted;
        let mut bytes = Vec::with_capacity(GREETING_CAPACITY);
        let Some(proxy_addr) = connection.proxy_addr else {
            return Ok(WithProxyHeader { connection, io, bytes, listener, proxied_client: None });
        };
        let deadline = connection.accepted_at + self.manners.timeout;
        let reading = proxy_header::read(&self.manners.proxy_sources, proxy_addr, &mut io, &mut bytes);
        let cause = match timeout_at(deadline, reading).await {
            Ok(Ok(header)) => {
                let proxied_client = take_addresses(&mut connection, header);
                return Ok(WithProxyHeader { connection, io, bytes, listener, proxied_client });
            }
            Ok(Err(error)) => Cause::ProxyHeader(error),
            Err(_) => {
                let step = if bytes.is_empty() { Step::FirstByte } else { Step::ProxyHeader };
                Cause::Timeout { deadline: self.manners.timeout, step }
            }
        };
        Err(self.refused_early(connection.into(), cause, io, bytes.len()))
    }

    /// Takes a connection through greeting and handshake; `meter` counts what is held of what comes.
    pub async fn accept(
        &self,
        introduced: WithProxyHeader,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let WithProxyHeader { connection, mut io, mut bytes, listener, .. } = introduced;
        let accepted_at = connection.accepted_at;
        let mut attempt = Attempt::from(connection);
        let deadline = accepted_at + self.manners.timeout;
        let patience = self.manners.timeout.min(self.manners.greeting_timeout);
        let reading = detect::read(&mut io, &mut bytes, &meter);
        let greeting = timeout_at(accepted_at + patience, reading).await;
        let cause = match greeting {
            Ok(Detected::Tls(hello)) => {
                attempt.hello = hello;
                if let Some((alert, cause)) =
                    attempt.hello.as_deref().and_then(|hello| self.unwanted(hello))
                {
                    let told = self.refuse_hello(attempt, deadline, io, bytes.len(), alert, cause).await;
                    return Err(Box::new(told));
                }
                return self.handshake(attempt, deadline, io, bytes, listener, meter).await;
            }
            Ok(Detected::TooLarge(length)) => {
                let (alert, cause) = (AlertDescription::DecodeError, Cause::HelloTooLarge(length));
                let told = self.refuse_hello(attempt, deadline, io, bytes.len(), alert, cause).await;
                return Err(Box::new(told));
            }
            Ok(Detected::Ended(end)) => Cause::Ended(end, Some(Progress::of(&bytes))),
            Ok(Detected::Probe(end)) => Cause::NotTls(NotTls::Probe(end)),
            Ok(Detected::PlainHttp(version)) => Cause::NotTls(NotTls::PlainHttp(version)),
            Ok(Detected::ProxyProtocol) => Cause::NotTls(NotTls::ProxyProtocol),
            Ok(Detected::Sslv2(version)) => Cause::NotTls(NotTls::Sslv2(version)),
            Ok(Detected::NotTls(name)) => Cause::NotTls(NotTls::Other(name, detect::describe(&bytes))),
            Err(_) => {
                let step = match bytes.as_slice() {
                    [] => Step::FirstByte,
                    bytes if detect::is_tls(bytes) => Step::ClientHello(Progress::of(bytes)),
                    bytes => Step::Unclear(detect::describe(bytes)),
                };
                Cause::Timeout { deadline: patience, step }
            }
        };
        Err(self.refused_early(attempt, cause, io, bytes.len()))
    }

    /// Refuses what does not come to a handshake, after so many bytes.
    fn refused_early(
        &self,
        attempt: Attempt,
        cause: Cause,
        io: TcpStream,
        bytes: usize,
    ) -> Box<HandshakeFailure> {
        let report = self.report(attempt, cause, HandshakeRecord::of_greeting(bytes as u64));
        Box::new(HandshakeFailure { report, remains: Remains::Socket(io) })
    }

    /// What clawgate refuses before rustls sees it, and with which alert.
    fn unwanted(&self, hello: &ClientHello) -> Option<(AlertDescription, Cause)> {
        if !self.grounds.parameters.shares_version(hello) {
            // Old hellos lack what rustls looks for before it looks at the version, and it would send
            // handshake_failure; RFC 8446 section 4.1.2 demands protocol_version.
            let cause = Cause::Tls(PeerIncompatible::Tls12NotOfferedOrEnabled.into());
            return Some((AlertDescription::ProtocolVersion, cause));
        }
        // RFC 6066 section 3. A client that names nobody means whoever is here.
        if self.manners.strict_sni && hello.sni.as_deref().is_some_and(|sni| !self.serves(sni)) {
            return Some((AlertDescription::UnrecognisedName, Cause::UnknownSni));
        }
        None
    }

    fn serves(&self, sni: &str) -> bool {
        self.server_names().iter().any(|name| name.covers(sni))
    }

    /// Sends an alert in the place of rustls, in the clear.
    async fn refuse_hello(
        &self,
        attempt: Attempt,
        deadline: Instant,
        mut io: TcpStream,
        bytes_in: usize,
        alert: AlertDescription,
        cause: Cause,
    ) -> HandshakeFailure {
        // RFC 8446 sections 5.1 and 6: an alert record of two bytes, fatal.
        let record = [21, 3, 1, 0, 2, 2, alert.into()];
        let mut evidence = HandshakeRecord::of_greeting(bytes_in as u64);
        if let Ok(Ok(())) = timeout_at(deadline, io.write_all(&record)).await {
            evidence.sent(&record);
        }
        HandshakeFailure { report: self.report(attempt, cause, evidence), remains: Remains::Socket(io) }
    }

    /// The report of a connection that is refused unheard: there are as many as are `allowed` of what
    /// `limit` is about.
    pub fn overloaded(&self, connection: &ConnectionInfo, limit: Limit, allowed: usize) -> Report {
        let cause = Cause::Overloaded { limit, allowed };
        self.report(connection.clone().into(), cause, HandshakeRecord::default()).limited(limit)
    }

    /// The same for a verified client, which has too many connections.
    pub fn overloaded_by(&self, attempt: Attempt, peer: &Peer, limit: Limit, allowed: usize) -> Report {
        let cause = Cause::Overloaded { limit, allowed };
        self.report(attempt, cause, HandshakeRecord::default()).limited(limit).of(peer)
    }

    async fn handshake(
        &self,
        mut attempt: Attempt,
        deadline: Instant,
        io: TcpStream,
        greeting: Vec<u8>,
        listener: SocketAddr,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let bytes_in = greeting.len() as u64;
        let defers = attempt.hello.as_deref().is_some_and(ClientHello::prefers_chacha20);
        let config = if defers { &self.deferential } else { &self.config };
        let accept =
            TlsAcceptor::from(Arc::clone(config)).accept(PrefixedIo::new(io, greeting)).into_fallible();
        let mut scope = Box::pin(HandshakeRecord::scope(bytes_in, listener, Some(meter), accept));
        let outcome = timeout_at(deadline, scope.as_mut()).await;
        let mut evidence =
            scope.as_mut().take_value().map(std::cell::RefCell::into_inner).unwrap_or_default();
        attempt.negotiated = evidence.negotiated();
        let (cause, remains) = match outcome {
            Ok(Ok(mut io)) => match Negotiated::read(&mut io, &mut evidence) {
                Ok(Negotiated { peer, chain, tls }) => {
                    let objection = self.objection(&peer);
                    let Attempt { connection, hello, .. } = attempt;
                    let io = Box::new(io);
                    return Ok(Secured { io, peer, chain, objection, tls, connection, hello });
                }
                Err(error) => {
                    let h2 = io.get_ref().1.alpn_protocol() == Some(b"h2");
                    (Cause::Tls(error), Remains::Untrusted { io: Box::new(io), h2 })
                }
            },
            Ok(Err((error, tap))) => (cause_of(error), Remains::Socket(tap.into_inner())),
            // The socket goes with the dropped handshake.
            Err(_) => (
                Cause::Timeout { deadline: self.manners.timeout, step: Step::ClientFlight },
                Remains::Gone,
            ),
        };
        let mut report = self.report(attempt, cause, evidence);
        if matches!(remains, Remains::Untrusted { .. }) {
            report = report.without_alert();
        }
        Err(Box::new(HandshakeFailure { report, remains }))
    }

    /// The last second, since 1970, until which nothing but another generation can change the verdict on
    /// `chain` that was given at `now`.
    pub fn settled_until(&self, chain: &[CertificateDer<'static>], now: i64) -> i64 {
        let leaf = chain.first().and_then(|leaf| self.gatekeeper.leaf(leaf));
        let leaf = leaf.map(|leaf| leaf.peer.certificate.validity.until);
        let above = chain.iter().skip(1).filter_map(not_after);
        let ends = leaf.into_iter().chain(above).chain(self.grounds.trust.turns());
        ends.filter(|end| *end >= now).min().unwrap_or(i64::MAX)
    }

    /// Asks again whether a verified chain is admitted, now and by this acceptor's rules.
    ///
    /// # Errors
    /// Why it is not any more.
    pub fn readmit(
        &self,
        attempt: impl FnOnce() -> Attempt,
        chain: &[CertificateDer<'static>],
    ) -> Result<(), Box<Report>> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Ok(()) };
        let Err(refusal) = self.gatekeeper.judge(leaf, intermediates, UnixTime::now()) else {
            return Ok(());
        };
        let mut evidence = HandshakeRecord::default();
        evidence.presented = Some(Presented::new(chain.to_vec(), Some(refusal.clone())));
        let cause = Cause::Tls(refusal.into());
        Err(Box::new(self.report(attempt(), cause, evidence).without_alert()))
    }

    /// What the rules would refuse `peer` for that they let in, being on trial.
    pub fn objection(&self, peer: &Peer) -> Option<Denial> {
        self.gatekeeper.objection(peer)
    }

    /// The report for a client that ends the connection after the handshake and before a request:
    /// with TLS 1.2 or a slow verifier, its refusal of our certificate comes that late.
    pub fn late_refusal(&self, attempt: Attempt, peer: &Peer, error: &Error) -> Report {
        self.report(attempt, Cause::Tls(error.clone()), HandshakeRecord::default()).of(peer)
    }

    /// What of a verified chain (leaf first, as sent) leads up to a configured CA, the leaf first.
    pub fn path(&self, chain: &[CertificateDer<'static>]) -> Vec<CertificateDer<'static>> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Vec::new() };
        self.gatekeeper.path(leaf, intermediates, UnixTime::now())
    }

    /// URIs that name clawgate in its own certificate, such as a SPIFFE ID.
    pub fn own_uris(&self) -> impl Iterator<Item = &str> {
        self.server_names().iter().filter_map(|name| match name {
            San::Uri(uri) => Some(uri.as_str()),
            _ => None,
        })
    }

    /// The algorithms of clawgate's own certificate; with several, which of them a client was shown is not
    /// known here.
    pub fn own_algorithms(&self) -> Option<&Algorithms> {
        self.own_algorithms.as_ref()
    }

    /// Names that clawgate's certificates are good for.
    pub fn server_names(&self) -> &[San] {
        &self.grounds.server_names
    }

    /// Which name the client asked for, and what that has to do with the names of clawgate's certificates.
    pub fn about_name(&self, hello: Option<&ClientHello>) -> String {
        about_name(hello, self.server_names())
    }

    fn report(&self, attempt: Attempt, cause: Cause, evidence: HandshakeRecord) -> Report {
        Report::new(&self.grounds, attempt, cause, evidence)
    }
}

/// In seconds since 1970.
fn not_after(der: &CertificateDer<'static>) -> Option<i64> {
    let (_, x509) = X509Certificate::from_der(der).ok()?;
    Some(x509.validity().not_after.timestamp())
}

fn cause_of(error: io::Error) -> Cause {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(tls) => Cause::Tls(tls.clone()),
        // Not the socket's: rustls has no room for what came.
        None if error.raw_os_error().is_none() && error.kind() != io::ErrorKind::UnexpectedEof => {
            Cause::Full
        }
        None => Cause::Ended(End::of(&error), None),
    }
}
