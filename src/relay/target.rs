//! A target in use: what all threads that send to it share.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::IgnoredAny;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::credentials::{
    AGENT, ClientCredentials, Credential, CredentialError, HttpTokenEndpoint, SecretHeader, TokenError,
};
use super::idempotency::{EventIdentity, IdError, identity};
use super::mapping::{MappingError, ValueFault};
use super::protobuf::{Fault, ProtobufError};
use super::rate::RateLimiter;
use super::settings::{Auth, Endpoint, TargetDelivery, TargetSettings};
use super::state::{Last, RateState, Seen, TargetState};
use crate::inbox::EventId;
use crate::signature::LookupError;
use crate::telemetry::trace::TraceContext;
use crate::upstream::{Connector, ConnectorError, UpstreamRequest};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A target in use. It outlives reloads that do not change its settings, with its tokens and with what it has used of its rate.
pub struct RelayTarget {
    settings: Arc<TargetSettings>,
    /// What its events are stored with.
    route: Arc<str>,
    pub(super) credential: Credential,
    pub(super) limiter: RateLimiter,
    pub(super) connector: Connector,
    /// How many requests may be sent for callers that wait.
    pub(super) permits: Semaphore,
    pub(super) seen: Seen,
    /// Since when it is in use: when the files with its secrets were read.
    since: SystemTime,
}

/// Why a target cannot be used.
#[derive(Debug, Error)]
pub enum UnusableTarget {
    /// TLS cannot be prepared.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The credential cannot be sent.
    #[error("its credential {0}")]
    Credential(#[from] CredentialError),
}

/// An event as a target is to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedEvent {
    /// By which id the target recognises it if it comes again.
    pub identity: EventIdentity,
    /// The body.
    pub body: Bytes,
    /// What the body is.
    pub content_type: HeaderValue,
}

/// Why an event cannot be sent to a target. Quotes nothing of the event.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotPrepared {
    /// A mapping, or a batch, is made of JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The target would not learn that it is compressed.
    #[error("the body has the coding of a Content-Encoding; send it without")]
    Encoded,
    /// It has no clear id.
    #[error(transparent)]
    Id(IdError),
    /// The body for the target cannot be made of it.
    #[error(transparent)]
    Mapping(MappingError),
    /// It is no message of the target's schema.
    #[error(transparent)]
    Protobuf(ProtobufError),
}

/// A request to a target.
#[derive(Clone, Debug)]
pub struct TargetRequest {
    /// By which id the target recognises it if it comes again; `None`: the target has no header for it.
    pub id: String,
    /// The body.
    pub body: Bytes,
    /// What the body is.
    pub content_type: HeaderValue,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

impl NotPrepared {
    /// The status of the answer to the caller.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotJson => StatusCode::BAD_REQUEST,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Id(_) | Self::Mapping(_) | Self::Protobuf(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// What to do about it, if more can be said than what is wrong.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Mapping(error) => Some(error.fault.hint().to_owned()),
            Self::Protobuf(error) => Some(error.fault.hint()),
            Self::NotJson | Self::Encoded | Self::Id(_) => None,
        }
    }
}

impl From<MappingError> for NotPrepared {
    fn from(error: MappingError) -> Self {
        match error.fault {
            ValueFault::NotJson => Self::NotJson,
            _ => Self::Mapping(error),
        }
    }
}

impl From<ProtobufError> for NotPrepared {
    fn from(error: ProtobufError) -> Self {
        match error.fault {
            Fault::NotJson => Self::NotJson,
            _ => Self::Protobuf(error),
        }
    }
}

impl From<IdError> for NotPrepared {
    fn from(error: IdError) -> Self {
        match error {
            IdError::Body { fault: LookupError::NotJson, .. } => Self::NotJson,
            error => Self::Id(error),
        }
    }
}

impl RelayTarget {
    /// Prepares a target. Sends nothing.
    ///
    /// # Errors
    /// When its TLS or its credential cannot be used.
    pub fn new(settings: Arc<TargetSettings>) -> Result<Self, UnusableTarget> {
        let credential = match &settings.auth {
            Auth::None => Credential::None,
            Auth::Fixed(header) => Credential::Fixed(header.clone()),
            Auth::ClientCredentials { endpoint, client } => {
                let (host, target) = (endpoint.host.clone(), endpoint.target.clone());
                let endpoint = HttpTokenEndpoint::new(connector(endpoint)?, host, target);
                let tokens = ClientCredentials::new(client.clone(), Arc::new(endpoint))?;
                Credential::ClientCredentials(Arc::new(tokens))
            }
        };
        Ok(Self {
            credential,
            limiter: RateLimiter::new(settings.rate, Instant::now()),
            connector: connector(&settings.endpoint)?,
            permits: Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            route: route_of(&settings.name),
            seen: Seen::default(),
            since: SystemTime::now(),
            settings,
        })
    }

    /// What the settings say of it.
    pub fn settings(&self) -> &Arc<TargetSettings> {
        &self.settings
    }

    /// What its events are stored with, where those of a route have the route's path.
    pub fn route(&self) -> &Arc<str> {
        &self.route
    }

    /// Whether its events are stored first.
    pub fn stores_events(&self) -> bool {
        self.settings.delivery == TargetDelivery::Queue
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    /// The event as the target is to get it. `stored` is the id that clawgate stores it with.
    ///
    /// # Errors
    /// When nothing can be sent for it.
    pub fn prepare(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        stored: EventId,
    ) -> Result<PreparedEvent, NotPrepared> {
        let TargetSettings { id, mapping, protobuf, batch, .. } = &*self.settings;
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(NotPrepared::Encoded);
        }
        let identity = identity(id.as_ref(), headers, body, stored)?;
        let mapped = mapping.as_ref().map(|mapping| mapping.apply(body)).transpose()?;
        if let Some(protobuf) = protobuf {
            let body = protobuf.message_type().encode(mapped.as_ref().unwrap_or(body))?;
            return Ok(PreparedEvent { identity, body, content_type: PROTOBUF });
        }
        if let Some(body) = mapped {
            return Ok(PreparedEvent { identity, body, content_type: JSON });
        }
        // One event of a batch must not change what is around it.
        if batch.is_some() && serde_json::from_slice::<IgnoredAny>(body).is_err() {
            return Err(NotPrepared::NotJson);
        }
        let content_type = headers.get(CONTENT_TYPE).cloned().unwrap_or(UNKNOWN);
        Ok(PreparedEvent { identity, body: body.clone(), content_type })
    }

    /// The header with the credential; a token is asked for if that is needed.
    ///
    /// # Errors
    /// When there is no token.
    pub async fn credential_header(&self) -> Result<Option<SecretHeader>, TokenError> {
        Ok(self.credential.present(Instant::now()).await?.header)
    }

    /// Permits one request at `now`, as `rate` and the target itself allow.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn permit(&self, now: Instant) -> Result<(), Duration> {
        self.limiter.take(now)
    }

    /// What is known of it at this time, by both clocks.
    pub fn state(&self, now: Instant, clock: SystemTime) -> TargetState {
        let TargetSettings { name, endpoint, delivery, credential, rate, .. } = &*self.settings;
        let after = |wait| clock.checked_add(wait).unwrap_or(clock);
        let Last { success, failure, quota } = self.seen.last().clone();
        let left = rate.zip(self.limiter.left(now));
        TargetState {
            name: Arc::clone(name),
            server: endpoint.server.to_string(),
            delivery: delivery.as_str(),
            auth: credential.clone(),
            credential: self.credential.state(self.since, now, clock),
            last_success: success,
            last_failure: failure,
            rate: left.map(|(rate, (left, wait))| RateState {
                rate: rate.to_string(),
                left,
                next: wait.map(after),
            }),
            quota,
            paused_until: self.limiter.paused(now).map(after),
        }
    }

    /// The request, with the fields of clawgate's own but the credential.
    pub fn request(&self, request: &TargetRequest) -> (HeaderMap, Bytes) {
        let TargetRequest { id, body, content_type, trace } = request;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(HOST, self.settings.endpoint.host.clone());
        headers.insert(USER_AGENT, AGENT);
        headers.insert(CONTENT_TYPE, content_type.clone());
        if let Some(name) = &self.settings.idempotency_header
            && let Ok(id) = HeaderValue::from_str(id)
        {
            headers.insert(name.clone(), id);
        }
        if let Some(trace) = trace {
            trace.inject(&mut headers);
        }
        (headers, body.clone())
    }

    /// The request for the client of upstreams.
    pub(super) fn upstream_request(&self, headers: HeaderMap, body: Bytes) -> UpstreamRequest {
        UpstreamRequest::own(self.settings.endpoint.target.clone(), headers, body)
    }
}

impl fmt::Debug for RelayTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelayTarget({})", self.settings.name)
    }
}

/// What the events of the target with this name are stored with. No path of a route begins so.
pub fn route_of(name: &str) -> Arc<str> {
    format!("relay:{name}").into()
}

/// Connects to the addresses that the settings allow.
fn connector(endpoint: &Endpoint) -> Result<Connector, ConnectorError> {
    let connector = Connector::new(endpoint.server.clone(), endpoint.tls.as_ref())?;
    Ok(connector.with_address_check(endpoint.addresses.clone()))
}
