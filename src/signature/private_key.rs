//! Private keys of senders, to sign test requests with.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
};

use super::algorithm::Algorithm;

/// A sender's private key.
#[derive(Debug)]
pub struct PrivateKey(Kind);

#[derive(Debug)]
enum Kind {
    Ed25519(Ed25519KeyPair),
    EcdsaP256(EcdsaKeyPair),
    Rsa(KeyPair),
}

impl PrivateKey {
    /// Reads a key in DER: PKCS#8 (RFC 5958), or for ECDSA an ECPrivateKey (RFC 5915), for RSA an RSAPrivateKey
    /// (RFC 8017). `None` if it is no key for Ed25519, P-256 or RSA.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Kind::Ed25519);
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let ecdsa = || EcdsaKeyPair::from_private_key_der(algorithm, der).map(Kind::EcdsaP256);
        let ecdsa_pkcs8 = || EcdsaKeyPair::from_pkcs8(algorithm, der).map(Kind::EcdsaP256);
        let rsa = || KeyPair::from_pkcs8(der).or_else(|_| KeyPair::from_der(der)).map(Kind::Rsa);
        let kind = ed25519().or_else(|_| ecdsa_pkcs8()).or_else(|_| ecdsa()).or_else(|_| rsa());
        kind.ok().map(Self)
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Kind::Ed25519(_) => Algorithm::Ed25519,
            Kind::EcdsaP256(_) => Algorithm::EcdsaP256,
            Kind::Rsa(_) => Algorithm::RsaSha256,
        }
    }

    /// The signature of a message; empty if the system has no random bytes for it.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.0 {
            Kind::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Kind::EcdsaP256(key) => key
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .unwrap_or_default(),
            Kind::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.map(|()| signature).unwrap_or_default()
            }
        }
    }
}
