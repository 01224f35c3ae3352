//! The one place that decides whether a certificate is let in.
//!
//! rustls' own verifier (webpki) builds the chain and checks possession of the key. Around it stand
//! the checks it leaves out (key usage, the allow rules), and every verdict is noted as evidence.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::evidence::{Evidence, Presented, Refusal};
use crate::identity::Peer;
use crate::policy::Rules;

/// Admits a client certificate when the chain holds, the key may sign, and a rule matches.
#[derive(Debug)]
pub struct Gatekeeper {
    chain: Arc<dyn ClientCertVerifier>,
    rules: Rules,
}

impl Gatekeeper {
    /// `chain` must demand a certificate; `rules` decide over those whose chain holds.
    pub fn new(chain: Arc<dyn ClientCertVerifier>, rules: Rules) -> Self {
        Self { chain, rules }
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Refusal> {
        let verified =
            self.chain.verify_client_cert(leaf, intermediates, now).map_err(Refusal::Chain)?;
        // webpki reads less of a certificate than the identity needs: what cannot be read whole is out.
        let (_, x509) = X509Certificate::from_der(leaf)
            .map_err(|_| Refusal::Chain(CertificateError::BadEncoding.into()))?;
        if !may_sign(&x509) {
            return Err(Refusal::KeyUsage);
        }
        if !self.rules.is_empty() && !self.rules.admit(&Peer::of(leaf, &x509)) {
            return Err(Refusal::Rules);
        }
        Ok(verified)
    }
}

/// RFC 8446 section 4.4.2.2: if key usage is stated, digitalSignature must be among it. webpki does
/// not look; OpenSSL does.
fn may_sign(leaf: &X509Certificate<'_>) -> bool {
    match leaf.key_usage() {
        Ok(Some(usage)) => usage.value.digital_signature(),
        Ok(None) => true,
        Err(_) => false,
    }
}

impl ClientCertVerifier for Gatekeeper {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verdict = self.check(leaf, intermediates, now);
        Evidence::note(|evidence| {
            let chain = std::iter::once(leaf).chain(intermediates);
            evidence.presented = Some(Presented {
                chain: chain.map(|der| der.clone().into_owned()).collect(),
                refused: verdict.as_ref().err().cloned(),
            });
        });
        verdict.map_err(|refusal| match refusal {
            Refusal::Chain(error) | Refusal::Possession(error) => error,
            Refusal::KeyUsage => CertificateError::InvalidPurpose.into(),
            Refusal::Rules => CertificateError::ApplicationVerificationFailure.into(),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        noting_possession(self.chain.verify_tls12_signature(message, leaf, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        noting_possession(self.chain.verify_tls13_signature(message, leaf, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn noting_possession<T>(verdict: Result<T, Error>) -> Result<T, Error> {
    verdict.inspect_err(|error| {
        Evidence::note(|evidence| {
            if let Some(presented) = &mut evidence.presented {
                presented.refused = Some(Refusal::Possession(error.clone()));
            }
        });
    })
}
