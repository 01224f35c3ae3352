//! Names that nobody can guess, and that no two processes share.

use std::io;

use data_encoding::HEXLOWER;

/// `N` random bytes, in hexadecimal digits.
///
/// # Errors
/// When the system has no random bytes.
pub fn random_hex<const N: usize>() -> io::Result<String> {
    random_bytes::<N>().map(|bytes| HEXLOWER.encode(&bytes))
}

/// `N` random bytes.
///
/// # Errors
/// When the system has no random bytes.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// A random number from 0 to 1, to spread things over time; 0.5 when the system has no random bytes.
pub fn random_fraction() -> f64 {
    let mut bytes = [0; 4];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}
