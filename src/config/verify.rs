//! How a route verifies signatures, from its `[route.verify]`.

use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use humantime::format_duration;

use super::secret::Secret;
use crate::signature::{Challenge, ReplayBy, Verifier};

/// How a route verifies signatures.
#[derive(Clone, Debug)]
pub struct VerifySettings {
    /// Scheme and keys.
    pub verifier: Arc<Verifier>,
    /// The files of the verifier's keys, in the same order.
    pub key_files: Vec<KeyFile>,
    /// Which test of the address is answered.
    pub challenge: Option<ChallengeSettings>,
    /// Whether requests without a valid signature are let in, and only logged.
    pub audit: bool,
    /// The status for an event that has been there before: 200 to 299.
    pub status: StatusCode,
}

/// A file with a secret or a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// The file.
    pub path: PathBuf,
    /// What it held when the settings were loaded, to notice a change.
    pub(crate) content: Secret,
}

/// A test of the address that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeSettings {
    /// Whose test it is.
    pub kind: Challenge,
    /// The verify token that was given to Meta; only there for [`Challenge::Meta`].
    pub token: Option<Secret>,
}

impl VerifySettings {
    /// What is verified, and with which files, for people: several lines, no secret.
    pub(super) fn lines(&self) -> Vec<String> {
        let scheme = self.verifier.scheme();
        let mut lines = vec![format!("signatures of {} ({})", scheme.preset().sender, scheme.name())];
        for (file, key) in self.key_files.iter().zip(self.verifier.keys()) {
            lines.push(format!("key in {}: {}", file.path.display(), key.form()));
        }
        lines.push(match scheme.coverage().parts() {
            parts if parts.is_empty() => "nothing of a request is signed".to_owned(),
            parts => format!("signed: {}", parts.join(", ")),
        });
        if let Some(tolerance) = scheme.tolerance() {
            lines.push(format!("signed within {} of clawgate's clock", format_duration(tolerance)));
        }
        lines.push(match scheme.replay() {
            ReplayBy::Off => "repeated requests are not recognised".to_owned(),
            by => format!("repeated requests are recognised by {by}, and get {}", self.status.as_u16()),
        });
        if let Some(ChallengeSettings { kind, .. }) = &self.challenge {
            lines.push(format!("the test of the address by {kind} is answered"));
        }
        if self.audit {
            lines.push("AUDIT ONLY: requests without a valid signature are let in".to_owned());
        }
        lines
    }
}
