//! The `handshake_failed` event: everything that is known of a refused connection.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use serde::Serialize;

use super::accepted::Attempt;
use super::client_hello::ClientHello;
use super::diagnosis::{Case, Cause, Diagnosis, diagnose};
use super::fault::Fault;
use super::handshake_record::HandshakeRecord;
use super::parameters::Parameters;
use crate::connection::{cipher_name, version_name};
use crate::identity::{Certificate, Peer, San, sha256};
use crate::pki::TrustStore;
use crate::pki::path::bounds::TooLarge;
use crate::telemetry::log_dedup::{RefusalKey, network};
use crate::telemetry::{HandshakeReason, Limit};

/// Certificates of a chain that a line has in addition to the leaf.
const MAX_LINKS: usize = 8;

/// What a diagnosis needs in addition to what was seen of the connection. It is the same for all connections of an
/// acceptor.
#[derive(Debug)]
pub(crate) struct ReportContext {
    /// The CAs that may issue client certificates.
    pub(crate) trust: Arc<TrustStore>,
    /// The names in clawgate's certificates.
    pub(crate) server_names: Vec<San>,
    /// The TLS versions, cipher suites and groups that clawgate accepts.
    pub(crate) parameters: Parameters,
    /// Whether all fields of a ClientHello are logged.
    pub(crate) log_client_hello: bool,
}

/// Everything that was seen of a refused connection.
///
/// Most refusals of an attack are counted and not logged. So the certificates are parsed only for a log line
/// ([`Report::explained`]). The reason is the same in the line, the metrics and the alert.
#[derive(Debug)]
pub struct Report {
    context: Arc<ReportContext>,
    attempt: Attempt,
    cause: Cause,
    record: HandshakeRecord,
    limit: Option<Limit>,
    elapsed_ms: u64,
    /// The leaf, if it was verified before.
    known: Option<Certificate>,
    /// Whether the client gets no alert.
    without_alert: bool,
}

/// A complete log line.
#[derive(Debug, Serialize)]
pub struct Explained {
    id: String,
    peer: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<SocketAddr>,
    reason: HandshakeReason,
    detail: String,
    hint: String,
    elapsed_ms: u64,
    /// The limit of clawgate that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_versions_offered: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_hello: Option<Offered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_version: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cipher: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_sent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_received: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert: Option<Presented>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_ca: Option<String>,
}

/// The client's own certificate.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Presented {
    Read(Box<Certificate>),
    /// It is too large, or no certificate.
    Unread {
        fingerprint_sha256: String,
    },
}

/// The rest of a ClientHello, logged on request.
#[derive(Debug, Serialize)]
struct Offered {
    ja4: String,
    suites: Vec<String>,
    groups: Vec<String>,
    schemes: Vec<String>,
}

/// One of the certificates sent after the leaf.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Link {
    Read {
        subject: String,
        issuer: String,
        not_after: String,
        fingerprint_sha256: String,
    },
    /// It is too large, or no certificate.
    Unread {
        fingerprint_sha256: String,
    },
}

impl Report {
    /// The report of a connection that ended by `cause`.
    pub(crate) fn new(
        context: &Arc<ReportContext>,
        attempt: Attempt,
        cause: Cause,
        record: HandshakeRecord,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            elapsed_ms: u64::try_from(attempt.connection.accepted_at.elapsed().as_millis())
                .unwrap_or(u64::MAX),
            attempt,
            cause,
            record,
            limit: None,
            known: None,
            without_alert: false,
        }
    }

    /// The same with the identity of a client that was verified before.
    pub(crate) fn of(mut self, peer: &Peer) -> Self {
        self.known = Some(peer.certificate.clone());
        self
    }

    /// The same with the limit that was reached.
    pub(crate) fn limited(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The same for a client that gets an HTTP response instead of an alert.
    pub(super) fn without_alert(mut self) -> Self {
        self.without_alert = true;
        self
    }

    /// The connection's identifier, which the client gets as well.
    pub fn id(&self) -> &str {
        &self.attempt.connection.id
    }

    /// Refusals with the same value are repetitions of each other.
    pub fn dedup_key(&self) -> RefusalKey {
        let known = self.known.as_ref().map(|certificate| certificate.fingerprint_sha256.clone());
        RefusalKey {
            reason: self.diagnosis().fault.reason,
            // At a limit, all addresses together get one line: clawgate has no resources to spare.
            source: self.limit.is_none().then_some(network(self.attempt.connection.client_addr.ip())),
            limit: self.limit,
            fingerprint: known.or_else(|| self.chain().first().map(|der| sha256(der))),
        }
    }

    /// All of it in words.
    pub fn explained(&self) -> Explained {
        let Diagnosis { fault, alert_sent, alert_received } = self.diagnosis();
        let Fault { reason, detail, hint, nearest_ca, .. } = fault;
        let Attempt { connection, hello, negotiated } = &self.attempt;
        let hello = hello.as_deref();
        let known = || Some(Presented::Read(Box::new(self.known.clone()?)));
        Explained {
            id: connection.id.clone(),
            peer: connection.client_addr,
            proxy: connection.proxy_addr,
            reason,
            detail,
            hint,
            limit: self.limit,
            elapsed_ms: self.elapsed_ms,
            sni: hello.and_then(|hello| hello.sni.clone()),
            alpn: hello.map(|hello| hello.alpn.clone()),
            tls_versions_offered: hello.map(|hello| hello.versions.clone()),
            client_hello: hello.filter(|_| self.context.log_client_hello).map(Offered::of),
            tls_version: negotiated.map(|(version, _)| version_name(version)),
            cipher: negotiated.map(|(_, cipher)| cipher_name(cipher)),
            alert_sent: alert_sent.filter(|_| !self.without_alert),
            alert_received,
            client_cert: known().or_else(|| self.chain().first().map(Presented::read)),
            chain: self.chain().iter().skip(1).take(MAX_LINKS).map(Link::read).collect(),
            nearest_ca,
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        diagnose(&Case {
            cause: &self.cause,
            hello: self.attempt.hello.as_deref(),
            record: &self.record,
            trust: &self.context.trust,
            server_names: &self.context.server_names,
            parameters: &self.context.parameters,
        })
    }

    /// The client's certificates as sent, leaf first.
    fn chain(&self) -> &[CertificateDer<'static>] {
        self.record.presented.as_ref().map(|presented| presented.chain.as_slice()).unwrap_or_default()
    }
}

impl Explained {
    /// Why.
    pub fn reason(&self) -> HandshakeReason {
        self.reason
    }
}

impl Presented {
    fn read(leaf: &CertificateDer<'_>) -> Self {
        match readable(leaf) {
            Some(certificate) => Self::Read(Box::new(certificate)),
            None => Self::Unread { fingerprint_sha256: sha256(leaf) },
        }
    }
}

impl Offered {
    fn of(hello: &ClientHello) -> Self {
        Self {
            ja4: hello.ja4(),
            suites: hello.suite_names(),
            groups: hello.group_names(),
            schemes: hello.scheme_names(),
        }
    }
}

impl Link {
    fn read(der: &CertificateDer<'static>) -> Self {
        match readable(der) {
            Some(Certificate { subject, issuer, not_after, fingerprint_sha256, .. }) => {
                Self::Read { subject, issuer, not_after, fingerprint_sha256 }
            }
            None => Self::Unread { fingerprint_sha256: sha256(der) },
        }
    }
}

/// `None` when it is too large, or no certificate.
fn readable(der: &CertificateDer<'_>) -> Option<Certificate> {
    TooLarge::of_size(der).is_none().then(|| Certificate::read(der))?
}
