//! What the files with credentials for NATS must hold.

use data_encoding::BASE32_NOPAD;
use thiserror::Error;

/// A larger file is some other file. A JWT with many permissions has some kilobytes.
pub const MAX_CREDENTIALS_FILE: usize = 64 << 10;

/// The length of a seed: two bytes for its kind, 32 of the seed and two of a checksum, in Base32.
const SEED: usize = 58;

/// Why the content of a file is not what belongs into it. None of these quotes it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CredentialError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Not text.
    #[error("is not UTF-8")]
    NoText,
    /// More than a token or a password.
    #[error("has more than one line")]
    Lines,
    /// Something else than the seed of a user's key.
    #[error("has no seed of a user's key in it, which begins with SU")]
    NoSeed,
    /// The part of a creds file with the JWT is missing.
    #[error("has no part between `-----BEGIN NATS USER JWT-----` and `------END NATS USER JWT------`")]
    NoJwt,
}

impl CredentialError {
    /// What to do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Empty | Self::NoText | Self::Lines => "put the secret itself into it, on one line",
            Self::NoSeed => "put the user's seed into it, as `nsc` or `nk -gen user` writes it",
            Self::NoJwt => "use the file that `nsc generate creds` writes for the user",
        }
    }
}

/// A token or a password: one line.
///
/// # Errors
/// When it is none.
pub(in crate::inbox) fn secret(content: &[u8]) -> Result<&str, CredentialError> {
    let text = std::str::from_utf8(content).map_err(|_| CredentialError::NoText)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(CredentialError::Empty);
    }
    if text.contains(['\n', '\r']) {
        return Err(CredentialError::Lines);
    }
    Ok(text)
}

/// The seed of a user's key: the only line of the file that begins as one.
///
/// # Errors
/// When there is none.
pub(in crate::inbox) fn seed(content: &[u8]) -> Result<&str, CredentialError> {
    let text = std::str::from_utf8(content).map_err(|_| CredentialError::NoText)?;
    if text.trim().is_empty() {
        return Err(CredentialError::Empty);
    }
    text.lines().map(str::trim).find(|line| is_seed(line)).ok_or(CredentialError::NoSeed)
}

fn is_seed(line: &str) -> bool {
    line.len() == SEED && line.starts_with("SU") && BASE32_NOPAD.decode(line.as_bytes()).is_ok()
}

/// The JWT of a user, and the seed of its key.
///
/// # Errors
/// When one of them is missing.
pub(in crate::inbox) fn jwt_and_seed(content: &[u8]) -> Result<(&str, &str), CredentialError> {
    let seed = seed(content)?;
    let text = std::str::from_utf8(content).map_err(|_| CredentialError::NoText)?;
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("---") && line.contains("BEGIN NATS USER JWT"));
    let jwt = lines.next().filter(|line| line.split('.').count() == 3);
    let is_ended = lines.next().is_some_and(|line| line.starts_with("---"));
    jwt.filter(|_| is_ended).map(|jwt| (jwt, seed)).ok_or(CredentialError::NoJwt)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "SUAIO3FHUX5PNV2LQIIP7TZ3N4L7TX3W53MQGEIVYFIGA635OZCKEYHFLM";

    #[test]
    fn one_newline_at_the_end_is_not_part_of_a_secret() {
        assert_eq!(secret(b"pass word\n"), Ok("pass word"));
        assert_eq!(secret(b"password\r\n"), Ok("password"));
        assert_eq!(secret(b"\n"), Err(CredentialError::Empty));
        assert_eq!(secret(b"a\nb\n"), Err(CredentialError::Lines));
        assert_eq!(secret(b"\xff"), Err(CredentialError::NoText));
    }

    #[test]
    fn a_seed_may_have_other_lines_around_it() {
        assert_eq!(seed(SEED.as_bytes()), Ok(SEED));
        assert_eq!(seed(format!("{SEED}\nUABC\n").as_bytes()), Ok(SEED));
        assert_eq!(seed(b"SUABC"), Err(CredentialError::NoSeed));
        assert_eq!(seed(b" \n"), Err(CredentialError::Empty));
    }

    #[test]
    fn a_creds_file_has_a_jwt_and_a_seed() {
        let creds = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.sig-_\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\
             -----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
        );
        assert_eq!(jwt_and_seed(creds.as_bytes()), Ok(("eyJ0.eyJq.sig-_", SEED)));
        assert_eq!(jwt_and_seed(SEED.as_bytes()), Err(CredentialError::NoJwt));
        assert_eq!(jwt_and_seed(b"-----BEGIN NATS USER JWT-----"), Err(CredentialError::NoSeed));
    }
}
