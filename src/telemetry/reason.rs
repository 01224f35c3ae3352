//! The closed lists of reasons. Dashboards and tests depend on the codes: add, never rename.

use serde::{Serialize, Serializer};

/// Defines an enum whose variants have a stable code, once.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

reasons! {
    /// Why a connection was refused before a request could be made on it.
    HandshakeReason {
        /// No certificate came.
        ClientCertMissing = "client_cert_missing",
        /// The leaf is its own issuer.
        ClientCertSelfSigned = "client_cert_self_signed",
        /// Its issuer is none of the configured CAs.
        ClientCertUnknownCa = "client_cert_unknown_ca",
        /// Its issuer has the name of a configured CA, but another key.
        ClientCertWrongCaKey = "client_cert_wrong_ca_key",
        /// Altered after it was signed.
        ClientCertBadSignature = "client_cert_bad_signature",
        /// An intermediate was not sent.
        ClientChainIncomplete = "client_chain_incomplete",
        /// Name constraint, path length, issuer that is no CA, or too deep.
        ClientChainInvalid = "client_chain_invalid",
        /// The leaf has expired.
        ClientCertExpired = "client_cert_expired",
        /// The leaf is not valid yet.
        ClientCertNotYetValid = "client_cert_not_yet_valid",
        /// An intermediate or the CA has expired.
        ClientChainExpired = "client_chain_expired",
        /// Not for TLS clients.
        ClientCertWrongPurpose = "client_cert_wrong_purpose",
        /// A CA certificate used as the client's own.
        ClientCertIsCa = "client_cert_is_ca",
        /// X.509 v1, or an unknown critical extension.
        ClientCertUnsupported = "client_cert_unsupported",
        /// A kind or size of key that is not accepted.
        ClientCertKeyUnsupported = "client_cert_key_unsupported",
        /// Signed with SHA-1 or MD5.
        ClientCertWeakSignature = "client_cert_weak_signature",
        /// The client does not hold the certificate's key.
        ClientKeyMismatch = "client_key_mismatch",
        /// Not X.509.
        ClientCertMalformed = "client_cert_malformed",
        /// The Certificate message is over the limit.
        ClientCertTooLarge = "client_cert_too_large",
        /// On its issuer's CRL.
        ClientCertRevoked = "client_cert_revoked",
        /// Verified, but the rules or pins are against it.
        ClientNotAllowed = "client_not_allowed",
        /// The issuer's CRL is past its nextUpdate.
        CrlExpired = "crl_expired",
        /// No CRL for the issuer, where one is demanded.
        CrlUnavailable = "crl_unavailable",
        /// The client refused clawgate's certificate.
        ServerCertRejected = "server_cert_rejected",
        /// Only TLS 1.1 or older.
        TlsVersion = "tls_version",
        /// No common cipher suite, group or signature scheme.
        NoCommonAlgorithms = "no_common_algorithms",
        /// ALPN without h2 and http/1.1.
        AlpnMismatch = "alpn_mismatch",
        /// SNI names no served host.
        UnknownSni = "unknown_sni",
        /// HTTP without TLS.
        PlainHttp = "plain_http",
        /// A PROXY header where none is expected, or none where one is.
        ProxyProtocol = "proxy_protocol",
        /// Another protocol.
        NotTls = "not_tls",
        /// Closed without a byte.
        TcpProbe = "tcp_probe",
        /// Closed or reset in the middle.
        ClientClosed = "client_closed",
        /// Any other alert from the client.
        ClientAlert = "client_alert",
        /// Not done in time.
        HandshakeTimeout = "handshake_timeout",
        /// Malformed or misordered TLS.
        ProtocolError = "protocol_error",
        /// clawgate's own limits.
        Overloaded = "overloaded",
        /// A fault of clawgate.
        InternalError = "internal_error",
    }
}

/// Who has to correct the cause of a refused connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonClass {
    /// The client's side.
    Client,
    /// This clawgate, its certificates or its environment.
    Ours,
    /// Nobody: probes and scanners.
    Noise,
}

impl HandshakeReason {
    /// Who has to correct its cause; decides the level of its log line.
    pub fn class(self) -> ReasonClass {
        match self {
            Self::CrlExpired
            | Self::CrlUnavailable
            | Self::ServerCertRejected
            | Self::ProxyProtocol
            | Self::Overloaded
            | Self::InternalError => ReasonClass::Ours,
            Self::NotTls | Self::TcpProbe => ReasonClass::Noise,
            _ => ReasonClass::Client,
        }
    }
}

reasons! {
    /// Why clawgate itself answered a request, instead of the upstream.
    RequestReason {
        /// Not HTTP as RFC 9110 and 9112 define it, or ambiguous.
        BadRequest = "bad_request",
        /// Content-Length with Transfer-Encoding, a repeated Content-Length and the like.
        BadFraming = "bad_framing",
        /// More header bytes or fields than the upstream would take.
        HeadersTooLarge = "headers_too_large",
        /// No Host, several, or one that is no host.
        BadHost = "bad_host",
        /// Host and SNI name different servers.
        MisdirectedRequest = "misdirected_request",
        /// The head of the request came too slowly.
        HeadTimeout = "head_timeout",
        /// A longer request target than clawgate takes.
        UriTooLong = "uri_too_long",
        /// A path that could be read in two ways.
        BadPath = "bad_path",
        /// A token in the query string, where logs would keep it.
        TokenInQuery = "token_in_query",
        /// WebSocket, h2c, CONNECT.
        UpgradeRefused = "upgrade_refused",
        /// An expectation other than `100-continue`.
        ExpectationFailed = "expectation_failed",
        /// No route has the path.
        NoRoute = "no_route",
        /// The route has other methods.
        MethodNotAllowed = "method_not_allowed",
        /// The route's rules do not admit the client.
        IdentityNotAllowed = "identity_not_allowed",
        /// More requests in a second than the client may make.
        RateLimited = "rate_limited",
        /// More requests under way than the client may have.
        TooManyAtOnce = "too_many_at_once",
        /// Larger than the route takes.
        BodyTooLarge = "body_too_large",
        /// The body stopped coming.
        BodyTimeout = "body_timeout",
        /// As many requests are with the upstream, and wait for it, as may.
        UpstreamBusy = "upstream_busy",
        /// Nobody listens at the upstream's address.
        UpstreamUnavailable = "upstream_unavailable",
        /// The upstream did not take the connection in time.
        UpstreamConnectTimeout = "upstream_connect_timeout",
        /// The upstream took the request and did not answer in time.
        UpstreamTimeout = "upstream_timeout",
        /// The upstream closed before it answered.
        UpstreamClosed = "upstream_closed",
        /// The upstream answered something else than HTTP.
        UpstreamProtocolError = "upstream_protocol_error",
        /// The client does not take its answer.
        AnswerTimeout = "answer_timeout",
        /// From head to end the request took longer than one may.
        RequestTimeout = "request_timeout",
        /// The client left before its answer.
        SenderGone = "sender_gone",
        /// A fault of clawgate.
        InternalError = "internal_error",
    }
}

reasons! {
    /// What there is a limit to; named as the setting is, without `limits.`.
    Limit {
        /// Connections open at once.
        Connections = "connections",
        /// Those of one source address.
        ConnectionsPerSource = "connections_per_source",
        /// Those of one identity.
        ConnectionsPerIdentity = "connections_per_identity",
        /// Handshakes under way at once.
        Handshakes = "handshakes",
        /// Bytes that those hold which hold much.
        HandshakeBytes = "handshake_bytes",
        /// Handshakes of one source address in a second.
        HandshakeRate = "handshake_rate",
        /// Time for a request's head.
        HeadTimeout = "head_timeout",
        /// Bytes and fields of a request's head.
        Head = "head",
        /// Bytes of a request's target.
        Uri = "uri",
        /// Bytes of a request's body.
        Body = "body",
        /// Time and rate of a request's body.
        BodyTimeout = "body_timeout",
        /// Time in which a client takes nothing of its answer.
        SendTimeout = "send_timeout",
        /// Time for a request from head to end.
        RequestTimeout = "request_timeout",
        /// Requests of one identity in a second.
        RequestRate = "request_rate",
        /// Requests of one identity under way at once.
        RequestsAtOnce = "requests_at_once",
        /// Streams of one HTTP/2 connection that were opened, reset or broken too fast, and other floods of
        /// frames.
        Streams = "streams",
        /// Requests on one connection.
        ConnectionRequests = "connection_requests",
        /// Requests at an upstream at once, and in its queue.
        UpstreamConnections = "upstream_connections",
        /// The operating system's: open files.
        OpenFiles = "open_files",
    }
}

impl RequestReason {
    /// The limit that a request ran into, where it was one.
    pub fn limit(self) -> Option<Limit> {
        match self {
            Self::HeadTimeout => Some(Limit::HeadTimeout),
            Self::HeadersTooLarge => Some(Limit::Head),
            Self::UriTooLong => Some(Limit::Uri),
            Self::BodyTooLarge => Some(Limit::Body),
            Self::BodyTimeout => Some(Limit::BodyTimeout),
            Self::AnswerTimeout => Some(Limit::SendTimeout),
            Self::RequestTimeout => Some(Limit::RequestTimeout),
            Self::RateLimited => Some(Limit::RequestRate),
            Self::TooManyAtOnce => Some(Limit::RequestsAtOnce),
            Self::UpstreamBusy => Some(Limit::UpstreamConnections),
            _ => None,
        }
    }
}
