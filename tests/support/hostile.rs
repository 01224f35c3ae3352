//! Chains of certificates made to cost as much as possible, each within the 64 KiB that TLS lets a client send.
//!
//! Anybody can make these: none is signed by a configured CA. Also used by `benches/hot_paths.rs`.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints,
    PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};

/// Most bytes of a chain: what rustls takes of a message, less its other fields.
const ROOM: usize = 0xffff - 1024;

/// A chain that costs much.
pub struct Hostile {
    pub name: &'static str,
    /// In DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The leaf's.
    pub key: KeyPair,
}

/// All of them, for a proxy with a CA called `ca`.
pub fn all(ca: &str) -> Vec<Hostile> {
    vec![
        of_one_name("nine certificates of the CA's name", ca, 9),
        of_one_name("nine certificates of another name", "Somebody", 9),
        of_one_name("150 certificates of the CA's name", ca, 150),
        of_one_name("150 certificates of another name", "Somebody", 150),
        pairs(ca),
        large_keys(ca),
        slow_curves(ca),
        many_extensions(),
        one_leaf("a leaf with thousands of names", |leaf| {
            let name = |number| SanType::DnsName(format!("a{number}.b").try_into().unwrap());
            leaf.subject_alt_names = (0..5_000).map(name).collect();
        }),
        one_leaf("a leaf that just fits, with names", |leaf| {
            let name = |number| SanType::DnsName(format!("a{number}.b").try_into().unwrap());
            leaf.subject_alt_names = (0..500).map(name).collect();
        }),
        one_leaf("a long name to be escaped", |leaf| {
            leaf.distinguished_name.push(DnType::OrganizationName, "\u{1}\u{202e}".repeat(3_900));
        }),
        one_leaf("many parts of a name", |leaf| {
            for number in 0..900 {
                leaf.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, number]), "a");
            }
        }),
        one_leaf("many purposes", |leaf| {
            let purpose = |number| ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, number]);
            leaf.extended_key_usages = (0..2_000).map(purpose).collect();
        }),
        large_numbers(),
        constraints(ca),
        long_names_above(ca),
    ]
}

fn params(subject: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.serial_number = Some(SerialNumber::from(7));
    params
}

fn ca_params(subject: &str) -> CertificateParams {
    let mut params = params(subject);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A certificate as `params` say, for `key`, signed with `signer` in the name of `issuer`.
fn signed(
    params: &CertificateParams,
    key: &impl PublicKeyData,
    issuer: &str,
    signer: &KeyPair,
) -> Vec<u8> {
    signed_by(params, key, &ca_params(issuer), signer)
}

fn signed_by(
    params: &CertificateParams,
    key: &impl PublicKeyData,
    issuer: &CertificateParams,
    signer: &KeyPair,
) -> Vec<u8> {
    params.signed_by(key, &Issuer::from_params(issuer, signer)).unwrap().der().to_vec()
}

fn leaf(issuer: &str, signer: &KeyPair) -> (Vec<u8>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    (signed(&params("hostile"), &key, issuer, signer), key)
}

/// Certificates of `subject`, issued by `subject`, each of another key: every order of them is a path.
fn of_one_name(name: &'static str, subject: &str, count: usize) -> Hostile {
    let signer = KeyPair::generate().unwrap();
    let (leaf, key) = leaf(subject, &signer);
    let mut chain = vec![leaf];
    for _ in 0..count {
        chain.push(signed(&ca_params(subject), &KeyPair::generate().unwrap(), subject, &signer));
    }
    Hostile { name, chain: fitting(chain), key }
}

/// Three subjects, two certificates of each, which issued one another: as many paths as within the bounds there can
/// be. Each is as large as it may be.
fn pairs(ca: &str) -> Hostile {
    let signer = KeyPair::generate().unwrap();
    let subjects = [ca, "B", "C"];
    let (leaf, key) = leaf(ca, &signer);
    let mut chain = vec![leaf];
    for (subject, issuer) in [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)] {
        let mut params = ca_params(subjects[subject]);
        params.custom_extensions = extensions(350);
        let own = KeyPair::generate().unwrap();
        chain.push(signed(&params, &own, subjects[issuer], &signer));
    }
    Hostile { name: "pairs of certificates that issued one another", chain: fitting(chain), key }
}

/// A key that nobody has.
struct MadeUpKey(Vec<u8>);

impl PublicKeyData for MadeUpKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl MadeUpKey {
    /// RFC 8017 appendix A.1.1: a modulus and an exponent.
    fn rsa(modulus_bits: usize, exponent_bits: usize) -> Self {
        let integer = |bits: usize| {
            let bytes = bits / 8;
            let mut der = vec![0x02, 0x82];
            der.extend(u16::try_from(bytes + 1).unwrap().to_be_bytes());
            der.push(0);
            der.extend(vec![0xff; bytes]);
            der
        };
        let content = [integer(modulus_bits), integer(exponent_bits)].concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        Self([&[0x30, 0x82][..], &length, &content].concat())
    }
}

/// Keys with which a signature takes long to verify.
fn large_keys(ca: &str) -> Hostile {
    let signer = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let (leaf, key) = leaf("Large", &signer);
    let mut chain = vec![leaf];
    for (subject, issuer, modulus, exponent) in [
        ("Large", "Large", 8192, 32),
        ("Large", "Larger", 4096, 32),
        ("Larger", "Large", 16384, 16384),
        ("Larger", ca, 8192, 8192),
    ] {
        let params = ca_params(subject);
        chain.push(signed(&params, &MadeUpKey::rsa(modulus, exponent), issuer, &signer));
    }
    Hostile { name: "large RSA keys", chain: fitting(chain), key }
}

fn slow_curves(ca: &str) -> Hostile {
    let signer = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
    let (leaf, key) = leaf("A", &signer);
    let mut chain = vec![leaf];
    for (subject, issuer) in [("A", "B"), ("A", ca), ("B", "C"), ("B", ca), ("C", "A"), ("C", ca)] {
        let own = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
        chain.push(signed(&ca_params(subject), &own, issuer, &signer));
    }
    Hostile { name: "signatures of P-521", chain: fitting(chain), key }
}

fn extensions(count: u64) -> Vec<CustomExtension> {
    (0..count).map(|number| CustomExtension::from_oid_content(&[1, 3, number], vec![])).collect()
}

fn many_extensions() -> Hostile {
    let signer = KeyPair::generate().unwrap();
    let mut above = ca_params("Many");
    above.custom_extensions = extensions(1_000);
    let mut below = params("hostile");
    below.custom_extensions = extensions(1_000);
    let key = KeyPair::generate().unwrap();
    let mut chain = vec![signed(&below, &key, "Many", &signer)];
    for _ in 0..2 {
        chain.push(signed(&above, &KeyPair::generate().unwrap(), "Many", &signer));
    }
    Hostile { name: "thousands of extensions", chain: fitting(chain), key }
}

fn one_leaf(name: &'static str, change: impl FnOnce(&mut CertificateParams)) -> Hostile {
    let mut params = params("hostile");
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let signer = KeyPair::generate().unwrap();
    Hostile { name, chain: vec![signed(&params, &key, "Somebody", &signer)], key }
}

/// An object identifier with a number of thousands of digits.
fn large_numbers() -> Hostile {
    let signer = KeyPair::generate().unwrap();
    let mut params = params("hostile");
    let arcs = [vec![2, 5, 4], vec![127; 14_000]].concat();
    params.distinguished_name.push(DnType::CustomDnType(arcs), "a");
    let key = KeyPair::generate().unwrap();
    let mut der = signed(&params, &key, "Somebody", &signer);
    // A byte with its highest bit goes on to the next (X.690 section 8.19.2): of many numbers one is made.
    for at in 0..der.len() - 1 {
        if der[at] == 127 && der[at + 1] == 127 {
            der[at] = 255;
        }
    }
    Hostile { name: "an object identifier of 14,000 bytes", chain: vec![der], key }
}

fn constraints(ca: &str) -> Hostile {
    let signer = KeyPair::generate().unwrap();
    let mut above = ca_params("Constrained");
    let subtree = |number| GeneralSubtree::DnsName(format!("a{number}.b"));
    above.name_constraints = Some(NameConstraints {
        permitted_subtrees: (0..900).map(subtree).collect(),
        excluded_subtrees: vec![],
    });
    let mut below = params("hostile");
    let name = |number| SanType::DnsName(format!("a{number}.b").try_into().unwrap());
    below.subject_alt_names = (0..450).map(name).collect();
    let key = KeyPair::generate().unwrap();
    let mut chain = vec![signed(&below, &key, "Constrained", &signer)];
    for _ in 0..2 {
        chain.push(signed(&above, &KeyPair::generate().unwrap(), ca, &signer));
    }
    Hostile { name: "many names and name constraints", chain: fitting(chain), key }
}

/// Names of CAs that are long, and must be escaped.
fn long_names_above(ca: &str) -> Hostile {
    let signer = KeyPair::generate().unwrap();
    let long = |letter: &str| {
        let mut params = ca_params(letter);
        params.distinguished_name.push(DnType::OrganizationName, "\u{1}\\,\u{202e}".repeat(600));
        params
    };
    let key = KeyPair::generate().unwrap();
    let names = [long("A"), long("B"), long("C"), long("D"), long("E"), ca_params(ca)];
    let mut chain = vec![signed_by(&params("hostile"), &key, &names[0], &signer)];
    for pair in names.windows(2) {
        chain.push(signed_by(&pair[0], &KeyPair::generate().unwrap(), &pair[1], &signer));
    }
    Hostile { name: "long names of CAs", chain: fitting(chain), key }
}

/// As many as a client can send.
fn fitting(mut chain: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut room = ROOM;
    chain.retain(|der| {
        let fits = der.len() + 5 <= room;
        room = room.saturating_sub(der.len() + 5);
        fits
    });
    chain
}
