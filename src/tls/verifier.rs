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

use super::anchors::Anchors;
use super::evidence::{Evidence, Presented, Refusal};
use super::server::ServerError;
use super::trust::Trust;
use crate::identity::Peer;
use crate::policy::Rules;

/// How a refused sender hears of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefuseWith {
    /// By a TLS alert: the handshake fails.
    #[default]
    Alert,
    /// By an HTTP answer: the handshake is completed without trust, for senders whose operators see
    /// HTTP errors only.
    Http,
}

/// Admits a client certificate when the chain holds, the key may sign, and a rule matches.
///
/// The verdict is the same whichever way it is told: it is noted as evidence, and only a handshake
/// whose evidence holds a chain without a refusal is taken for verified (`handshake`).
#[derive(Debug)]
pub struct Gatekeeper {
    anchors: Anchors,
    rules: Rules,
    refuse_with: RefuseWith,
}

impl Gatekeeper {
    /// Chains must lead to a CA of `trust`; `rules` decide over those that do. `now` is in seconds
    /// since 1970.
    ///
    /// # Errors
    /// When the CAs or CRLs do not make a verifier.
    pub fn new(
        trust: Arc<Trust>,
        rules: Rules,
        refuse_with: RefuseWith,
        now: i64,
    ) -> Result<Self, ServerError> {
        Ok(Self { anchors: Anchors::new(trust, now)?, rules, refuse_with })
    }

    /// The verdict on a chain, and on it alone: possession of the key is proven in the handshake.
    ///
    /// # Errors
    /// Which check refused.
    pub fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Refusal> {
        self.check(leaf, intermediates, now).map(drop)
    }

    /// What rustls is told of a verdict that has been noted.
    fn tell<T>(&self, verdict: Result<T, Error>, unverified: impl FnOnce() -> T) -> Result<T, Error> {
        match self.refuse_with {
            RefuseWith::Alert => verdict,
            RefuseWith::Http => Ok(verdict.unwrap_or_else(|_| unverified())),
        }
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Refusal> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let no_ca = || Refusal::Chain(CertificateError::UnknownIssuer.into());
        let chain = self.anchors.at(seconds).ok_or_else(no_ca)?;
        let verified = chain.verify_client_cert(leaf, intermediates, now).map_err(Refusal::Chain)?;
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
    fn client_auth_mandatory(&self) -> bool {
        self.refuse_with == RefuseWith::Alert
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.anchors.any().root_hint_subjects()
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
        let verdict = verdict.map_err(Error::from);
        self.tell(verdict, ClientCertVerified::assertion)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict =
            noting_possession(self.anchors.any().verify_tls12_signature(message, leaf, signature));
        self.tell(verdict, HandshakeSignatureValid::assertion)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict =
            noting_possession(self.anchors.any().verify_tls13_signature(message, leaf, signature));
        self.tell(verdict, HandshakeSignatureValid::assertion)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.anchors.any().supported_verify_schemes()
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
