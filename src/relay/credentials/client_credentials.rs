//! Tokens by the client credentials grant of OAuth 2.0 (RFC 6749 section 4.4).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use zeroize::Zeroizing;

use super::fixed::{CredentialError, basic_header, line};
use super::state::CredentialState;
use super::token_endpoint::{TokenEndpoint, TokenError, TokenRequest, read};

/// How long a failure of the token endpoint counts for all that ask, before it is asked again.
pub const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// How a client says who it is (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// With `Authorization: Basic`, which every server has to know.
    #[default]
    Basic,
    /// With `client_id` and `client_secret` in the form.
    Body,
}

/// What the settings say of the grant.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// The client's name.
    pub client_id: String,
    /// The content of the file with the client's secret.
    pub client_secret: Zeroizing<Vec<u8>>,
    /// What the token is to be good for, as the server names it.
    pub scope: Option<String>,
    /// More parameters of the form, such as `audience` or `resource`.
    pub parameters: Vec<(String, String)>,
    /// How the client says who it is.
    pub auth: ClientAuth,
    /// The longest time for one request to the token endpoint.
    pub timeout: Duration,
}

/// The token of one target. All that send to the target share it. The token is in memory only.
pub struct ClientCredentials {
    client_id: String,
    secret: Zeroizing<String>,
    scope: Option<String>,
    parameters: Vec<(String, String)>,
    auth: ClientAuth,
    timeout: Duration,
    endpoint: Arc<dyn TokenEndpoint>,
    state: Mutex<State>,
    /// Held during a request to the endpoint, so that there is only one at a time.
    asking: tokio::sync::Mutex<()>,
    /// How many requests to the endpoint have failed.
    failures: AtomicU64,
}

/// A token that was taken to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The value for `Authorization`, marked sensitive.
    pub authorization: HeaderValue,
    /// Which of the tokens it is, counted from 1.
    generation: u64,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// How many tokens there were.
    generation: u64,
    /// Whether a token was refused, and no token has been accepted since.
    refused: bool,
    /// The last failure, and until when it counts.
    failed: Option<(TokenError, Instant)>,
}

struct Current {
    token: Token,
    /// When it should be renewed, and when it ends; `None`: never.
    lifetime: Option<(Instant, Instant)>,
}

/// What can be done with the token that is there.
enum Usable {
    Fresh(Token),
    /// It should be renewed, but is still good.
    Aging(Token),
    None,
}

impl Current {
    fn has_ended(&self, now: Instant) -> bool {
        self.lifetime.is_some_and(|(_, end)| now >= end)
    }
}

impl ClientSettings {
    /// Whether they can be used.
    pub fn check(&self) -> Result<(), CredentialError> {
        const OWN: [&str; 5] = ["grant_type", "client_id", "client_secret", "scope", "refresh_token"];
        if self.client_id.is_empty() {
            return Err(CredentialError::UserName);
        }
        let is_own = |name: &str| name.is_empty() || OWN.contains(&name);
        if let Some((name, _)) = self.parameters.iter().find(|(name, _)| is_own(name)) {
            return Err(CredentialError::Parameter(name.clone()));
        }
        line(&self.client_secret).map(drop)
    }
}

impl ClientCredentials {
    /// Checks the settings. Sends nothing.
    pub fn new(
        settings: ClientSettings,
        endpoint: Arc<dyn TokenEndpoint>,
    ) -> Result<Self, CredentialError> {
        settings.check()?;
        Ok(Self {
            client_id: settings.client_id,
            secret: line(&settings.client_secret)?,
            scope: settings.scope,
            parameters: settings.parameters,
            auth: settings.auth,
            timeout: settings.timeout,
            endpoint,
            state: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
        })
    }

    /// A token for a request at `now`. It is renewed when 80 % of its time have passed. While somebody else renews it, the old one
    /// is used as long as it is good; without one, all wait for the same request to the endpoint, and share its failure.
    pub async fn token(&self, now: Instant) -> Result<Token, TokenError> {
        let failures = self.failures.load(Ordering::Acquire);
        match self.usable(now) {
            Usable::Fresh(token) => Ok(token),
            Usable::Aging(token) => {
                let Ok(_asking) = self.asking.try_lock() else {
                    return Ok(token);
                };
                Ok(self.ask(failures, now).await.unwrap_or(token))
            }
            Usable::None => {
                let _asking = self.asking.lock().await;
                self.ask(failures, now).await
            }
        }
    }

    /// Another token than this one, which the target has refused with 401. `None`: there is no hope for another one. A refused token is
    /// renewed once; if the new one is refused, too, no further one is asked for until a token has been accepted.
    pub async fn after_refusal(
        &self,
        refused: &Token,
        now: Instant,
    ) -> Result<Option<Token>, TokenError> {
        let failures = self.failures.load(Ordering::Acquire);
        let _asking = self.asking.lock().await;
        {
            let mut state = self.locked();
            let is_current = |current: &Current| current.token.generation == refused.generation;
            if state.current.as_ref().is_some_and(is_current) {
                if state.refused {
                    return Ok(None);
                }
                state.refused = true;
                state.current = None;
            }
        }
        self.ask(failures, now).await.map(Some)
    }

    /// Notes that the target has accepted a token.
    pub fn accepted(&self, token: &Token) {
        let mut state = self.locked();
        if state.generation == token.generation {
            state.refused = false;
        }
    }

    /// What is known of the token at this time, by both clocks.
    pub(super) fn state(&self, now: Instant, clock: SystemTime) -> CredentialState {
        let state = self.locked();
        let at = |then: Instant| clock.checked_add(then.saturating_duration_since(now));
        let failure = state.failed.as_ref().map(|(error, _)| error.to_string());
        let current = state.current.as_ref().filter(|current| !current.has_ended(now));
        match (current, failure) {
            (Some(Current { lifetime, .. }), failure) => {
                let (renewed, ends) = lifetime.unzip();
                CredentialState::Token {
                    renewed: renewed.and_then(at),
                    ends: ends.and_then(at),
                    failure,
                }
            }
            (None, Some(detail)) => CredentialState::Missing { detail },
            (None, None) => CredentialState::NotAsked,
        }
    }

    /// A token for the only caller that may ask the endpoint. `failures` is how many there were before it waited for that.
    async fn ask(&self, failures: u64, now: Instant) -> Result<Token, TokenError> {
        // Somebody else may have got one meanwhile.
        if let Usable::Fresh(token) = self.usable(now) {
            return Ok(token);
        }
        let failed_meanwhile = self.failures.load(Ordering::Acquire) > failures;
        if let Some((error, until)) = &self.locked().failed
            && (failed_meanwhile || now < *until)
        {
            return Err(error.clone());
        }
        let began = Instant::now();
        let reply = tokio::time::timeout(self.timeout, self.endpoint.post(self.request()?)).await;
        let issued = reply.ok().flatten().ok_or(TokenError::NoAnswer).and_then(|reply| read(&reply));
        let mut state = self.locked();
        match issued {
            Ok(issued) => {
                state.failed = None;
                state.generation += 1;
                let authorization = issued.authorization.value;
                let token = Token { authorization, generation: state.generation };
                let lifetime = issued.expires_in.and_then(|lasts| {
                    // Counted from before the request, so that it is rather too short.
                    Some((now.checked_add(lasts.mul_f64(0.8))?, now.checked_add(lasts)?))
                });
                state.current = Some(Current { token: token.clone(), lifetime });
                Ok(token)
            }
            Err(error) => {
                // Counted from the failure, and not from the time at which the caller came.
                let pause = began.elapsed() + FAILURE_PAUSE;
                state.failed = now.checked_add(pause).map(|until| (error.clone(), until));
                self.failures.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    fn usable(&self, now: Instant) -> Usable {
        let state = self.locked();
        let Some(Current { token, lifetime }) = &state.current else {
            return Usable::None;
        };
        match lifetime {
            Some((_, end)) if now >= *end => Usable::None,
            Some((renewal, _)) if now >= *renewal => Usable::Aging(token.clone()),
            _ => Usable::Fresh(token.clone()),
        }
    }

    fn request(&self) -> Result<TokenRequest, TokenError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        form.extend_pairs(&self.parameters);
        let authorization = match self.auth {
            ClientAuth::Basic => {
                let secret = Zeroizing::new(encoded(&self.secret));
                let header = basic_header(&encoded(&self.client_id), &secret);
                Some(header.map_err(|_| TokenError::Unsendable)?)
            }
            ClientAuth::Body => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", &self.secret);
                None
            }
        };
        Ok(TokenRequest { authorization, body: Zeroizing::new(form.finish()) })
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As RFC 6749 appendix B asks for name and secret in `Authorization: Basic`.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCredentials({:?}, [redacted])", self.client_id)
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientSettings({:?}, [redacted])", self.client_id)
    }
}
