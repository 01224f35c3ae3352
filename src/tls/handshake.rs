//! From an accepted socket to a verified sender, or to the one line that says why not.

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

use super::agreed::Agreed;
use super::client_hello::{ClientHello, Progress};
use super::diagnosis::{Cause, NotTls, Step, about_name};
use super::evidence::{Evidence, Presented};
use super::greeting::{self, End, Greeting};
use super::introduction::introduction;
use super::leaves::Leaf;
use super::manners::Manners;
use super::material::{Algorithms, Material, unix_seconds};
use super::opening::{Accepted, Introduced, Opening};
use super::parameters::Parameters;
use super::report::{Grounds, Report};
use super::server::{self, ServerError};
use super::tap::Tap;
use super::verifier::Gatekeeper;
use crate::eviction::Meter;
use crate::identity::{Peer, San};
use crate::observe::Limit;
use crate::policy::{Denial, Rules};

/// Room for a ClientHello with a post-quantum key share.
const GREETING_CAPACITY: usize = 2048;

/// A sender whose certificate was verified.
#[derive(Debug)]
pub struct Secured {
    /// The encrypted stream; boxed, since it is large and moves from hand to hand.
    pub io: Box<TlsStream<Tap<TcpStream>>>,
    /// Who it is.
    pub peer: Peer,
    /// The certificates it was verified by, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// What it would be refused for, were the rules not on trial.
    pub objection: Option<Denial>,
    /// Server name asked for, lower case.
    pub sni: Option<String>,
    /// Whether HTTP/2 was agreed on.
    pub h2: bool,
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: &'static str,
    /// The group that keys were agreed on in, by rustls's name.
    pub group: Option<&'static str>,
    /// Whether it came back with a ticket.
    pub resumed: bool,
    /// What a late refusal by the sender would be reported with.
    pub opening: Opening,
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
    /// The socket: the sender should be able to read the alert.
    Socket(TcpStream),
    /// A completed handshake without trust: the sender is to be told over HTTP, and nothing else.
    Untrusted {
        /// The encrypted stream.
        io: Box<TlsStream<Tap<TcpStream>>>,
        /// Whether HTTP/2 was agreed on.
        h2: bool,
    },
}

/// Greets and verifies senders: one generation of TLS material and rules.
#[derive(Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    /// The same for senders whose order of cipher suites decides.
    deferential: Arc<ServerConfig>,
    gatekeeper: Arc<Gatekeeper>,
    grounds: Arc<Grounds>,
    own_algorithms: Option<Algorithms>,
    manners: Manners,
}

impl Acceptor {
    /// One for this material, these rules, parameters and manners.
    ///
    /// # Errors
    /// When rustls does not take the material.
    pub fn new(
        material: &Material,
        rules: Rules,
        parameters: Parameters,
        manners: Manners,
    ) -> Result<Self, ServerError> {
        let now = unix_seconds(SystemTime::now());
        let trust = Arc::clone(&material.trust);
        let gatekeeper = Arc::new(Gatekeeper::new(trust, rules, manners.refuse_with, now));
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
    pub async fn introduce(&self, accepted: Accepted) -> Result<Introduced, Box<HandshakeFailure>> {
        let (listener, introduced) = (accepted.listener, accepted.introduced);
        let (mut opening, mut io) = Opening::of(accepted);
        let mut bytes = Vec::with_capacity(GREETING_CAPACITY);
        if !introduced {
            return Ok(Introduced { opening, io, bytes, listener, sender: None });
        }
        let deadline = opening.at + self.manners.timeout;
        let reading = introduction(&self.manners, opening.peer, &mut io, &mut bytes);
        let cause = match timeout_at(deadline, reading).await {
            Ok(Ok(header)) => {
                let sender = opening.introduce(header);
                return Ok(Introduced { opening, io, bytes, listener, sender });
            }
            Ok(Err(cause)) => cause,
            Err(_) => {
                let step = if bytes.is_empty() { Step::FirstByte } else { Step::ProxyHeader };
                Cause::Timeout { deadline: self.manners.timeout, step }
            }
        };
        Err(self.refused_early(opening, cause, io, bytes.len()))
    }

    /// Takes a connection through greeting and handshake; `meter` counts what is held of what comes.
    pub async fn accept(
        &self,
        introduced: Introduced,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let Introduced { mut opening, mut io, mut bytes, listener, .. } = introduced;
        let deadline = opening.at + self.manners.timeout;
        let patience = self.manners.timeout.min(self.manners.greeting_timeout);
        let reading = greeting::read(&mut io, &mut bytes, &meter);
        let greeting = timeout_at(opening.at + patience, reading).await;
        let cause = match greeting {
            Ok(Greeting::Tls(hello)) => {
                opening.hello = hello;
                if let Some((alert, cause)) =
                    opening.hello.as_deref().and_then(|hello| self.unwanted(hello))
                {
                    let told = self.refuse_hello(opening, deadline, io, bytes.len(), alert, cause).await;
                    return Err(Box::new(told));
                }
                return self.handshake(opening, deadline, io, bytes, listener, meter).await;
            }
            Ok(Greeting::TooLarge(length)) => {
                let (alert, cause) = (AlertDescription::DecodeError, Cause::HelloTooLarge(length));
                let told = self.refuse_hello(opening, deadline, io, bytes.len(), alert, cause).await;
                return Err(Box::new(told));
            }
            Ok(Greeting::Ended(end)) => Cause::Ended(end, Some(Progress::of(&bytes))),
            Ok(Greeting::Probe(end)) => Cause::NotTls(NotTls::Probe(end)),
            Ok(Greeting::PlainHttp(version)) => Cause::NotTls(NotTls::PlainHttp(version)),
            Ok(Greeting::ProxyProtocol) => Cause::NotTls(NotTls::ProxyProtocol),
            Ok(Greeting::Sslv2(version)) => Cause::NotTls(NotTls::Sslv2(version)),
            Ok(Greeting::NotTls(name)) => Cause::NotTls(NotTls::Other(name, greeting::describe(&bytes))),
            Err(_) => {
                let step = match bytes.as_slice() {
                    [] => Step::FirstByte,
                    bytes if greeting::is_tls(bytes) => Step::ClientHello(Progress::of(bytes)),
                    bytes => Step::Unclear(greeting::describe(bytes)),
                };
                Cause::Timeout { deadline: patience, step }
            }
        };
        Err(self.refused_early(opening, cause, io, bytes.len()))
    }

    /// Refuses what does not come to a handshake, after so many bytes.
    fn refused_early(
        &self,
        opening: Opening,
        cause: Cause,
        io: TcpStream,
        bytes: usize,
    ) -> Box<HandshakeFailure> {
        let report = self.report(opening, cause, Evidence::of_greeting(bytes as u64));
        Box::new(HandshakeFailure { report, remains: Remains::Socket(io) })
    }

    /// What the gate refuses before rustls sees it, and with which alert.
    fn unwanted(&self, hello: &ClientHello) -> Option<(AlertDescription, Cause)> {
        if !self.grounds.parameters.shares_version(hello) {
            // Old hellos lack what rustls looks for before it looks at the version, and it would send
            // handshake_failure; RFC 8446 section 4.1.2 demands protocol_version.
            let cause = Cause::Tls(PeerIncompatible::Tls12NotOfferedOrEnabled.into());
            return Some((AlertDescription::ProtocolVersion, cause));
        }
        // RFC 6066 section 3. A sender that names nobody means whoever is here.
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
        opening: Opening,
        deadline: Instant,
        mut io: TcpStream,
        bytes_in: usize,
        alert: AlertDescription,
        cause: Cause,
    ) -> HandshakeFailure {
        // RFC 8446 sections 5.1 and 6: an alert record of two bytes, fatal.
        let record = [21, 3, 1, 0, 2, 2, alert.into()];
        let mut evidence = Evidence::of_greeting(bytes_in as u64);
        if let Ok(Ok(())) = timeout_at(deadline, io.write_all(&record)).await {
            evidence.sent(&record);
        }
        HandshakeFailure { report: self.report(opening, cause, evidence), remains: Remains::Socket(io) }
    }

    /// The report of a connection that is refused unheard: there are as many as are `allowed` of what
    /// `limit` is about.
    pub fn overloaded(&self, opening: &Opening, limit: Limit, allowed: usize) -> Report {
        let cause = Cause::Overloaded { limit, allowed };
        self.report(opening.clone(), cause, Evidence::default()).limited(limit)
    }

    /// The same for one that was verified as `peer`, of which there are too many connections.
    pub fn overloaded_by(&self, opening: &Opening, peer: &Peer, limit: Limit, allowed: usize) -> Report {
        self.overloaded(opening, limit, allowed).of(peer)
    }

    async fn handshake(
        &self,
        mut opening: Opening,
        deadline: Instant,
        io: TcpStream,
        greeting: Vec<u8>,
        listener: SocketAddr,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let bytes_in = greeting.len() as u64;
        let defers = opening.hello.as_deref().is_some_and(ClientHello::prefers_chacha20);
        let config = if defers { &self.deferential } else { &self.config };
        let accept =
            TlsAcceptor::from(Arc::clone(config)).accept(Tap::new(io, greeting)).into_fallible();
        let mut scope = Box::pin(Evidence::scope(bytes_in, listener, Some(meter), accept));
        let outcome = timeout_at(deadline, scope.as_mut()).await;
        let mut evidence =
            scope.as_mut().take_value().map(std::cell::RefCell::into_inner).unwrap_or_default();
        opening.agreed = evidence.negotiated();
        let (cause, remains) = match outcome {
            Ok(Ok(mut io)) => match Agreed::read(&mut io, &mut evidence) {
                Ok(Agreed { peer, chain, sni, protocol, tls_version, group, resumed }) => {
                    let objection = self.objection(&peer);
                    opening.protocol = protocol;
                    let h2 = protocol == Some("h2");
                    return Ok(Secured {
                        io: Box::new(io),
                        peer,
                        chain,
                        objection,
                        sni,
                        h2,
                        tls_version,
                        group,
                        resumed,
                        opening,
                    });
                }
                Err(error) => {
                    let h2 = io.get_ref().1.alpn_protocol() == Some(b"h2");
                    (Cause::Tls(error), Remains::Untrusted { io: Box::new(io), h2 })
                }
            },
            Ok(Err((error, tap))) => (cause_of(error), Remains::Socket(tap.into_inner())),
            // The socket goes with the dropped handshake.
            Err(_) => (
                Cause::Timeout { deadline: self.manners.timeout, step: Step::SenderFlight },
                Remains::Gone,
            ),
        };
        let mut report = self.report(opening, cause, evidence);
        if matches!(remains, Remains::Untrusted { .. }) {
            report = report.without_alert();
        }
        Err(Box::new(HandshakeFailure { report, remains }))
    }

    /// The last second, since 1970, until which nothing but another generation can change the verdict on
    /// `chain` that was given at `now`.
    pub fn settled_until(&self, chain: &[CertificateDer<'static>], now: i64) -> i64 {
        let leaf = chain.first().and_then(Leaf::read_once);
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
        opening: &Opening,
        chain: &[CertificateDer<'static>],
    ) -> Result<(), Box<Report>> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Ok(()) };
        let Err(refusal) = self.gatekeeper.judge(leaf, intermediates, UnixTime::now()) else {
            return Ok(());
        };
        let mut evidence = Evidence::default();
        evidence.presented = Some(Presented::new(chain.to_vec(), Some(refusal.clone())));
        let cause = Cause::Tls(refusal.into());
        Err(Box::new(self.report(opening.clone(), cause, evidence).without_alert()))
    }

    /// What the rules would refuse `peer` for that they let in, being on trial.
    pub fn objection(&self, peer: &Peer) -> Option<Denial> {
        self.gatekeeper.objection(peer)
    }

    /// The report for a sender that ends the connection after the handshake and before a request:
    /// with TLS 1.2 or a slow verifier, its refusal of our certificate comes that late.
    pub fn late_refusal(&self, opening: &Opening, peer: &Peer, error: &Error) -> Report {
        self.report(opening.clone(), Cause::Tls(error.clone()), Evidence::default()).of(peer)
    }

    /// What of a verified chain (leaf first, as sent) leads up to a configured CA, the leaf first.
    pub fn path(&self, chain: &[CertificateDer<'static>]) -> Vec<CertificateDer<'static>> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Vec::new() };
        self.gatekeeper.path(leaf, intermediates, UnixTime::now())
    }

    /// URIs that name the gate in its own certificate, such as a SPIFFE ID.
    pub fn own_uris(&self) -> impl Iterator<Item = &str> {
        self.server_names().iter().filter_map(|name| match name {
            San::Uri(uri) => Some(uri.as_str()),
            _ => None,
        })
    }

    /// The algorithms of the gate's own certificate; with several, which of them a sender was shown is not
    /// known here.
    pub fn own_algorithms(&self) -> Option<&Algorithms> {
        self.own_algorithms.as_ref()
    }

    /// Names that clawgate's certificates are good for.
    pub fn server_names(&self) -> &[San] {
        &self.grounds.server_names
    }

    /// Which name the client asked for, and what that has to do with the names of clawgate's certificates.
    pub fn about_name(&self, opening: &Opening) -> String {
        about_name(opening.hello.as_deref(), self.server_names())
    }

    fn report(&self, opening: Opening, cause: Cause, evidence: Evidence) -> Report {
        Report::new(&self.grounds, opening, cause, evidence)
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
