//! Senders made on the spot: a scheme with a key of its own, and what signs with it.

use std::sync::LazyLock;
use std::time::SystemTime;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use clawgate::signature::{
    Algorithm, Encoding, Method, OutgoingRequest, PRESETS, Scheme, SignError, Source, Verifier,
};
use data_encoding::{BASE64, HEXLOWER};

use super::{scheme, verifier, with};

/// A scheme, and one of the algorithms that its senders may use (`None`: a token, or Twilio).
#[derive(Clone, Debug)]
pub struct Sender {
    pub name: String,
    pub scheme: Scheme,
    pub algorithm: Option<Algorithm>,
}

pub static ED25519: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());
pub static ECDSA: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap());
pub static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

/// A SubjectPublicKeyInfo in DER.
pub fn spki(algorithm: Algorithm) -> Vec<u8> {
    let der: PublicKeyX509Der<'_> = match algorithm {
        Algorithm::Ed25519 => ED25519.public_key().as_der().unwrap(),
        Algorithm::EcdsaP256 => ECDSA.public_key().as_der().unwrap(),
        Algorithm::RsaSha256 => RSA.public_key().as_der().unwrap(),
        other => panic!("{other} has no public key"),
    };
    der.as_ref().to_vec()
}

/// A signature by the private key of this algorithm.
pub fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::Ed25519 => ED25519.sign(message).as_ref().to_vec(),
        Algorithm::EcdsaP256 => ECDSA.sign(&random, message).unwrap().as_ref().to_vec(),
        Algorithm::RsaSha256 => {
            let mut signature = vec![0; RSA.public_modulus_len()];
            RSA.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
            signature
        }
        other => panic!("{other} has no private key"),
    }
}

impl Sender {
    fn new(name: &str, scheme: Scheme) -> Vec<Self> {
        let of = |algorithm| Self { name: name.to_owned(), scheme: scheme.clone(), algorithm };
        match scheme.method() {
            Method::Token | Method::Twilio => vec![of(None)],
            _ => scheme.algorithms().map(|algorithm| of(Some(algorithm))).collect(),
        }
    }

    /// A verifier; `secret` is what makes its key differ from others, except for public keys.
    pub fn verifier(&self, secret: &[u8]) -> Verifier {
        let key = match self.algorithm {
            Some(algorithm) if !algorithm.is_hmac() => BASE64.encode(&spki(algorithm)),
            _ if self.scheme.preset().secret_encoding.name() == "whsec" => {
                format!("whsec_{}", BASE64.encode(secret))
            }
            _ => HEXLOWER.encode(secret),
        };
        let key = match self.algorithm {
            // A scheme with secrets and public keys tells them apart.
            Some(Algorithm::Ed25519) if self.scheme.takes_secrets() => {
                format!("whpk_{}", BASE64.encode(ED25519.public_key().as_ref()))
            }
            _ => key,
        };
        verifier(self.scheme.clone(), &[&key])
    }

    /// Signs as the sender does.
    pub fn sign(
        &self,
        verifier: &Verifier,
        request: &mut OutgoingRequest,
        now: SystemTime,
        id: &str,
    ) -> Result<(), SignError> {
        match self.algorithm {
            Some(algorithm) if !algorithm.is_hmac() => {
                verifier.sign_with(request, now, id, algorithm, |message| sign(algorithm, message))
            }
            _ => verifier.sign(request, now, id),
        }
    }
}

/// Every preset with each of its algorithms, and what the generic ones can be made to.
pub fn senders() -> Vec<Sender> {
    let header = || vec!["header:x-signature".parse::<Source>().unwrap()];
    let mut senders = Vec::new();
    for preset in PRESETS {
        match preset.name {
            "hmac" | "public-key" => {
                let is_hmac = preset.name == "hmac";
                for algorithm in Algorithm::ALL.iter().filter(|algorithm| algorithm.is_hmac() == is_hmac)
                {
                    for encoding in Encoding::ALL {
                        senders.extend(Sender::new(
                            &format!("{} {algorithm} {encoding}", preset.name),
                            with(preset.name, |own| {
                                own.signature = header();
                                own.algorithm = Some(*algorithm);
                                own.encoding = Some(*encoding);
                            }),
                        ));
                    }
                }
            }
            "token" => {
                for source in ["header:x-token", "bearer", "basic", "query:token", "body:/token"] {
                    let scheme = with("token", |own| own.signature = vec![source.parse().unwrap()]);
                    senders.extend(Sender::new(&format!("token {source}"), scheme));
                }
            }
            name => senders.extend(Sender::new(name, scheme(name))),
        }
    }
    senders
}
