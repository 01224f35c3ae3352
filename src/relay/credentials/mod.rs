//! How the relay shows a target who it is. The secrets come from files and stay here: the caller of the relay never has them.
//!
//! | file | what is there |
//! | --- | --- |
//! | `fixed.rs` | bearer token, a header of the target's own, user and password |
//! | `client_credentials.rs` | tokens of OAuth 2.0 |
//! | `state.rs` | [`CredentialState`]: what is known of a credential, without the secret |
//! | `token_endpoint.rs` | [`TokenEndpoint`]: how tokens are asked for |
//! | `http_endpoint.rs` | [`HttpTokenEndpoint`]: the same, over HTTP |
//!
//! A client certificate is a matter of the connection, not of this module.

mod client_credentials;
mod fixed;
mod http_endpoint;
mod state;
#[cfg(test)]
mod tests;
mod token_endpoint;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::HeaderValue;
use http::header::AUTHORIZATION;

pub use self::client_credentials::{
    ClientAuth, ClientCredentials, ClientSettings, FAILURE_PAUSE, Token,
};
pub use self::fixed::{CredentialError, MAX_SECRET_FILE, SecretHeader, basic, bearer, own_header};
pub use self::http_endpoint::HttpTokenEndpoint;
pub use self::state::CredentialState;
pub use self::token_endpoint::{
    MAX_TOKEN_REPLY, TokenEndpoint, TokenError, TokenReply, TokenReplyFuture, TokenRequest,
};

/// What clawgate calls itself.
pub(super) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("clawgate/", env!("CARGO_PKG_VERSION")));

/// The credential of one target. Clones share it.
#[derive(Clone, Debug)]
pub enum Credential {
    /// None is needed.
    None,
    /// One that stays the same until the files are read again.
    Fixed(SecretHeader),
    /// Tokens that are renewed.
    ClientCredentials(Arc<ClientCredentials>),
}

/// A credential that was taken for one try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// The header of the request.
    pub header: Option<SecretHeader>,
    token: Option<Token>,
}

impl Credential {
    /// The credential for a try at `now`.
    pub async fn present(&self, now: Instant) -> Result<Presented, TokenError> {
        match self {
            Self::None => Ok(Presented::default()),
            Self::Fixed(header) => Ok(Presented { header: Some(header.clone()), token: None }),
            Self::ClientCredentials(tokens) => Ok(tokens.token(now).await?.into()),
        }
    }

    /// Another credential than this one, which the target has refused with 401. `None`: there is none, so the target is paused.
    pub async fn after_refusal(
        &self,
        refused: &Presented,
        now: Instant,
    ) -> Result<Option<Presented>, TokenError> {
        match (self, &refused.token) {
            (Self::ClientCredentials(tokens), Some(token)) => {
                Ok(tokens.after_refusal(token, now).await?.map(Presented::from))
            }
            _ => Ok(None),
        }
    }

    /// What is known of it at this time, by both clocks. `read`: when its files were read.
    pub fn state(&self, read: SystemTime, now: Instant, clock: SystemTime) -> CredentialState {
        match self {
            Self::None => CredentialState::None,
            Self::Fixed(_) => CredentialState::File { read },
            Self::ClientCredentials(tokens) => tokens.state(now, clock),
        }
    }

    /// Notes that the target has accepted a credential: it answered with something else than 401.
    pub fn accepted(&self, presented: &Presented) {
        if let (Self::ClientCredentials(tokens), Some(token)) = (self, &presented.token) {
            tokens.accepted(token);
        }
    }
}

impl From<Token> for Presented {
    fn from(token: Token) -> Self {
        let header = SecretHeader { name: AUTHORIZATION, value: token.authorization.clone() };
        Self { header: Some(header), token: Some(token) }
    }
}
