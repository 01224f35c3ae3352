//! The settings of the relay, with its secrets: checked and ready to use.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::batch::BatchSettings;
use super::credentials::{ClientSettings, SecretHeader};
use super::idempotency::IdSource;
use super::mapping::Mapping;
use super::protobuf::Protobuf;
use super::rate::Rate;
use super::retry::RetryRules;
use crate::signature::matching_secret;
use crate::upstream::{AddressCheck, Target, Timeouts, UpstreamTls};

/// All of the relay but the address of its listener, which only a restart changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RelaySettings {
    /// The largest body that a caller may send, in bytes.
    pub max_body: u64,
    /// Whom the listener admits; there exactly if it has an address.
    pub callers: Option<Callers>,
    /// The targets; no two with the same name or path.
    pub targets: Vec<Arc<TargetSettings>>,
}

impl RelaySettings {
    /// The target with this name.
    pub fn target(&self, name: &str) -> Option<&Arc<TargetSettings>> {
        self.targets.iter().find(|target| *target.name == *name)
    }
}

/// How callers of the listener authenticate themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callers {
    /// Where the token is.
    pub header: TokenHeader,
    /// The tokens that are accepted.
    pub tokens: CallerTokens,
}

/// Where callers put their token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenHeader {
    /// `Authorization: Bearer TOKEN`.
    Bearer,
    /// This header, which has the token alone.
    Named(HeaderName),
}

/// Tokens of callers; at least one, and none is empty. They are wiped from memory after use, and `Debug` shows nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct CallerTokens(Arc<[Zeroizing<Vec<u8>>]>);

/// One API that events are sent to.
#[derive(Debug, PartialEq)]
pub struct TargetSettings {
    /// Its name: small letters, digits and hyphens.
    pub name: Arc<str>,
    /// Its path on the listener.
    pub path: Arc<str>,
    /// Where its requests go.
    pub endpoint: Endpoint,
    /// How clawgate authenticates itself there.
    pub auth: Auth,
    /// The same in words, without a secret.
    pub credential: String,
    /// Whether events are stored first.
    pub delivery: TargetDelivery,
    /// Where the id of an event is; `None`: in `Idempotency-Key`, or clawgate makes one.
    pub id: Option<IdSource>,
    /// The header in which the target gets the id.
    pub idempotency_header: Option<HeaderName>,
    /// How the body is made; `None`: it is sent as it came.
    pub mapping: Option<Mapping>,
    /// Which message is made of that; `None`: JSON is sent.
    pub protobuf: Option<Protobuf>,
    /// Whether several events are sent in one request.
    pub batch: Option<BatchSettings>,
    /// How many requests it gets.
    pub rate: Option<Rate>,
    /// How its answers are read.
    pub rules: RetryRules,
    /// How many requests are sent at the same time; at least 1.
    pub concurrency: usize,
    /// How long an event is tried.
    pub give_up_after: Duration,
    /// How long clawgate waits for it.
    pub timeouts: Timeouts,
    /// A path on the same server, for a GET with which `doctor` tests the credential.
    pub probe: Option<PathAndQuery>,
}

impl TargetSettings {
    /// Whether values of its events become pseudonyms.
    pub fn makes_pseudonyms(&self) -> bool {
        self.mapping.as_ref().is_some_and(Mapping::makes_pseudonyms)
    }
}

/// Where requests go: one URL, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The server; `Http` or `Https`.
    pub server: Target,
    /// The value of `Host`.
    pub host: HeaderValue,
    /// Path and query.
    pub target: PathAndQuery,
    /// There exactly if the server is `Https`.
    pub tls: Option<UpstreamTls>,
    /// Which addresses the name of the server may have.
    pub addresses: AddressCheck,
}

/// How clawgate authenticates itself at a target.
#[derive(Debug, PartialEq)]
pub enum Auth {
    /// Not at all, or with the client certificate of the [`Endpoint`] only.
    None,
    /// With a header that stays the same.
    Fixed(SecretHeader),
    /// With tokens of an OAuth 2.0 server.
    ClientCredentials {
        /// Where the tokens come from.
        endpoint: Box<Endpoint>,
        /// What clawgate says there.
        client: ClientSettings,
    },
}

/// What happens to an event before the target gets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetDelivery {
    /// It is stored, and the caller gets 202.
    #[default]
    Queue,
    /// It is sent at once, and the caller gets the target's answer. Nothing is stored.
    Wait,
}

impl TargetDelivery {
    /// The word for it in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Wait => "wait",
        }
    }
}

impl CallerTokens {
    /// Takes the tokens; `None` if there is none, or an empty one.
    pub fn new(tokens: Vec<Zeroizing<Vec<u8>>>) -> Option<Self> {
        let are_usable = !tokens.is_empty() && tokens.iter().all(|token| !token.is_empty());
        are_usable.then(|| Self(tokens.into()))
    }

    /// The first of them.
    pub fn first(&self) -> &[u8] {
        self.0.first().map_or(&[], |token| token.as_slice())
    }

    /// Whether this is one of them. The time that this takes says nothing about them.
    pub fn contain(&self, presented: &[u8]) -> bool {
        matching_secret(&[Cow::Borrowed(presented)], self.0.iter().map(|token| token.as_slice()))
            .is_some()
    }
}

impl fmt::Debug for CallerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Endpoint {
    /// The server alone: some APIs have a key in the path or in the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.target == "/" { "" } else { "/…" };
        write!(f, "{}{more}", self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokens: &[&str]) -> Option<CallerTokens> {
        CallerTokens::new(tokens.iter().map(|token| token.as_bytes().to_vec().into()).collect())
    }

    #[test]
    fn each_token_is_accepted_and_nothing_else() {
        let tokens = tokens(&["first", "second"]).unwrap();
        assert!(tokens.contain(b"first") && tokens.contain(b"second"));
        for other in [&b""[..], b"firs", b"first ", b"firstsecond", b"FIRST"] {
            assert!(!tokens.contain(other));
        }
    }

    #[test]
    fn no_token_and_an_empty_one_are_refused() {
        assert_eq!(tokens(&[]), None);
        assert_eq!(tokens(&["first", ""]), None);
    }

    #[test]
    fn debug_shows_no_token() {
        assert_eq!(format!("{:?}", tokens(&["first"]).unwrap()), "[redacted]");
    }
}
