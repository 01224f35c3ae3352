//! What a diagnosis is made from: the cause that ended a handshake, and what was seen before.

use std::time::Duration;

use rustls::Error;

use crate::identity::San;
use crate::pki::TrustStore;
use crate::telemetry::Limit;
use crate::tls::client_hello::{ClientHello, Progress};
use crate::tls::detect::End;
use crate::tls::handshake_record::HandshakeRecord;
use crate::tls::parameters::Parameters;
use crate::tls::proxy_header::ProxyHeaderError;

/// All that a diagnosis looks at.
#[derive(Debug)]
pub struct Case<'a> {
    /// What ended the handshake.
    pub cause: &'a Cause,
    /// The ClientHello, if it was read.
    pub hello: Option<&'a ClientHello>,
    /// What was seen of the handshake.
    pub record: &'a HandshakeRecord,
    /// The CAs that may issue client certificates.
    pub trust: &'a TrustStore,
    /// The names in clawgate's own certificates.
    pub server_names: &'a [San],
    /// The TLS versions, cipher suites and groups that clawgate accepts.
    pub parameters: &'a Parameters,
}

/// What ended a handshake.
#[derive(Debug)]
pub enum Cause {
    /// The first bytes were not TLS, or there were none.
    NotTls(NotTls),
    /// The PROXY header of a load balancer is missing, broken or not allowed from its address.
    ProxyHeader(ProxyHeaderError),
    /// rustls refused.
    Tls(Error),
    /// The ClientHello has this many bytes, which is more than clawgate accepts.
    HelloTooLarge(usize),
    /// The connection ended. If it ended within the ClientHello: how much of that had come.
    Ended(End, Option<Progress>),
    /// The client asked for a server name that clawgate's certificates do not have, and `strict_sni` is set.
    UnknownSni,
    /// One of clawgate's own limits is reached.
    Overloaded {
        /// Which limit.
        limit: Limit,
        /// Its value.
        allowed: usize,
    },
    /// The client sent more than rustls buffers before the end of a handshake.
    Full,
    /// The deadline passed.
    Timeout {
        /// Its length.
        deadline: Duration,
        /// How far the handshake had come.
        step: Step,
    },
}

/// First bytes that do not lead to a handshake.
#[derive(Debug)]
pub enum NotTls {
    /// The connection ended without a byte.
    Probe(End),
    /// HTTP without TLS: `HTTP`, or `HTTP/2` if the client began with HTTP/2's preface.
    PlainHttp(&'static str),
    /// A PROXY header, on a listener that expects none.
    ProxyProtocol,
    /// An SSL 2.0 ClientHello that offers at most this version.
    Sslv2(u16),
    /// Another protocol: its name if it is known, and its first bytes, escaped.
    Other(Option<&'static str>, String),
}

/// How far a handshake had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// No byte had come.
    FirstByte,
    /// The PROXY header was not complete.
    ProxyHeader,
    /// The ClientHello was not complete.
    ClientHello(Progress),
    /// The first bytes are not TLS, and too few to name the protocol. Holds them, escaped.
    Unclear(String),
    /// The client's certificate, its proof of possession or its Finished message had not come.
    ClientFlight,
}
