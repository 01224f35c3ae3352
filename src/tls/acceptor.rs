//! What a generation accepts connections with: TLS material, rules and settings. Also answers later questions about
//! verified clients, and makes reports.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::{Error, ServerConfig};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::accepted::Attempt;
use super::client_hello::ClientHello;
use super::client_verifier::ClientVerifier;
use super::diagnosis::{Cause, about_name};
use super::handshake_record::{HandshakeRecord, Presented};
use super::handshake_settings::HandshakeSettings;
use super::parameters::Parameters;
use super::report::{Report, ReportContext};
use super::server::{self, ServerError};
use crate::connection::{ClientAuth, ConnectionInfo};
use crate::identity::time::unix_seconds;
use crate::identity::{Peer, San};
use crate::pki::CertificateCaches;
use crate::pki::material::{Algorithms, Material};
use crate::policy::{Denial, Rules};
use crate::telemetry::Limit;

/// Takes connections through detection and handshake ([`read_proxy_header`](Self::read_proxy_header),
/// [`accept`](Self::accept)). There is one for each generation of TLS material and rules.
#[derive(Debug)]
pub struct Acceptor {
    /// For listeners that require a client certificate.
    with_client_auth: Configs,
    /// For listeners that ask for none.
    without_client_auth: Configs,
    pub(super) settings: HandshakeSettings,
    verifier: Arc<ClientVerifier>,
    context: Arc<ReportContext>,
    own_algorithms: Option<Algorithms>,
}

/// The configurations of rustls for one kind of listener.
#[derive(Debug)]
pub(super) struct Configs {
    /// For clients for which clawgate's order of cipher suites decides.
    own_order: Arc<ServerConfig>,
    /// For clients whose own order of cipher suites decides.
    client_order: Arc<ServerConfig>,
}

impl Configs {
    fn new(config: ServerConfig) -> Self {
        let mut client_order = config.clone();
        client_order.ignore_client_order = false;
        Self { own_order: Arc::new(config), client_order: Arc::new(client_order) }
    }

    /// The one for a client whose order of cipher suites decides, or does not.
    pub(super) fn select(&self, client_decides: bool) -> &Arc<ServerConfig> {
        if client_decides { &self.client_order } else { &self.own_order }
    }
}

impl Acceptor {
    /// An acceptor for this material, these rules, parameters and settings. `caches` may be those of another acceptor.
    ///
    /// # Errors
    /// When rustls refuses the material.
    pub fn new(
        material: &Material,
        caches: Arc<CertificateCaches>,
        rules: Rules,
        parameters: Parameters,
        settings: HandshakeSettings,
    ) -> Result<Self, ServerError> {
        let now = unix_seconds(SystemTime::now());
        let trust = Arc::clone(&material.trust);
        let verifier = Arc::new(ClientVerifier::new(trust, caches, rules, settings.refuse_with, now));
        let with_client_auth = server::config(material, Arc::clone(&verifier), &parameters)?;
        let without_client_auth = server::config_without_client_auth(material, &parameters)?;
        Ok(Self {
            with_client_auth: Configs::new(with_client_auth),
            without_client_auth: Configs::new(without_client_auth),
            verifier,
            context: Arc::new(ReportContext {
                trust: Arc::clone(&material.trust),
                server_names: material.server_names(),
                parameters,
                log_client_hello: settings.log_client_hello,
            }),
            own_algorithms: match material.own.as_slice() {
                [only] => only.algorithms(),
                _ => None,
            },
            settings,
        })
    }

    pub(super) fn configs(&self, client_auth: ClientAuth) -> &Configs {
        match client_auth {
            ClientAuth::Required => &self.with_client_auth,
            ClientAuth::None => &self.without_client_auth,
        }
    }

    /// The time until which the verification of `chain` at `now` stays valid, unless there is a new generation: the
    /// first end of a certificate or CRL. Both in seconds since 1970.
    pub fn verified_until(&self, chain: &[CertificateDer<'static>], now: i64) -> i64 {
        let leaf = chain.first().and_then(|leaf| self.verifier.leaf(leaf));
        let leaf = leaf.map(|leaf| leaf.peer.certificate.validity.until);
        let above = chain.iter().skip(1).filter_map(not_after);
        let ends = leaf.into_iter().chain(above).chain(self.context.trust.ends());
        ends.filter(|end| *end >= now).min().unwrap_or(i64::MAX)
    }

    /// Verifies the chain of an open connection again, now and by this acceptor's trust and rules.
    ///
    /// # Errors
    /// Why the client is not admitted any more.
    pub fn verify_again(
        &self,
        attempt: impl FnOnce() -> Attempt,
        chain: &[CertificateDer<'static>],
    ) -> Result<(), Box<Report>> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Ok(()) };
        let Err(refusal) = self.verifier.verify(leaf, intermediates, UnixTime::now()) else {
            return Ok(());
        };
        let mut record = HandshakeRecord::default();
        record.presented = Some(Presented::new(chain.to_vec(), Some(refusal.clone())));
        let cause = Cause::Tls(refusal.into());
        Err(Box::new(self.report(attempt(), cause, record).without_alert()))
    }

    /// Why the rules would refuse `peer`, if they are in audit mode.
    pub fn audited_denial(&self, peer: &Peer) -> Option<Denial> {
        self.verifier.audited_denial(peer)
    }

    /// The certificates of a verified chain (leaf first, as sent) from the leaf up to a configured CA.
    pub fn path(&self, chain: &[CertificateDer<'static>]) -> Vec<CertificateDer<'static>> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Vec::new() };
        self.verifier.path(leaf, intermediates, UnixTime::now())
    }

    /// The URIs in clawgate's own certificates, such as a SPIFFE ID.
    pub fn own_uris(&self) -> impl Iterator<Item = &str> {
        self.server_names().iter().filter_map(|name| match name {
            San::Uri(uri) => Some(uri.as_str()),
            _ => None,
        })
    }

    /// The algorithms of clawgate's own certificate. `None` if there are several certificates: it is not known which
    /// one a client got.
    pub fn own_algorithms(&self) -> Option<&Algorithms> {
        self.own_algorithms.as_ref()
    }

    /// The names in clawgate's own certificates.
    pub fn server_names(&self) -> &[San] {
        &self.context.server_names
    }

    pub(super) fn parameters(&self) -> &Parameters {
        &self.context.parameters
    }

    /// A sentence that compares the server name in `hello` with the names in clawgate's certificates.
    pub fn about_name(&self, hello: Option<&ClientHello>) -> String {
        about_name(hello, self.server_names())
    }

    /// The report of a connection that is closed before anything was read from it: `limit`, whose value is `allowed`,
    /// is reached.
    pub fn overloaded(&self, connection: &ConnectionInfo, limit: Limit, allowed: usize) -> Report {
        let cause = Cause::Overloaded { limit, allowed };
        self.report(connection.clone().into(), cause, HandshakeRecord::default()).limited(limit)
    }

    /// The same for a client after its handshake that has too many connections. `peer` is its identity, if it has one.
    pub fn overloaded_by(
        &self,
        attempt: Attempt,
        peer: Option<&Peer>,
        limit: Limit,
        allowed: usize,
    ) -> Report {
        let cause = Cause::Overloaded { limit, allowed };
        let report = self.report(attempt, cause, HandshakeRecord::default()).limited(limit);
        match peer {
            Some(peer) => report.of(peer),
            None => report,
        }
    }

    /// The report of a client that ends the connection after the handshake and before a request. With TLS 1.2, or when
    /// the client verifies slowly, this is how it refuses clawgate's certificate.
    pub fn late_refusal(&self, attempt: Attempt, peer: Option<&Peer>, error: &Error) -> Report {
        let report = self.report(attempt, Cause::Tls(error.clone()), HandshakeRecord::default());
        match peer {
            Some(peer) => report.of(peer),
            None => report,
        }
    }

    pub(super) fn report(&self, attempt: Attempt, cause: Cause, record: HandshakeRecord) -> Report {
        Report::new(&self.context, attempt, cause, record)
    }
}

/// In seconds since 1970.
fn not_after(der: &CertificateDer<'static>) -> Option<i64> {
    let (_, x509) = X509Certificate::from_der(der).ok()?;
    Some(x509.validity().not_after.timestamp())
}
