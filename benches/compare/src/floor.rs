//! What the cryptography alone costs, by the library that clawgate uses.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::kem::{DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaKeyPair, VerificationAlgorithm,
};

use crate::machine::own_cpu;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Microseconds of CPU a call, over `count` of them.
fn each(count: u32, mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    work()?;
    let start = own_cpu();
    for _ in 0..count {
        work()?;
    }
    let used = own_cpu() - start;
    Ok(used.as_secs_f64() * 1e6 / f64::from(count))
}

/// The primitives of one full handshake on the server's side: sign, verify the client's certificate and
/// its proof, agree on a key. And AES-128-GCM over records of 16 KiB.
pub fn measure(count: u32) -> Outcome<Vec<(&'static str, f64)>> {
    let random = SystemRandom::new();
    let message = [0x5a; 130];

    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let signature = p256.sign(&random, &message)?;
    let sign_p256 = each(count, || p256.sign(&random, &message).map(drop).map_err(Into::into))?;
    let public = p256.public_key().as_ref();
    let verify = |algorithm: &dyn VerificationAlgorithm, key: &[u8], signature: &[u8]| -> Outcome<()> {
        Ok(algorithm.verify_sig(key, &message, signature)?)
    };
    let verify_p256 = each(count, || verify(&ECDSA_P256_SHA256_ASN1, public, signature.as_ref()))?;

    let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let mut rsa_signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PSS_SHA256, &random, &message, &mut rsa_signature)?;
    let mut scratch = rsa_signature.clone();
    let sign_rsa =
        each(count / 4, || Ok(rsa.sign(&RSA_PSS_SHA256, &random, &message, &mut scratch)?))?;
    let public = rsa.public_key().as_ref();
    let verify_rsa = each(count, || verify(&RSA_PSS_2048_8192_SHA256, public, &rsa_signature))?;

    let theirs = EphemeralPrivateKey::generate(&X25519, &random)?.compute_public_key()?;
    let x25519 = each(count, || {
        let ours = EphemeralPrivateKey::generate(&X25519, &random)?;
        ours.compute_public_key()?;
        Ok(agree_ephemeral(ours, UnparsedPublicKey::new(&X25519, theirs.as_ref()), (), |_| Ok(()))
            .map_err(|()| "no agreement")?)
    })?;
    let kem = DecapsulationKey::generate(&ML_KEM_768)?;
    let share = kem.encapsulation_key()?.key_bytes()?;
    let ml_kem = each(count, || {
        let share = EncapsulationKey::new(&ML_KEM_768, share.as_ref())?;
        share.encapsulate().map(drop).map_err(Into::into)
    })?;

    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16])?);
    let mut record = vec![0; 16 * 1024];
    let seal = each(count, || {
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let sealed = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut record);
        sealed.map(|_| ()).map_err(Into::into)
    })?;

    Ok(vec![
        ("floor.p256.x25519", sign_p256 + 2.0 * verify_p256 + x25519),
        ("floor.p256.mlkem", sign_p256 + 2.0 * verify_p256 + x25519 + ml_kem),
        ("floor.rsa.x25519", sign_rsa + 2.0 * verify_rsa + x25519),
        ("floor.sign.p256", sign_p256),
        ("floor.verify.p256", verify_p256),
        ("floor.sign.rsa", sign_rsa),
        ("floor.verify.rsa", verify_rsa),
        ("floor.x25519", x25519),
        ("floor.mlkem", ml_kem),
        // µs a record of 16 KiB -> CPU seconds a GB.
        ("floor.aes", seal / 1e6 * (1e9 / (16.0 * 1024.0))),
    ])
}
