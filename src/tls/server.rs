//! The rustls server configuration.

use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{NoServerSessionStorage, WantsServerCert};
use rustls::{ConfigBuilder, KeyLog, KeyLogFile, ServerConfig, WantsVerifier};
use thiserror::Error;

use super::cert_resolver::CertResolver;
use super::client_verifier::ClientVerifier;
use super::parameters::{Parameters, Resumption};
use super::resumption::Tickets;
use crate::pki::material::Material;
use crate::wording::tls;

/// Protocols offered, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why rustls has refused the material.
#[derive(Debug, Error)]
pub enum ServerError {
    /// rustls's error.
    #[error("the TLS material cannot be used: {}", tls(.0))]
    Tls(#[from] rustls::Error),
}

/// A configuration that requires a client certificate which `verifier` admits. It has h2 and http/1.1, no early data, and
/// clawgate's order of cipher suites.
///
/// # Errors
/// When rustls refuses the material.
pub fn config(
    material: &Material,
    verifier: Arc<ClientVerifier>,
    parameters: &Parameters,
) -> Result<ServerConfig, ServerError> {
    let builder = builder(parameters)?.with_client_cert_verifier(Arc::clone(&verifier) as _);
    let mut config = finish(builder, material, parameters);
    if parameters.resumption == Resumption::Safe {
        config.ticketer = Arc::new(Tickets::new(verifier)?);
        // Each connection gets the ticket for the next one.
        config.send_tls13_tickets = 1;
    }
    Ok(config)
}

/// The same configuration for a listener that asks for no client certificate: no CertificateRequest is sent (RFC 8446 section
/// 4.3.2). A ticket resumes nothing but the encryption, so rustls's own tickets do.
///
/// # Errors
/// When rustls refuses the material.
pub fn config_without_client_auth(
    material: &Material,
    parameters: &Parameters,
) -> Result<ServerConfig, ServerError> {
    let mut config = finish(builder(parameters)?.with_no_client_auth(), material, parameters);
    if parameters.resumption == Resumption::Safe {
        config.ticketer = Ticketer::new()?;
        config.send_tls13_tickets = 1;
    }
    Ok(config)
}

fn builder(parameters: &Parameters) -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, ServerError> {
    let provider = Arc::new(parameters.provider());
    Ok(ServerConfig::builder_with_provider(provider).with_protocol_versions(parameters.versions())?)
}

fn finish(
    builder: ConfigBuilder<ServerConfig, WantsServerCert>,
    material: &Material,
    parameters: &Parameters,
) -> ServerConfig {
    let mut config = builder.with_cert_resolver(Arc::new(CertResolver::new(&material.own)));
    config.ignore_client_order = true;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    // Sessions that rustls stores itself would be resumed without verification.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    if parameters.key_log {
        config.key_log = Arc::new(Secrets::default());
    }
    config
}

/// Writes the secrets of connections to the file that `SSLKEYLOGFILE` names. The file is opened for the first secret,
/// because `clawgate check` makes a configuration as well.
#[derive(Debug, Default)]
struct Secrets(OnceLock<KeyLogFile>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.get_or_init(KeyLogFile::new).log(label, client_random, secret);
    }
}
