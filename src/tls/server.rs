//! The rustls server configuration.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError};
use rustls::{ServerConfig, version};
use thiserror::Error;

use super::by_name::ByName;
use super::material::Material;
use super::resumption::{Resumption, Tickets};
use super::verifier::Gatekeeper;

/// Protocols offered, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why no configuration could be made of the material.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The CAs or CRLs do not make a verifier.
    #[error("the client CAs or CRLs cannot be used: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// Anything else.
    #[error("the TLS material cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// A configuration that demands a client certificate which `gatekeeper` admits: TLS 1.2 and 1.3, h2 and
/// http/1.1, no early data.
///
/// # Errors
/// When rustls does not take the material.
pub fn config(
    material: &Material,
    gatekeeper: Arc<Gatekeeper>,
    resumption: Resumption,
) -> Result<ServerConfig, ServerError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_client_cert_verifier(Arc::clone(&gatekeeper) as _)
        .with_cert_resolver(Arc::new(ByName::new(&material.own)));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    // Sessions that rustls keeps itself would come back without being judged.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    if resumption == Resumption::Safe {
        config.ticketer = Arc::new(Tickets::new(gatekeeper)?);
        // Each connection brings the ticket for the next. A sender that opens several at once gets one on each.
        config.send_tls13_tickets = 1;
    }
    Ok(config)
}
