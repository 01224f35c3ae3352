//! Certificates that are made for one test and deleted with it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, CustomExtension,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
};
use tempfile::TempDir;
use time::OffsetDateTime;

/// A CA that can issue.
pub struct Ca {
    pub certificate: Certificate,
    pub params: CertificateParams,
    pub key: KeyPair,
}

impl Ca {
    /// A root called `name`.
    pub fn root(name: &str) -> Self {
        Self::root_of(Self::params(name))
    }

    /// A CA called `name` under `self`.
    pub fn intermediate(&self, name: &str) -> Self {
        self.intermediate_of(Self::params(name))
    }

    /// A root that says what `params` say.
    pub fn root_of(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, params, key }
    }

    /// A CA under `self` that says what `params` say.
    pub fn intermediate_of(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer()).unwrap();
        Self { certificate, params, key }
    }

    /// What a CA's certificate says, for tests that want it to say something else.
    pub fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        params
    }

    /// Issues the certificate of `identity` again with `from` in it replaced by `to`, as long: what rcgen would
    /// not write.
    pub fn reissued(&self, identity: Identity, from: &[u8], to: &[u8]) -> Identity {
        assert_eq!(from.len(), to.len());
        let (_, x509) = x509_parser::parse_x509_certificate(&identity.chain[0]).unwrap();
        let mut signed = x509.tbs_certificate.as_ref().to_vec();
        let at = signed.windows(from.len()).position(|window| window == from).expect("it is in there");
        signed[at..at + to.len()].copy_from_slice(to);
        let leaf = self.sign(&signed);
        let above = identity.chain[1..].iter().cloned();
        Identity { chain: std::iter::once(leaf).chain(above).collect(), key: identity.key }
    }

    /// The certificate with these fields (TBSCertificate, RFC 5280 section 4.1) and a signature of this CA.
    pub fn sign(&self, fields: &[u8]) -> Vec<u8> {
        let signature = [&[0], self.key.sign(fields).unwrap().as_slice()].concat();
        // AlgorithmIdentifier of ECDSA with SHA-256
        let algorithm = [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        der(0x30, &[fields, &algorithm, &der(3, &signature)].concat())
    }

    pub fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A CRL of this CA that revokes `serials`, with its next one due `next` from now (negative: the
    /// past).
    pub fn crl(&self, serials: &[u64], next: i64) -> String {
        pem_block("X509 CRL", &self.crl_with(serials, next, |_| ()))
    }

    /// The same in DER, with something changed.
    pub fn crl_with(
        &self,
        serials: &[u64],
        next: i64,
        change: impl FnOnce(&mut CertificateRevocationListParams),
    ) -> Vec<u8> {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now - Duration::from_secs(3600),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let mut params = CertificateRevocationListParams {
            this_update: now - Duration::from_secs(7200),
            next_update: now + time::Duration::seconds(next),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut params);
        params.signed_by(&self.issuer()).unwrap().der().to_vec()
    }
}

/// A certificate with its key and what belongs before it.
pub struct Identity {
    /// Leaf, then intermediates.
    pub chain: Vec<Vec<u8>>,
    pub key: KeyPair,
}

impl Identity {
    pub fn chain_pem(&self) -> String {
        let pem = |der: &Vec<u8>| pem_block("CERTIFICATE", der);
        self.chain.iter().map(pem).collect()
    }

    pub fn fingerprint(&self) -> String {
        clawgate::identity::sha256(&self.chain[0])
    }
}

/// Builds a certificate: by default one of a good client.
pub struct Leaf {
    pub params: CertificateParams,
    algorithm: &'static SignatureAlgorithm,
}

impl Leaf {
    /// A client called `cn`, with the DNS name `cn`.example.
    pub fn client(cn: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, cn);
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.subject_alt_names = vec![SanType::DnsName(format!("{cn}.example").try_into().unwrap())];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        Self { params, algorithm: &PKCS_ECDSA_P256_SHA256 }
    }

    /// A server for localhost and 127.0.0.1.
    pub fn server() -> Self {
        let mut leaf = Self::client("gate");
        leaf.params.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into().unwrap()),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ];
        leaf.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf
    }

    pub fn algorithm(mut self, algorithm: &'static SignatureAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Changes what the certificate says.
    pub fn with(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        change(&mut self.params);
        self
    }

    /// Valid from `from` to `until`, in seconds from now.
    pub fn valid(self, from: i64, until: i64) -> Self {
        self.with(|params| {
            params.not_before = OffsetDateTime::now_utc() + time::Duration::seconds(from);
            params.not_after = OffsetDateTime::now_utc() + time::Duration::seconds(until);
        })
    }

    pub fn serial(self, serial: u64) -> Self {
        self.with(|params| params.serial_number = Some(SerialNumber::from(serial)))
    }

    pub fn sans(self, sans: Vec<SanType>) -> Self {
        self.with(|params| params.subject_alt_names = sans)
    }

    pub fn extension(self, extension: CustomExtension) -> Self {
        self.with(|params| params.custom_extensions.push(extension))
    }

    /// Issued by `ca`, sent with the certificates of `above`.
    pub fn issued_by(self, ca: &Ca, above: &[&Ca]) -> Identity {
        let key = KeyPair::generate_for(self.algorithm).unwrap();
        let leaf = self.params.signed_by(&key, &ca.issuer()).unwrap();
        let above = above.iter().map(|ca| ca.certificate.der().to_vec());
        Identity { chain: std::iter::once(leaf.der().to_vec()).chain(above).collect(), key }
    }

    /// Issued by `ca` for a key that is there already.
    pub fn with_key(self, key: &KeyPair, ca: &Ca) -> Identity {
        let leaf = self.params.signed_by(key, &ca.issuer()).unwrap();
        let key = KeyPair::try_from(key.serialize_der()).unwrap();
        Identity { chain: vec![leaf.der().to_vec(), ca.certificate.der().to_vec()], key }
    }

    pub fn self_signed(self) -> Identity {
        let key = KeyPair::generate_for(self.algorithm).unwrap();
        let leaf = self.params.self_signed(&key).unwrap();
        Identity { chain: vec![leaf.der().to_vec()], key }
    }
}

/// A root, an intermediate under it, a server and a good client; and a folder for files.
pub struct Pki {
    pub root: Ca,
    pub intermediate: Ca,
    pub server: Identity,
    pub client: Identity,
    dir: TempDir,
}

impl Pki {
    pub fn new() -> Self {
        let root = Ca::root("Test Root");
        let intermediate = root.intermediate("Test Intermediate");
        let server = Leaf::server().issued_by(&intermediate, &[&intermediate]);
        let client = Leaf::client("notes").issued_by(&intermediate, &[&intermediate]);
        Self { root, intermediate, server, client, dir: TempDir::new().unwrap() }
    }

    /// Another client of the same CA.
    pub fn client(&self, leaf: Leaf) -> Identity {
        leaf.issued_by(&self.intermediate, &[&self.intermediate])
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into the test's folder.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes an identity's files, for curl and openssl.
    pub fn files(&self, name: &str, identity: &Identity) -> (PathBuf, PathBuf) {
        let certificate = self.file(&format!("{name}.pem"), identity.chain_pem());
        (certificate, self.file(&format!("{name}.key"), identity.key.serialize_pem()))
    }
}

pub fn pem_block(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A DER element.
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let length = match length {
        ..=0x7f => vec![length as u8],
        0x80..=0xff => vec![0x81, length as u8],
        _ => [&[0x82][..], &length.to_be_bytes()].concat(),
    };
    [&[tag][..], &length, content].concat()
}
