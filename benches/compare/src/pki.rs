//! Certificates for one run: made anew, thrown away with the folder.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm,
};

/// What the client is called; the upstream looks for it.
pub const CLIENT: &str = "bench-client";

/// Kinds of keys, for all certificates of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ECDSA with P-256.
    P256,
    /// RSA with 2048 bits.
    Rsa,
}

impl Kind {
    /// As it is written in tables and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::Rsa => "RSA-2048",
        }
    }

    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &PKCS_ECDSA_P256_SHA256,
            Self::Rsa => &PKCS_RSA_SHA256,
        }
    }
}

/// Makes `ca.pem` with `ca.key`, `server.pem`, `client.pem` and `stranger.pem` (of another CA) in `dir`, with their keys
/// as `NAME.key`, and `server.both.pem` with certificate and key.
pub fn make(dir: &Path, kind: Kind) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(dir)?;
    let key = || KeyPair::generate_for(kind.algorithm());
    let (ca_key, other_key) = (key()?, key()?);
    let ca = authority("bench CA");
    let other = authority("another CA");
    fs::write(dir.join("ca.pem"), ca.self_signed(&ca_key)?.pem())?;
    fs::write(dir.join("ca.key"), ca_key.serialize_pem())?;
    let ours = Issuer::from_params(&ca, &ca_key);
    let theirs = Issuer::from_params(&other, &other_key);
    for (name, common_name, issuer) in
        [("server", "localhost", &ours), ("client", CLIENT, &ours), ("stranger", "stranger", &theirs)]
    {
        let mut params = CertificateParams::new(if name == "server" {
            vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
        } else {
            vec![]
        })?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.distinguished_name.push(DnType::OrganizationName, "bench");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let purpose = if name == "server" {
            ExtendedKeyUsagePurpose::ServerAuth
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        };
        params.extended_key_usages = vec![purpose];
        let (not_before, not_after) = days();
        (params.not_before, params.not_after) = (not_before, not_after);
        let key = key()?;
        let certificate = params.signed_by(&key, issuer)?.pem();
        fs::write(dir.join(format!("{name}.pem")), &certificate)?;
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem())?;
        if name == "server" {
            fs::write(dir.join("server.both.pem"), certificate + &key.serialize_pem())?;
        }
    }
    Ok(())
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = days();
    params
}

fn days() -> (time::OffsetDateTime, time::OffsetDateTime) {
    let now = time::OffsetDateTime::now_utc();
    (now - time::Duration::days(1), now + time::Duration::days(30))
}
