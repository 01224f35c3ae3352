//! The one place that decides whether a certificate is let in.
//!
//! The chain is built and looked through in `anchors`, possession of the key is checked by rustls. Around
//! them stand the checks they leave out (key usage, the allow rules), and every verdict is noted as evidence.

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
use crate::pki::{Budget, CertificateCaches, TrustStore};
use crate::pki::bounds::{Selection, TooLarge};
use crate::pki::leaf::Leaf;
use crate::pki::path_validation::PathValidator;
use crate::policy::{Denial, Rules, Ruling};

/// Admits a client certificate when the chain holds, the key may sign, and a rule matches.
///
/// The verdict is the same whichever way it is told: it is noted as evidence, and only a handshake
/// whose evidence holds a chain without a refusal is taken for verified (`handshake`).
#[derive(Debug)]
pub struct ClientVerifier {
    validator: PathValidator,
    rules: Rules,
    refuse_with: RefuseWith,
}

impl ClientVerifier {
    /// Chains must lead to a CA of `trust`; `rules` decide over those that do. `now` is in seconds
    /// since 1970.
    pub fn new(
        trust: Arc<TrustStore>,
        caches: Arc<CertificateCaches>,
        rules: Rules,
        refuse_with: RefuseWith,
        now: i64,
    ) -> Self {
        Self { validator: PathValidator::new(trust, caches, now), rules, refuse_with }
    }

    /// The verdict on a chain, and on it alone: possession of the key is proven in the handshake. Who is let in
    /// is named.
    ///
    /// # Errors
    /// Which check refused.
    pub fn judge(
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
        // webpki reads less of a certificate than the identity needs: what cannot be read whole is out.
        let read = self.leaf(leaf).ok_or(Refusal::Unreadable)?;
        if let Some(excess) = TooLarge::of_names(read.peer.sans.len()) {
            return Err(Refusal::TooLarge(excess));
        }
        if !read.may_sign {
            return Err(Refusal::KeyUsage);
        }
        // A client may add to its chain what it likes: the key that signed the leaf is that of the verified path.
        let peer = Peer { issuer_spki_sha256: issuer.into_iter().collect(), ..read.peer.clone() };
        if self.rules.is_empty() {
            return Ok(peer);
        }
        match self.rules.ruling(&peer) {
            Ruling::Admitted | Ruling::Audited(_) => Ok(peer),
            Ruling::Refused(denial) => Err(Refusal::Rules(denial, Box::new(peer))),
        }
    }

    /// What is wrong with a chain that webpki has refused with `error`: of the ways that were tried webpki tells of one
    /// alone, and not always of that which comes nearest.
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

    /// The identity in a leaf that was verified before; `None` when it cannot be read.
    pub(crate) fn leaf(&self, leaf: &CertificateDer<'_>) -> Option<Arc<Leaf>> {
        self.validator.caches().leaves.get_or_parse(leaf)
    }

    /// The certificates of a verified chain that lead from `leaf` up to a configured CA, the leaf first; the leaf
    /// alone when the chain does not hold at `now`.
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

    /// What the rules would refuse somebody for that they let in, being on trial.
    pub(crate) fn objection(&self, peer: &Peer) -> Option<Denial> {
        match self.rules.is_audited().then(|| self.rules.ruling(peer)) {
            Some(Ruling::Audited(denial)) => Some(denial),
            _ => None,
        }
    }

    /// What rustls is told of a verdict that has been noted.
    fn tell<T>(&self, verdict: Result<T, Error>, unverified: impl FnOnce() -> T) -> Result<T, Error> {
        match self.refuse_with {
            RefuseWith::Alert => verdict,
            RefuseWith::Http => Ok(verdict.unwrap_or_else(|_| unverified())),
        }
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
        let (peer, refused) = match self.judge(leaf, intermediates, now) {
            Ok(peer) => (Some(peer), None),
            Err(refusal) => (None, Some(refusal)),
        };
        let verdict = match &refused {
            None => Ok(ClientCertVerified::assertion()),
            Some(refusal) => Err(refusal.clone().into()),
        };
        HandshakeRecord::note(|evidence| {
            let chain = std::iter::once(leaf).chain(intermediates);
            let chain = chain.map(|der| der.clone().into_owned()).collect();
            evidence.presented = Some(Presented { chain, refused, peer });
        });
        self.tell(verdict, ClientCertVerified::assertion)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = self.validator.algorithms();
        let verdict = verify_tls12_signature(message, leaf, signature, algorithms);
        let verdict = noting_possession(verdict);
        self.tell(verdict, HandshakeSignatureValid::assertion)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = self.validator.algorithms();
        let verdict = verify_tls13_signature(message, leaf, signature, algorithms);
        let verdict = noting_possession(verdict);
        self.tell(verdict, HandshakeSignatureValid::assertion)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.validator.algorithms().supported_schemes()
    }
}

fn noting_possession<T>(verdict: Result<T, Error>) -> Result<T, Error> {
    verdict.inspect_err(|error| {
        HandshakeRecord::note(|evidence| {
            if let Some(presented) = &mut evidence.presented {
                presented.refused = Some(Refusal::Possession(error.clone()));
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
        ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
        SerialNumber,
    };
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::identity::Digest;
    use crate::pki::Ca;
    use crate::pki::denylist::Denylist;
    use crate::pki::revocation::Crl;

    /// A certificate in terms of what can be wrong with it.
    #[derive(Clone, Debug)]
    struct Candidate {
        origin: Origin,
        taken_back: Option<By>,
        days: (i64, i64),
        is_ca: bool,
        for_clients: Option<bool>,
        may_sign: Option<bool>,
        name: &'static str,
    }

    /// Who issued it.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Origin {
        KnownCa,
        ForeignCa,
        Nobody { pinned: bool },
    }

    /// What takes it back.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum By {
        /// The known CA's list, by its serial number.
        Crl,
        Denylist,
    }

    const SERIAL: u64 = 7;

    fn candidate() -> impl Strategy<Value = Candidate> {
        // Never this very moment: it would pass while the test runs.
        let days = prop_oneof![Just((-3, -1)), Just((-3, 3)), Just((-1, 1)), Just((1, 3))];
        let names = prop_oneof![Just("notes"), Just("other")];
        let sometimes = || proptest::option::of(any::<bool>());
        let origins = prop_oneof![
            4 => Just(Origin::KnownCa),
            1 => Just(Origin::ForeignCa),
            4 => any::<bool>().prop_map(|pinned| Origin::Nobody { pinned }),
        ];
        let taken_back =
            prop_oneof![4 => Just(None), 1 => Just(Some(By::Crl)), 1 => Just(Some(By::Denylist))];
        let origin = (origins, taken_back);
        (origin, days, any::<bool>(), sometimes(), sometimes(), names).prop_map(
            |((origin, taken_back), days, is_ca, for_clients, may_sign, name)| Candidate {
                origin,
                taken_back,
                days,
                is_ca,
                for_clients,
                may_sign,
                name,
            },
        )
    }

    fn ca(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params, KeyPair::generate().unwrap())
    }

    /// The CA's list with [`SERIAL`] on it.
    fn crl((params, key): &(CertificateParams, KeyPair)) -> Crl {
        let now = OffsetDateTime::now_utc();
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(SERIAL),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: now,
            next_update: now + Duration::days(1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&Issuer::from_params(params, key)).unwrap();
        Crl::read(list.der().clone(), Path::new("x.crl")).unwrap()
    }

    impl Candidate {
        /// What the policy says, in plain words.
        fn is_good(&self) -> bool {
            let trusted = match self.origin {
                Origin::KnownCa => !self.is_ca && self.taken_back != Some(By::Crl),
                Origin::ForeignCa => false,
                Origin::Nobody { pinned } => pinned,
            };
            trusted
                && self.taken_back != Some(By::Denylist)
                && self.days.0 < 0
                && self.days.1 > 0
                && self.for_clients != Some(false)
                && self.may_sign != Some(false)
                && self.name == "notes"
        }

        fn issue(&self, (params, key): &(CertificateParams, KeyPair)) -> CertificateDer<'static> {
            let mut leaf = CertificateParams::default();
            leaf.distinguished_name = rcgen::DistinguishedName::new();
            leaf.distinguished_name.push(DnType::CommonName, self.name);
            leaf.serial_number = Some(SerialNumber::from(SERIAL));
            let now = OffsetDateTime::now_utc();
            (leaf.not_before, leaf.not_after) =
                (now + Duration::days(self.days.0), now + Duration::days(self.days.1));
            leaf.is_ca =
                if self.is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
            leaf.extended_key_usages = match self.for_clients {
                None => vec![],
                Some(true) => vec![ExtendedKeyUsagePurpose::ClientAuth],
                Some(false) => vec![ExtendedKeyUsagePurpose::ServerAuth],
            };
            leaf.key_usages = match self.may_sign {
                None => vec![],
                Some(true) => vec![KeyUsagePurpose::DigitalSignature],
                Some(false) => vec![KeyUsagePurpose::KeyEncipherment],
            };
            let own = KeyPair::generate().unwrap();
            let issued = match self.origin {
                Origin::Nobody { .. } => leaf.self_signed(&own),
                _ => leaf.signed_by(&own, &Issuer::from_params(params, key)),
            };
            issued.unwrap().der().clone()
        }
    }

    /// Whether rustls is told to go on, and what the evidence says.
    fn verdict(gatekeeper: &ClientVerifier, leaf: &CertificateDer<'_>) -> (bool, Option<Refusal>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut scope =
            Box::pin(HandshakeRecord::scope(0, ([127, 0, 0, 1], 8443).into(), None, async {
                gatekeeper.verify_client_cert(leaf, &[], UnixTime::now()).is_ok()
            }));
        let goes_on = runtime.block_on(scope.as_mut());
        let evidence = scope.as_mut().take_value().unwrap().into_inner();
        (goes_on, evidence.presented.unwrap().refused)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_certificate_that_is_refused_with_an_alert_is_served_when_refusing_over_http(
            candidate in candidate(),
        ) {
            let (known, foreign) = (ca("Known"), ca("Foreign"));
            let held = Ca::read(known.0.self_signed(&known.1).unwrap().der()).unwrap();
            let of_foreign = candidate.origin == Origin::ForeignCa;
            let leaf = candidate.issue(if of_foreign { &foreign } else { &known });
            let mut trust = TrustStore { cas: vec![held], ..TrustStore::default() };
            match candidate.taken_back {
                Some(By::Crl) => trust.crls.push(crl(&known)),
                Some(By::Denylist) => {
                    let line = format!("fingerprint={}", Digest::of(&leaf));
                    trust.denylist = Denylist::parse(&line, Path::new("denied")).unwrap();
                }
                None => {}
            }
            if candidate.origin == (Origin::Nobody { pinned: true }) {
                trust.pinned.insert(Digest::of(&leaf));
            }
            let trust = Arc::new(trust);
            let gatekeeper = |refuse_with| {
                let rules = Rules::new(vec!["cn=notes".parse().unwrap()]);
                let now = OffsetDateTime::now_utc().unix_timestamp();
                ClientVerifier::new(Arc::clone(&trust), Arc::default(), rules, refuse_with, now)
            };

            let (admitted, by_alert) = verdict(&gatekeeper(RefuseWith::Alert), &leaf);
            let (goes_on, over_http) = verdict(&gatekeeper(RefuseWith::Http), &leaf);

            prop_assert_eq!(admitted, candidate.is_good(), "{:?}", by_alert);
            prop_assert_eq!(admitted, by_alert.is_none());
            prop_assert!(goes_on);
            prop_assert_eq!(format!("{by_alert:?}"), format!("{over_http:?}"));
        }
    }
}
