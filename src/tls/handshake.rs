//! From an accepted socket to a verified client, or to a refused connection and its report.
//!
//! The steps of [`Acceptor`]: the PROXY header, if one is expected; detection of the protocol; the TLS handshake by
//! rustls. One deadline is for all of them.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{AlertDescription, PeerIncompatible};
use rustls_pki_types::CertificateDer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::accepted::{Accepted, Attempt, WithProxyHeader, take_addresses};
use super::acceptor::Acceptor;
use super::client_hello::{ClientHello, Progress};
use super::detect::{Detected, End};
use super::diagnosis::{Cause, NotTls, Step};
use super::handshake_record::HandshakeRecord;
use super::negotiated::Negotiated;
use super::prefixed_io::PrefixedIo;
use super::report::Report;
use super::{detect, proxy_header};
use crate::connection::{ClientAuth, ConnectionInfo, TlsInfo};
use crate::identity::Peer;
use crate::limits::eviction::Meter;
use crate::policy::Denial;
use crate::wording::tls_error;

/// Room for a ClientHello with a post-quantum key share, in bytes.
const HELLO_CAPACITY: usize = 2048;

/// A connection after its handshake.
#[derive(Debug)]
pub struct Secured {
    /// The encrypted stream; boxed, because it is large and is moved often.
    pub io: Box<TlsStream<PrefixedIo<TcpStream>>>,
    /// The client of the verified certificate; `None` where the listener asks for no certificate.
    pub client: Option<VerifiedClient>,
    /// What the handshake negotiated.
    pub tls: TlsInfo,
    /// Where the connection comes from.
    pub connection: ConnectionInfo,
    /// The ClientHello, for later reports about this connection.
    pub hello: Option<Box<ClientHello>>,
}

/// A client whose certificate was verified.
#[derive(Debug)]
pub struct VerifiedClient {
    /// The client's identity.
    pub peer: Peer,
    /// The certificates that the client sent, leaf first, without those that cannot be part of its path.
    pub chain: Vec<CertificateDer<'static>>,
    /// Why the rules would refuse the client, if they are in audit mode.
    pub audited_denial: Option<Denial>,
}

impl Secured {
    /// Whether its listener asks for a client certificate.
    pub fn client_auth(&self) -> ClientAuth {
        if self.client.is_some() { ClientAuth::Required } else { ClientAuth::None }
    }
}

/// A connection that was refused.
#[derive(Debug)]
pub struct HandshakeFailure {
    /// What to log.
    pub report: Report,
    /// What is left of the connection. It must be closed in a way that lets the client read the refusal.
    pub remains: Remains,
}

/// What is left of a refused connection.
#[derive(Debug)]
pub enum Remains {
    /// Nothing.
    Gone,
    /// The socket. The client should be able to read the alert.
    Socket(TcpStream),
    /// A completed handshake with an unverified client, which gets an HTTP response with the refusal and nothing else.
    Untrusted {
        /// The encrypted stream.
        io: Box<TlsStream<PrefixedIo<TcpStream>>>,
        /// Whether HTTP/2 was negotiated.
        h2: bool,
    },
}

impl Acceptor {
    /// Reads the PROXY header, if the listener expects one.
    pub async fn read_proxy_header(
        &self,
        accepted: Accepted,
    ) -> Result<WithProxyHeader, Box<HandshakeFailure>> {
        let Accepted { mut io, mut connection, listener, client_auth } = accepted;
        let mut bytes = Vec::with_capacity(HELLO_CAPACITY);
        let Some(proxy_addr) = connection.proxy_addr else {
            let proxied_client = None;
            return Ok(WithProxyHeader { connection, io, bytes, listener, client_auth, proxied_client });
        };
        let deadline = connection.accepted_at + self.settings.timeout;
        let reading = proxy_header::read(&self.settings.proxy_sources, proxy_addr, &mut io, &mut bytes);
        let cause = match timeout_at(deadline, reading).await {
            Ok(Ok(header)) => {
                let proxied_client = take_addresses(&mut connection, header);
                return Ok(WithProxyHeader {
                    connection,
                    io,
                    bytes,
                    listener,
                    client_auth,
                    proxied_client,
                });
            }
            Ok(Err(error)) => Cause::ProxyHeader(error),
            Err(_) => {
                let step = if bytes.is_empty() { Step::FirstByte } else { Step::ProxyHeader };
                Cause::Timeout { deadline: self.settings.timeout, step }
            }
        };
        Err(self.refused_early(connection.into(), cause, io, bytes.len()))
    }

    /// Takes a connection through detection and handshake. `meter` counts the bytes that are buffered for it.
    pub async fn accept(
        &self,
        connection: WithProxyHeader,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let WithProxyHeader { connection, mut io, mut bytes, listener, client_auth, .. } = connection;
        let accepted_at = connection.accepted_at;
        let mut attempt = Attempt::from(connection);
        let deadline = accepted_at + self.settings.timeout;
        let detection_timeout = self.settings.timeout.min(self.settings.greeting_timeout);
        let reading = detect::read(&mut io, &mut bytes, &meter);
        let cause = match timeout_at(accepted_at + detection_timeout, reading).await {
            Ok(Detected::Tls(hello)) => {
                attempt.hello = hello;
                let Some((alert, cause)) = attempt.hello.as_deref().and_then(|hello| self.check(hello))
                else {
                    let first = FirstBytes { io, bytes, listener, client_auth };
                    return self.handshake(attempt, deadline, first, meter).await;
                };
                return Err(self.refuse_hello(attempt, deadline, io, bytes.len(), alert, cause).await);
            }
            Ok(Detected::TooLarge(length)) => {
                let (alert, cause) = (AlertDescription::DecodeError, Cause::HelloTooLarge(length));
                return Err(self.refuse_hello(attempt, deadline, io, bytes.len(), alert, cause).await);
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
                Cause::Timeout { deadline: detection_timeout, step }
            }
        };
        Err(self.refused_early(attempt, cause, io, bytes.len()))
    }

    /// The failure of a connection that has not come to a handshake, after `bytes` bytes.
    fn refused_early(
        &self,
        attempt: Attempt,
        cause: Cause,
        io: TcpStream,
        bytes: usize,
    ) -> Box<HandshakeFailure> {
        let report = self.report(attempt, cause, HandshakeRecord::of_first_bytes(bytes as u64));
        Box::new(HandshakeFailure { report, remains: Remains::Socket(io) })
    }

    /// What clawgate refuses in a ClientHello before rustls gets it: the alert and the cause.
    fn check(&self, hello: &ClientHello) -> Option<(AlertDescription, Cause)> {
        if !self.parameters().shares_version(hello) {
            // Old versions lack extensions that rustls checks before the version. It would send handshake_failure, but
            // RFC 8446 section 4.1.2 requires protocol_version.
            let cause = Cause::Tls(PeerIncompatible::Tls12NotOfferedOrEnabled.into());
            return Some((AlertDescription::ProtocolVersion, cause));
        }
        // RFC 6066 section 3. A client that names no server accepts any.
        let serves = |sni: &str| self.server_names().iter().any(|name| name.covers(sni));
        if self.settings.strict_sni && hello.sni.as_deref().is_some_and(|sni| !serves(sni)) {
            return Some((AlertDescription::UnrecognisedName, Cause::UnknownSni));
        }
        None
    }

    /// Sends an unencrypted alert instead of rustls.
    async fn refuse_hello(
        &self,
        attempt: Attempt,
        deadline: Instant,
        mut io: TcpStream,
        bytes_in: usize,
        alert: AlertDescription,
        cause: Cause,
    ) -> Box<HandshakeFailure> {
        // RFC 8446 sections 5.1 and 6: an alert record of two bytes, fatal.
        let bytes = [21, 3, 1, 0, 2, 2, alert.into()];
        let mut record = HandshakeRecord::of_first_bytes(bytes_in as u64);
        if let Ok(Ok(())) = timeout_at(deadline, io.write_all(&bytes)).await {
            record.sent(&bytes);
        }
        let report = self.report(attempt, cause, record);
        Box::new(HandshakeFailure { report, remains: Remains::Socket(io) })
    }

    async fn handshake(
        &self,
        mut attempt: Attempt,
        deadline: Instant,
        first: FirstBytes,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let FirstBytes { io, bytes, listener, client_auth } = first;
        let bytes_in = bytes.len() as u64;
        let client_decides = attempt.hello.as_deref().is_some_and(ClientHello::prefers_chacha20);
        let config = self.configs(client_auth).select(client_decides);
        let io = PrefixedIo::new(io, bytes);
        let accept = TlsAcceptor::from(Arc::clone(config)).accept(io).into_fallible();
        let mut scope = Box::pin(HandshakeRecord::scope(bytes_in, listener, Some(meter), accept));
        let outcome = timeout_at(deadline, scope.as_mut()).await;
        let mut record = scope.as_mut().take_value().map(RefCell::into_inner).unwrap_or_default();
        attempt.negotiated = record.negotiated();
        let (cause, remains) = match outcome {
            Ok(Ok(mut io)) => match Negotiated::read(&mut io, &mut record, client_auth) {
                Ok(Negotiated { client, tls }) => {
                    let client = client.map(|(peer, chain)| {
                        let audited_denial = self.audited_denial(&peer);
                        VerifiedClient { peer, chain, audited_denial }
                    });
                    let Attempt { connection, hello, .. } = attempt;
                    return Ok(Secured { io: Box::new(io), client, tls, connection, hello });
                }
                Err(error) => {
                    let h2 = io.get_ref().1.alpn_protocol() == Some(b"h2");
                    (Cause::Tls(error), Remains::Untrusted { io: Box::new(io), h2 })
                }
            },
            Ok(Err((error, io))) => (cause_of(error), Remains::Socket(io.into_inner())),
            // The handshake is dropped, and the socket with it.
            Err(_) => (
                Cause::Timeout { deadline: self.settings.timeout, step: Step::ClientFlight },
                Remains::Gone,
            ),
        };
        let mut report = self.report(attempt, cause, record);
        if matches!(remains, Remains::Untrusted { .. }) {
            report = report.without_alert();
        }
        Err(Box::new(HandshakeFailure { report, remains }))
    }
}

/// A connection that has begun a handshake: the socket, what was read from it, and where it came in.
struct FirstBytes {
    io: TcpStream,
    bytes: Vec<u8>,
    listener: SocketAddr,
    client_auth: ClientAuth,
}

/// The cause in an error of tokio-rustls, which puts rustls's own errors into errors of I/O.
fn cause_of(error: io::Error) -> Cause {
    match tls_error(&error) {
        Some(tls) => Cause::Tls(tls.clone()),
        // Not an error of the socket: rustls's buffer is full.
        None if error.raw_os_error().is_none() && error.kind() != io::ErrorKind::UnexpectedEof => {
            Cause::Full
        }
        None => Cause::Ended(End::of(&error), None),
    }
}
