//! Whether refusing over HTTP admits nobody whom refusing with an alert does not.

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

/// Whether rustls is told to go on, and what the record says.
fn verdict(
    verifier: &ClientVerifier,
    leaf: &CertificateDer<'_>,
    now: UnixTime,
) -> (bool, Option<Refusal>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut scope = Box::pin(HandshakeRecord::scope(0, ([127, 0, 0, 1], 8443).into(), None, async {
        verifier.verify_client_cert(leaf, &[], now).is_ok()
    }));
    let goes_on = runtime.block_on(scope.as_mut());
    let record = scope.as_mut().take_value().unwrap().into_inner();
    (goes_on, record.presented.unwrap().refused)
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
        let verifier = |refuse_with| {
            let rules = Rules::new(vec!["cn=notes".parse().unwrap()]);
            let now = OffsetDateTime::now_utc().unix_timestamp();
            ClientVerifier::new(Arc::clone(&trust), Arc::default(), rules, refuse_with, now)
        };

        // One time for both, because a refusal names it.
        let now = UnixTime::now();
        let (admitted, by_alert) = verdict(&verifier(RefuseWith::Alert), &leaf, now);
        let (goes_on, over_http) = verdict(&verifier(RefuseWith::Http), &leaf, now);

        prop_assert_eq!(admitted, candidate.is_good(), "{:?}", by_alert);
        prop_assert_eq!(admitted, by_alert.is_none());
        prop_assert!(goes_on);
        prop_assert_eq!(format!("{by_alert:?}"), format!("{over_http:?}"));
    }
}
