//! A TLS client that calls nothing but clawgate: the server must have one of the certificates in the files.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme, version};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::probe::{Reply, exchange};
use crate::config::Settings;
use crate::explain::{Credentials, Server};

/// Sends `request` (HTTP/1.1) to `server`, which must have a certificate of these settings.
///
/// # Errors
/// When no connection to such a server can be made within `limit`.
pub(super) async fn call(
    settings: &Settings,
    server: &Server,
    credentials: Option<&Credentials>,
    request: &[u8],
    limit: Duration,
) -> io::Result<Reply> {
    let connector =
        TlsConnector::from(Arc::new(config(settings, credentials).map_err(io::Error::other)?));
    let connect = async {
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
        connector.connect(server.name.clone(), stream).await
    };
    let stream = timeout(limit, connect).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?;
    Ok(exchange(stream, request, limit).await)
}

fn config(settings: &Settings, credentials: Option<&Credentials>) -> Result<ClientConfig, Error> {
    let provider = aws_lc_rs::default_provider();
    let own = &settings.reloadable.material.own;
    let verifier = OwnCertificates {
        leaves: own.iter().filter_map(|own| own.certified.cert.first().cloned()).collect(),
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match credentials {
        Some(credentials) => {
            let resolver = SingleCertAndKey::from(Arc::clone(credentials.certified()));
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Accepts the certificates in the files of the settings, and no other.
#[derive(Debug)]
struct OwnCertificates {
    leaves: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for OwnCertificates {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.leaves.iter().any(|own| own == leaf) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
