//! The index has every entry of a CRL, and no input makes the parser panic.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa,
    Issuer as Signer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SerialNumber,
};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::pki::ca::authority::Authority;

struct Ca {
    params: CertificateParams,
    key: KeyPair,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Unit CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        Self { params, key: KeyPair::generate().unwrap() }
    }

    /// A list of these serial numbers, issued `age` seconds ago.
    fn crl(&self, serials: &BTreeSet<Vec<u8>>, age: i64) -> Vec<u8> {
        self.numbered(1, serials, OffsetDateTime::now_utc() - Duration::seconds(age))
    }

    /// The same with a CRL number.
    fn numbered(&self, number: u64, serials: &BTreeSet<Vec<u8>>, issued: OffsetDateTime) -> Vec<u8> {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &Vec<u8>| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: now - Duration::hours(1),
            reason_code: serial.len().is_multiple_of(2).then_some(RevocationReason::Superseded),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: issued,
            next_update: now + Duration::hours(1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&Signer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    fn certificate(&self) -> Vec<u8> {
        self.params.self_signed(&self.key).unwrap().der().to_vec()
    }

    /// A certificate of this CA with that serial number.
    fn issue(&self, serial: &[u8]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &Signer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }
}

fn read(der: Vec<u8>) -> Crl {
    Crl::read(der.into(), Path::new("x.crl")).unwrap_or_else(|error| panic!("{error}"))
}

fn parse(der: &[u8]) -> X509Certificate<'_> {
    X509Certificate::from_der(der).unwrap().1
}

fn authority(der: &[u8]) -> Authority {
    Authority::of(&parse(der))
}

/// A positive number in DER: its octets, with a zero before a sign bit and none else.
fn serial() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(1_u8..0x80, 1..20)
}

#[test]
fn an_entry_has_the_date_and_the_reason_if_the_crl_states_them() {
    let crl = read(Ca::new().crl(&[vec![7], vec![1, 2]].into(), 60));

    assert_eq!((crl.issuer.as_str(), crl.entries), ("CN=Unit CA", 2));
    let without = crl.revoked(&[7]).unwrap();
    assert!(without.since.is_some_and(|since| since.starts_with("20") && since.ends_with('Z')));
    assert_eq!(without.reason, None);
    assert_eq!(crl.revoked(&[1, 2]).unwrap().reason.as_deref(), Some("superseded"));
    assert_eq!(crl.revoked(&[2]), None);
}

#[test]
fn of_two_crls_with_the_same_date_the_one_with_the_higher_number_is_later() {
    let (ca, now) = (Ca::new(), OffsetDateTime::now_utc());
    let numbered = |number| read(ca.numbered(number, &BTreeSet::new(), now));
    let (old, new) = (numbered(9), numbered(10));
    assert!(old.is_older_than(&new) && !new.is_older_than(&old));
    assert!(!old.is_older_than(&numbered(9)));
}

#[test]
fn a_crl_is_signed_only_by_its_own_ca() {
    let ca = Ca::new();
    let crl = read(ca.crl(&BTreeSet::new(), 60));
    let others: Vec<_> = (0..6).map(|_| Ca::new().certificate()).collect();
    let own = ca.certificate();

    // More keys than are cached; each is tried twice.
    for _ in 0..2 {
        assert!(others.iter().all(|other| !crl.is_signed_by(&authority(other).issuer())));
        assert!(crl.is_signed_by(&authority(&own).issuer()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_serial_is_found_if_and_only_if_it_is_listed(
        listed in proptest::collection::btree_set(serial(), 0..40),
        others in proptest::collection::btree_set(serial(), 0..40),
    ) {
        let crl = read(Ca::new().crl(&listed, 60));

        prop_assert_eq!(crl.entries, listed.len());
        for serial in listed.union(&others) {
            prop_assert_eq!(crl.revoked(serial).is_some(), listed.contains(serial));
        }
    }

    #[test]
    fn the_latest_of_several_crls_decides(
        lists in proptest::collection::vec((proptest::collection::btree_set(1_u8..4, 0..3), 1_i64..9), 0..4),
        wanted in 1_u8..4,
        strict in any::<bool>(),
    ) {
        let ca = Ca::new();
        // If they have the same age, none is the latest, and all count.
        let latest = lists.iter().map(|(_, age)| *age).min();
        let counting = lists.iter().filter(|(_, age)| Some(*age) == latest);
        let revoked = counting.flat_map(|(serials, _)| serials).any(|serial| *serial == wanted);
        let crls: Vec<_> = lists.iter().map(|(serials, age)| {
            read(ca.crl(&serials.iter().map(|serial| vec![*serial]).collect(), age * 100))
        }).collect();
        let (own, leaf) = (ca.certificate(), ca.issue(&[wanted]));
        let policy = Policy {
            demand: if strict { Demand::Strict } else { Demand::IfPresent },
            expired: Expired::Refuse,
        };
        let now = OffsetDateTime::now_utc().unix_timestamp();

        let subject = Subject::of(&parse(&leaf), true);
        let status = policy.status(&crls, &subject, &authority(&own).issuer(), now);

        match (lists.is_empty(), strict, revoked) {
            (true, false, _) => prop_assert_eq!(status, Status::Unchecked),
            (true, true, _) => prop_assert_eq!(status, Status::Unavailable(Missing::None)),
            (false, _, true) => prop_assert!(matches!(status, Status::Revoked(..)), "{:?}", status),
            (false, _, false) => prop_assert!(matches!(status, Status::Good(_)), "{:?}", status),
        }
    }

    #[test]
    fn a_changed_or_truncated_crl_is_refused_or_not_signed_by_its_ca(
        at in any::<prop::sample::Index>(),
        mask in 1_u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let ca = Ca::new();
        let whole = ca.crl(&[vec![1], vec![2]].into(), 60);
        let own = ca.certificate();
        let own = authority(&own);
        let cut_off = whole[..cut.index(whole.len())].to_vec();
        prop_assert!(Crl::read(cut_off.into(), Path::new("x.crl")).is_err());

        let mut changed = whole;
        let at = at.index(changed.len());
        changed[at] ^= mask;
        if let Ok(crl) = Crl::read(changed.into(), Path::new("x.crl")) {
            prop_assert!(!crl.is_signed_by(&own.issuer()), "byte {at} changed by {mask:x}");
        }
    }
}
