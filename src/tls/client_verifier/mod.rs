//! The only place that decides whether a client certificate is admitted.
//!
//! `pki::path::validation` verifies the chain, and rustls the proof of possession of the key. This module adds the checks
//! of size, names, key usage, rules and pins, and records every decision.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::VerifiedPath;

use super::diagnosis::chain_faults;
use super::handshake_record::{HandshakeRecord, Presented, Refusal};
use super::handshake_settings::RefuseWith;
use crate::identity::{Peer, sha256};
use crate::pki::leaf::Leaf;
use crate::pki::path::bounds::{Selection, TooLarge};
use crate::pki::path::validation::PathValidator;
use crate::pki::{Budget, CertificateCaches, TrustStore};
use crate::policy::{Denial, Rules, Ruling};

/// Admits a client certificate when the chain is valid, the key may sign, and the rules allow it.
///
/// The decision does not depend on [`RefuseWith`]: it is recorded, and only a handshake whose record has a chain without a
/// refusal counts as verified (`negotiated`).
#[derive(Debug)]
pub struct ClientVerifier {
    validator: PathValidator,
    rules: Rules,
    refuse_with: RefuseWith,
}

impl ClientVerifier {
    /// Chains must lead to a CA of `trust`, and the identity must be allowed by `rules`. `now` is in seconds since 1970.
    pub fn new(
        trust: Arc<TrustStore>,
        caches: Arc<CertificateCaches>,
        rules: Rules,
        refuse_with: RefuseWith,
        now: i64,
    ) -> Self {
        Self { validator: PathValidator::new(trust, caches, now), rules, refuse_with }
    }

    /// Verifies a chain and returns the client's identity. The handshake proves possession of the key.
    ///
    /// # Errors
    /// The check that refused.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Peer, Refusal> {
        if let Some(excess) = TooLarge::before_verification(leaf) {
            return Err(Refusal::TooLarge(excess));
        }
        let chosen = Selection::of(leaf, intermediates).among(intermediates);
        let issuer = self
            .validator
            .verify(leaf, &chosen, now, |path| sha256(&path.issuer_spki()))
            .map_err(|error| self.refusal(&error, leaf, intermediates, now))?;
        // webpki reads less of a certificate than the identity needs.
        let read = self.leaf(leaf).ok_or(Refusal::Unreadable)?;
        if let Some(excess) = TooLarge::of_names(read.peer.sans.len()) {
            return Err(Refusal::TooLarge(excess));
        }
        if !read.may_sign {
            return Err(Refusal::KeyUsage);
        }
        // The issuer's key is that of the verified path: a client may send any certificates besides.
        let peer = Peer { issuer_spki_sha256: issuer.into_iter().collect(), ..read.peer.clone() };
        if self.rules.is_empty() {
            return Ok(peer);
        }
        match self.rules.ruling(&peer) {
            Ruling::Admitted | Ruling::Audited(_) => Ok(peer),
            Ruling::Refused(denial) => Err(Refusal::Rules(denial, Box::new(peer))),
        }
    }

    /// All faults of a chain that webpki has refused with `error`. webpki reports one of the paths that it tried, and not
    /// always the one that comes nearest to a valid one.
    #[cold]
    fn refusal(
        &self,
        error: &Error,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Refusal {
        let chain: Vec<CertificateDer<'_>> = std::iter::once(leaf)
            .chain(intermediates)
            .map(|der| CertificateDer::from(der.as_ref()))
            .collect();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let budget = Budget::new(Budget::REFUSAL, &self.validator.caches().signatures);
        Refusal::Chain(chain_faults(&chain, error, self.validator.trust(), now, &budget))
    }

    /// The content of a leaf whose chain is valid; `None` when it cannot be read.
    pub(crate) fn leaf(&self, leaf: &CertificateDer<'_>) -> Option<Arc<Leaf>> {
        self.validator.caches().leaves.get_or_parse(leaf)
    }

    /// The certificates of a verified chain from `leaf` up to a configured CA, the leaf first; the leaf alone when the chain
    /// is not valid at `now`.
    pub(crate) fn path(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Vec<CertificateDer<'static>> {
        let chosen = Selection::of(leaf, intermediates).among(intermediates);
        let owned = |path: &VerifiedPath<'_>| -> Vec<_> {
            path.intermediate_certificates().map(|ca| ca.der().into_owned()).collect()
        };
        let above = self.validator.verify(leaf, &chosen, now, owned).ok().flatten().unwrap_or_default();
        std::iter::once(leaf.clone().into_owned()).chain(above).collect()
    }

    /// Why the rules would refuse an identity, if they are in audit mode.
    pub(crate) fn audited_denial(&self, peer: &Peer) -> Option<Denial> {
        match self.rules.is_audited().then(|| self.rules.ruling(peer)) {
            Some(Ruling::Audited(denial)) => Some(denial),
            _ => None,
        }
    }

    /// The result for rustls of a decision that was recorded.
    fn result<T>(&self, verdict: Result<T, Error>, unverified: impl FnOnce() -> T) -> Result<T, Error> {
        match self.refuse_with {
            RefuseWith::Alert => verdict,
            RefuseWith::Http => Ok(verdict.unwrap_or_else(|_| unverified())),
        }
    }

    /// Records that the client did not prove that it holds the key of its certificate, if so.
    fn possession(
        &self,
        verdict: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Err(error) = &verdict {
            HandshakeRecord::note(|record| {
                if let Some(presented) = &mut record.presented {
                    presented.refused = Some(Refusal::Possession(error.clone()));
                }
            });
        }
        self.result(verdict, HandshakeSignatureValid::assertion)
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.refuse_with == RefuseWith::Alert
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.validator.hints()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let (peer, refused) = match self.verify(leaf, intermediates, now) {
            Ok(peer) => (Some(peer), None),
            Err(refusal) => (None, Some(refusal)),
        };
        let verdict = match &refused {
            None => Ok(ClientCertVerified::assertion()),
            Some(refusal) => Err(refusal.clone().into()),
        };
        HandshakeRecord::note(|record| {
            let chain = std::iter::once(leaf).chain(intermediates);
            let chain = chain.map(|der| der.clone().into_owned()).collect();
            record.presented = Some(Presented { chain, refused, peer });
        });
        self.result(verdict, ClientCertVerified::assertion)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.possession(verify_tls12_signature(message, leaf, signature, self.validator.algorithms()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.possession(verify_tls13_signature(message, leaf, signature, self.validator.algorithms()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.validator.algorithms().supported_schemes()
    }
}

#[cfg(test)]
mod tests;
