//! The `handshake_failed` event: everything that is known of a refused connection.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use serde::{Serialize, Serializer};

use super::client_hello::ClientHello;
use super::diagnosis::{Diagnosis, gate_time, span};
use super::evidence::Evidence;
use super::opening::Opening;
use super::revocation::Crl;
use crate::identity::{Certificate, Peer, sha256};
use crate::observe::repeats::Kind;
use crate::observe::{HandshakeReason, Limit};

/// Certificates of a chain that a line has beside the leaf.
const MAX_LINKS: usize = 8;

/// A refused connection: as it is logged, once it is serialized.
///
/// Most refusals of an attack are counted and not logged, so the certificates are not put into words before that.
#[derive(Debug)]
pub struct Report {
    facts: Facts,
    source: IpAddr,
    /// As presented, leaf first.
    chain: Vec<CertificateDer<'static>>,
    /// The leaf, where it was read before.
    known: Option<Certificate>,
    nearest_ca: Option<String>,
}

/// All that stands in a line before the certificates.
#[derive(Debug, Serialize)]
struct Facts {
    id: String,
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    reason: HandshakeReason,
    detail: String,
    hint: String,
    elapsed_ms: u64,
    /// Of the gate's own, that was reached.
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
    tls_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cipher: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_sent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_received: Option<String>,
}

/// A line of the log.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    facts: &'a Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert: Option<Certificate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<ChainLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_ca: Option<&'a str>,
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
struct ChainLink {
    subject: String,
    issuer: String,
    not_after: String,
    fingerprint_sha256: String,
}

/// The `crl_expired` event: a revocation list past its time that is used all the same.
#[derive(Debug, Serialize)]
pub(super) struct StaleCrl<'a> {
    issuer: &'a str,
    file: String,
    due: String,
    detail: String,
    hint: &'static str,
}

impl<'a> StaleCrl<'a> {
    pub(super) fn of(crl: &'a Crl, now: i64) -> Self {
        let due = gate_time(crl.next_update);
        let late = span(now.saturating_sub(crl.next_update));
        Self {
            issuer: &crl.issuer,
            file: crl.file.display().to_string(),
            detail: format!(
                "the CRL of {} is out of date, and is used all the same (clients.crl_expired = \"warn\"): the next \
                 one was due {late} ago, at {due}",
                crl.issuer,
            ),
            due,
            hint: "fetch the CA's current CRL: whom it has revoked since then is let in",
        }
    }
}

impl Report {
    pub(super) fn new(
        opening: &Opening,
        diagnosis: Diagnosis,
        evidence: &Evidence,
        log_client_hello: bool,
    ) -> Self {
        let hello = opening.hello.as_deref();
        let chain =
            evidence.presented.as_ref().map(|presented| presented.chain.as_slice()).unwrap_or_default();
        let facts = Facts {
            id: opening.id.clone(),
            peer: opening.peer.to_string(),
            proxy: opening.proxy.map(|address| address.to_string()),
            reason: diagnosis.reason,
            detail: diagnosis.detail,
            hint: diagnosis.hint,
            limit: None,
            elapsed_ms: u64::try_from(opening.at.elapsed().as_millis()).unwrap_or(u64::MAX),
            sni: hello.and_then(|hello| hello.sni.clone()),
            alpn: hello.map(|hello| hello.alpn.clone()),
            tls_versions_offered: hello.map(|hello| hello.versions.clone()),
            client_hello: hello.filter(|_| log_client_hello).map(Offered::of),
            tls_version: opening.agreed.as_ref().map(|(version, _)| version.clone()),
            cipher: opening.agreed.as_ref().map(|(_, cipher)| cipher.clone()),
            alert_sent: diagnosis.alert_sent,
            alert_received: diagnosis.alert_received,
        };
        Self {
            facts,
            source: opening.peer.ip(),
            chain: chain.iter().take(1 + MAX_LINKS).cloned().collect(),
            known: None,
            nearest_ca: diagnosis.nearest_ca,
        }
    }

    /// Names the sender, where its certificate was verified before.
    pub(super) fn of(mut self, peer: &Peer) -> Self {
        self.known = Some(peer.certificate.clone());
        self
    }

    /// Names the limit that was reached.
    pub(super) fn limited(mut self, limit: Limit) -> Self {
        self.facts.limit = Some(limit);
        self
    }

    /// The sender is told over HTTP instead.
    pub(super) fn without_alert(&mut self) {
        self.facts.alert_sent = None;
    }

    /// The connection's identifier, by which a sender's question leads to this report.
    pub fn id(&self) -> &str {
        &self.facts.id
    }

    /// Why.
    pub fn reason(&self) -> HandshakeReason {
        self.facts.reason
    }

    /// What makes another refusal a repetition of this one.
    pub fn kind(&self) -> Kind {
        let known = self.known.as_ref().map(|certificate| certificate.fingerprint_sha256.clone());
        Kind {
            reason: self.facts.reason,
            // Where the gate is at its limits, each line costs what there is too little of.
            source: self.facts.limit.is_none().then_some(self.source),
            limit: self.facts.limit,
            fingerprint: known.or_else(|| self.chain.first().map(|der| sha256(der))),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = Line {
            facts: &self.facts,
            client_cert: self.known.clone().or_else(|| self.chain.first().and_then(Certificate::read)),
            chain: self.chain.iter().skip(1).filter_map(ChainLink::read).collect(),
            nearest_ca: self.nearest_ca.as_deref(),
        };
        line.serialize(serializer)
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

impl ChainLink {
    fn read(der: &CertificateDer<'static>) -> Option<Self> {
        let Certificate { subject, issuer, not_after, fingerprint_sha256, .. } = Certificate::read(der)?;
        Some(Self { subject, issuer, not_after, fingerprint_sha256 })
    }
}
