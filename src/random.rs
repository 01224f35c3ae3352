//! Names that nobody can guess, and that no two processes share.

use std::io;

use data_encoding::HEXLOWER;

/// `N` random bytes, in hexadecimal digits.
///
/// # Errors
/// When the system has no random bytes.
pub fn random_hex<const N: usize>() -> io::Result<String> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(HEXLOWER.encode(&bytes))
}
