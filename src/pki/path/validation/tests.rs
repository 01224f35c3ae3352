//! Tests of the first and last second at which a chain is valid, and of the configured CAs.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Signer, KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;

use super::*;
use crate::identity::Digest;
use crate::pki::ca::Ca;
use crate::pki::denylist::Denylist;
use crate::pki::revocation::{Demand, Policy};

/// The first and the last second of what is valid for a short time.
const FROM: i64 = 1_800_000_000;
const UNTIL: i64 = FROM + 1000;
/// Seconds around those, and whether they are among them.
const AROUND: [(i64, bool); 4] = [(FROM - 1, false), (FROM, true), (UNTIL, true), (UNTIL + 1, false)];

fn params(name: &str, from: i64, until: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    (params.not_before, params.not_after) = (at(from), at(until));
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

/// A CA that is valid for a short time, and a certificate it has issued that is valid for longer.
fn ca_and_leaf() -> (CertificateDer<'static>, CertificateDer<'static>) {
    let mut ca = params("CA", FROM, UNTIL);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let (key, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = ca.self_signed(&key).unwrap().der().clone();
    let leaf = params("leaf", FROM - 5000, UNTIL + 5000);
    let leaf = leaf.signed_by(&own, &Signer::from_params(&ca, &key)).unwrap().der().clone();
    (certificate, leaf)
}

fn self_signed(from: i64, until: i64) -> CertificateDer<'static> {
    params("lone", from, until).self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

fn trusting(ca: &CertificateDer<'_>) -> TrustStore {
    TrustStore { cas: vec![Ca::read(ca).unwrap()], ..TrustStore::default() }
}

fn pinning(leaf: &CertificateDer<'_>) -> TrustStore {
    TrustStore { pinned: [Digest::of(leaf)].into(), ..TrustStore::default() }
}

fn verdict(trust: TrustStore, leaf: &CertificateDer<'_>, at: i64) -> Result<(), Error> {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(at.try_into().unwrap()));
    PathValidator::new(Arc::new(trust), Arc::default(), at).verify(leaf, &[], now, |_| ()).map(drop)
}

#[test]
fn a_configured_ca_admits_from_its_first_second_to_its_last() {
    let (ca, leaf) = ca_and_leaf();
    for (at, admits) in AROUND {
        assert_eq!(verdict(trusting(&ca), &leaf, at).is_ok(), admits, "{}", at - FROM);
    }
}

#[test]
fn a_pinned_certificate_is_admitted_from_its_first_second_to_its_last() {
    let leaf = self_signed(FROM, UNTIL);
    for (at, admits) in AROUND {
        assert_eq!(verdict(pinning(&leaf), &leaf, at).is_ok(), admits, "{}", at - FROM);
    }
}

#[test]
fn a_configured_ca_that_is_denied_admits_nobody() {
    let (ca, leaf) = ca_and_leaf();
    let denying = |der: &CertificateDer<'_>| {
        let line = format!("fingerprint={}", Digest::of(der));
        TrustStore { denylist: Denylist::parse(&line, Path::new("denied")).unwrap(), ..trusting(&ca) }
    };
    let other = self_signed(FROM, UNTIL);
    assert_eq!(verdict(denying(&other), &leaf, FROM), Ok(()));
    for denied in [&ca, &leaf] {
        let refused = verdict(denying(denied), &leaf, FROM);
        assert_eq!(refused, Err(CertificateError::Revoked.into()));
    }
}

#[test]
fn if_each_ca_must_have_a_crl_a_ca_without_one_admits_nobody() {
    let (ca, leaf) = ca_and_leaf();
    let strict = Policy { demand: Demand::Strict, ..Policy::default() };
    let refused = verdict(TrustStore { revocation: strict, ..trusting(&ca) }, &leaf, FROM);
    assert_eq!(refused, Err(CertificateError::UnknownRevocationStatus.into()));
    assert_eq!(verdict(trusting(&ca), &leaf, FROM), Ok(()));
}

#[test]
fn only_a_self_signed_certificate_with_the_pinned_fingerprint_is_pinned() {
    let (_, issued) = ca_and_leaf();
    let (pinned, other) = (self_signed(FROM, UNTIL), self_signed(FROM, UNTIL));
    assert_eq!(verdict(pinning(&pinned), &pinned, FROM), Ok(()));
    for (trust, leaf) in [
        (pinning(&pinned), &other),
        (pinning(&issued), &issued),
        (pinning(&pinned), &issued),
        (TrustStore::default(), &pinned),
    ] {
        assert!(verdict(trust, leaf, FROM).is_err());
    }
}

#[test]
fn the_names_of_eight_cas_are_listed() {
    let (ca, _) = ca_and_leaf();
    let ca = Ca::read(&ca).unwrap();
    let names = |count| TrustStore { cas: vec![ca.clone(); count], ..TrustStore::default() }.names();
    assert_eq!(names(8).matches(&ca.subject).count(), 8);
    assert!(!names(8).ends_with('…') && names(9).ends_with("; …"));
    assert_eq!(names(9).matches(&ca.subject).count(), 8);
}
