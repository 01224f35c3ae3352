//! Diagnosing a refused chain: whatever a client presents, there is one answer, and it is safe to print.
//!
//! The input edits a chain of three good certificates, byte by byte, so that the parser is passed often.
#![no_main]

use std::sync::LazyLock;

use clawgate::identity::San;
use clawgate::pki::{Budget, Ca, SignatureCache, TrustStore};
use clawgate::tls::diagnosis::{Case, Cause, chain_faults, diagnose};
use clawgate::tls::handshake_record::{HandshakeRecord, Presented, Refusal};
use clawgate::tls::parameters::Parameters;
use libfuzzer_sys::fuzz_target;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{CertificateError, Error};
use rustls_pki_types::CertificateDer;

struct Scene {
    trust: TrustStore,
    chain: Vec<CertificateDer<'static>>,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.use_authority_key_identifier_extension = true;
        (params, KeyPair::generate().unwrap())
    };
    let (root, root_key) = ca("Root");
    let (middle, middle_key) = ca("Middle");
    let mut leaf = CertificateParams::new(vec!["leaf.example".to_owned()]).unwrap();
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    let root_certificate = root.self_signed(&root_key).unwrap();
    let middle_certificate = middle.signed_by(&middle_key, &Issuer::from_params(&root, &root_key)).unwrap();
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(&middle, &middle_key)).unwrap();
    let held = Ca::read(root_certificate.der()).unwrap();
    let chain = [leaf, middle_certificate, root_certificate].map(|certificate| certificate.der().clone());
    Scene { trust: TrustStore { cas: vec![held], ..TrustStore::default() }, chain: chain.to_vec() }
});

fuzz_target!(|input: (u8, Vec<(u16, u8)>, i64)| {
    let (choice, edits, now) = input;
    let mut chain: Vec<Vec<u8>> = SCENE.chain.iter().map(|der| der.to_vec()).collect();
    chain.truncate(1 + usize::from(choice % 3));
    for (at, value) in edits {
        let der = &mut chain[usize::from(at >> 14) % (1 + usize::from(choice % 3))];
        let at = usize::from(at & 0x3fff) % der.len();
        der[at] = value;
    }
    let errors = [
        CertificateError::UnknownIssuer,
        CertificateError::BadSignature,
        CertificateError::Expired,
        CertificateError::BadEncoding,
        CertificateError::InvalidPurpose,
    ];
    let error: Error = errors[usize::from(choice) % errors.len()].clone().into();
    let chain: Vec<_> = chain.into_iter().map(CertificateDer::from).collect();
    let refused = match choice % 4 {
        0 => Refusal::KeyUsage,
        1 => Refusal::Possession(error.clone()),
        _ => {
            let cache = SignatureCache::default();
            let budget = Budget::new(Budget::REFUSAL, &cache);
            Refusal::Chain(chain_faults(&chain, &error, &SCENE.trust, now, &budget))
        }
    };
    let mut record = HandshakeRecord::default();
    record.presented = Some(Presented::new(chain, Some(refused)));
    let diagnosis = diagnose(&Case {
        cause: &Cause::Tls(error),
        hello: None,
        record: &record,
        trust: &SCENE.trust,
        server_names: &[San::Dns("clawgate.example".to_owned())],
        parameters: &Parameters::default(),
    });
    for text in [&diagnosis.fault.detail, &diagnosis.fault.hint] {
        assert!(!text.is_empty());
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(text.len() < 16 * 1024, "{} bytes", text.len());
    }
});
