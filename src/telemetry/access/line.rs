//! The line of the access log, and the data that all lines of one connection share.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};

use crate::connection::{ConnectionInfo, TlsInfo, version_name};
use crate::identity::Peer;
use crate::identity::name::printable;
use crate::telemetry::authenticated_by::AuthenticatedBy;
use crate::telemetry::reason::RequestReason;
use crate::telemetry::trace::TraceContext;

/// A connection of an admitted client: the data that all its log lines and spans share.
#[derive(Debug)]
pub struct ConnectionFacts {
    /// The connection.
    pub connection: ConnectionInfo,
    /// What the handshake negotiated.
    pub tls: TlsInfo,
    /// The identity in the client's certificate; `None` on a listener that asks for no certificate.
    pub peer: Option<Peer>,
    /// The connection's fields of a log line, serialized once for all its requests.
    json: OnceLock<Vec<u8>>,
}

impl ConnectionFacts {
    /// Combines the data for the log lines of this connection.
    pub fn new(connection: ConnectionInfo, tls: TlsInfo, peer: Option<Peer>) -> Self {
        Self { connection, tls, peer, json: OnceLock::new() }
    }

    /// The connection's identifier.
    pub fn id(&self) -> &str {
        &self.connection.id
    }

    /// The subject of the client's certificate or, without one, the client's address. Safe to print.
    pub fn client(&self) -> String {
        match &self.peer {
            Some(peer) => peer.certificate.subject.clone(),
            None => self.connection.client_addr.ip().to_string(),
        }
    }

    /// SHA-256 of the client's certificate, if there is one.
    pub fn fingerprint(&self) -> Option<&str> {
        self.peer.as_ref().map(|peer| peer.certificate.fingerprint_sha256.as_str())
    }

    /// The identifier of the connection's request `number`, counted from 1.
    pub fn request_id(&self, number: u64) -> String {
        // A number of 64 bits has at most 20 digits.
        let mut id = String::with_capacity(self.id().len() + 1 + 20);
        id.push_str(self.id());
        // Writing into a String cannot fail.
        let _ = write!(id, "-{number}");
        id
    }
}

/// The fields of a connection in a log line.
#[derive(Serialize)]
struct ConnectionFields<'a> {
    peer: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<SocketAddr>,
    /// The common name, escaped.
    cn: Option<String>,
    /// The first alternative name, escaped.
    san: Option<&'a str>,
    fingerprint_sha256: Option<&'a str>,
    tls_version: Cow<'static, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resumed: bool,
}

impl Serialize for ConnectionFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { connection, tls, peer, .. } = self;
        let fields = ConnectionFields {
            peer: connection.client_addr,
            proxy: connection.proxy_addr,
            cn: peer.as_ref().and_then(|peer| peer.cn.as_deref()).map(printable),
            san: peer.as_ref().and_then(|peer| peer.certificate.san.first()).map(String::as_str),
            fingerprint_sha256: self.fingerprint(),
            tls_version: version_name(tls.version),
            resumed: tls.resumed,
        };
        fields.serialize(serializer)
    }
}

/// The line of one request.
#[derive(Debug, Serialize)]
pub(in crate::telemetry) struct RequestLine {
    #[serde(skip)]
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) connection: Arc<ConnectionFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<TraceContext>,
    pub(crate) protocol: &'static str,
    pub(crate) method: Cow<'static, str>,
    pub(crate) path: String,
    pub(crate) route: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authenticated_by: Option<AuthenticatedBy>,
    /// Written by hand, since most requests have none.
    #[serde(skip)]
    pub(crate) rare: Option<Box<RareFields>>,
    pub(crate) status: u16,
    pub(crate) reason: Option<RequestReason>,
    pub(crate) detail: Option<String>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration_ms: f64,
    pub(crate) upstream: Option<Arc<str>>,
    pub(crate) upstream_ms: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) retried: bool,
    /// How many refusals of this kind and client were not logged since the last logged one.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) unlogged: u64,
}

/// What most requests do not have.
#[derive(Debug, Default, Serialize)]
pub(in crate::telemetry) struct RareFields {
    /// The scheme of the signature that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature_scheme: Option<&'static str>,
    /// The name of the file with the secret or key that the signature fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature_key: Option<Arc<str>>,
    /// The event as which the request is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_id: Option<String>,
    /// Each rule that took something out of the body, with its pointer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) shaped: Vec<String>,
    /// The bytes of the body after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shaped_bytes: Option<usize>,
}

impl RequestLine {
    /// Writes one flat object: the identifier, the fields of the connection, and the fields of the request.
    pub(super) fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let connection = self.connection.json.get_or_init(|| {
            // Cannot fail: the record has only text and numbers.
            serde_json::to_vec(&*self.connection).unwrap_or_default()
        });
        json.extend_from_slice(br#"{"id":"#);
        serde_json::to_writer(&mut *json, &self.id)?;
        push_members(json, connection);
        if let Some(rare) = &self.rare {
            push_members(json, &serde_json::to_vec(rare)?);
        }
        let end = json.len();
        serde_json::to_writer(&mut *json, self)?;
        // A comma replaces the opening brace of the second object.
        json[end] = b',';
        Ok(())
    }
}

/// Appends the members of an object, without its braces.
fn push_members(json: &mut Vec<u8>, object: &[u8]) {
    if let [b'{', members @ .., b'}'] = object
        && !members.is_empty()
    {
        json.push(b',');
        json.extend_from_slice(members);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
