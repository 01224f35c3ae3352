//! How the requests of one route are verified, with what clawgate remembers of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::{HeaderMap, Method, StatusCode};
use zeroize::Zeroizing;

use super::preset::Challenge;
use super::replay::ReplayWindow;
use super::request::SignedRequest;
use super::verifier::Verifier;
use crate::limits::FailedSignatures;
use crate::telemetry::metrics::SignatureMetrics;

/// How the requests of one route are verified. A reload makes a new one; what was remembered stays.
pub struct Verification {
    /// Scheme and keys.
    pub verifier: Arc<Verifier>,
    /// What senders call: `https://host[:port]`, for schemes that sign the URL.
    pub public_url: Option<Arc<str>>,
    /// How the sender checks that the URL is ours, and clawgate's answer.
    pub challenge: Option<Challenge>,
    /// What a challenge with a token must have.
    pub challenge_token: Option<Zeroizing<Vec<u8>>>,
    /// Whether a secret that the sender told with a challenge was logged.
    pub secret_logged: Arc<AtomicBool>,
    /// Whether a request without a valid signature is only logged.
    pub audit: bool,
    /// The status that the sender takes for success.
    pub success: StatusCode,
    /// The events that were delivered.
    pub replays: ReplayWindow,
    /// How often clients sent an invalid signature; `None` where that is not limited.
    pub failures: Option<FailedSignatures>,
    /// Counts the results.
    pub metrics: Arc<SignatureMetrics>,
}

impl Verification {
    /// A request of this route as its sender signed it. `target` is the path with the query. `body` is empty as long as it
    /// is not read.
    pub fn request<'a>(
        &'a self,
        method: &'a Method,
        target: &'a str,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> SignedRequest<'a> {
        SignedRequest { method, target, public_url: self.public_url.as_deref(), headers, body }
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification")
            .field("scheme", &self.verifier.scheme().name())
            .finish_non_exhaustive()
    }
}
