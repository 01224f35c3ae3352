//! The closed lists of reasons. Dashboards and tests depend on the codes: add new ones, but never rename one.

use serde::{Serialize, Serializer};

/// Defines an enum whose variants have stable codes.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All reasons, in the order of the list.
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
        /// The client sent no certificate.
        ClientCertMissing = "client_cert_missing",
        /// The leaf is its own issuer.
        ClientCertSelfSigned = "client_cert_self_signed",
        /// Its issuer is not one of the configured CAs.
        ClientCertUnknownCa = "client_cert_unknown_ca",
        /// Its issuer has the name of a configured CA, but another key.
        ClientCertWrongCaKey = "client_cert_wrong_ca_key",
        /// It was altered after it was signed.
        ClientCertBadSignature = "client_cert_bad_signature",
        /// An intermediate was not sent.
        ClientChainIncomplete = "client_chain_incomplete",
        /// A name constraint, a path length, an issuer that is not a CA, or a chain that is too long.
        ClientChainInvalid = "client_chain_invalid",
        /// The leaf has expired.
        ClientCertExpired = "client_cert_expired",
        /// The leaf is not valid yet.
        ClientCertNotYetValid = "client_cert_not_yet_valid",
        /// An intermediate or the CA has expired.
        ClientChainExpired = "client_chain_expired",
        /// Its key usages do not allow TLS clients.
        ClientCertWrongPurpose = "client_cert_wrong_purpose",
        /// The client's own certificate is a CA certificate.
        ClientCertIsCa = "client_cert_is_ca",
        /// It is X.509 v1, or has an unknown critical extension.
        ClientCertUnsupported = "client_cert_unsupported",
        /// Its key has a kind or size that is not accepted.
        ClientCertKeyUnsupported = "client_cert_key_unsupported",
        /// It is signed with SHA-1 or MD5.
        ClientCertWeakSignature = "client_cert_weak_signature",
        /// The client does not have the certificate's private key.
        ClientKeyMismatch = "client_key_mismatch",
        /// It is not X.509.
        ClientCertMalformed = "client_cert_malformed",
        /// The Certificate message is larger than the limit.
        ClientCertTooLarge = "client_cert_too_large",
        /// It is on its issuer's CRL.
        ClientCertRevoked = "client_cert_revoked",
        /// It was verified, but the rules or pins refuse it.
        ClientNotAllowed = "client_not_allowed",
        /// The issuer's CRL is past its nextUpdate.
        CrlExpired = "crl_expired",
        /// There is no CRL of the issuer, and one is required.
        CrlUnavailable = "crl_unavailable",
        /// The client refused clawgate's certificate.
        ServerCertRejected = "server_cert_rejected",
        /// The client supports TLS 1.1 or older only.
        TlsVersion = "tls_version",
        /// Client and clawgate have no cipher suite, group or signature scheme in common.
        NoCommonAlgorithms = "no_common_algorithms",
        /// The client's ALPN has neither h2 nor http/1.1.
        AlpnMismatch = "alpn_mismatch",
        /// SNI names a host that clawgate does not serve.
        UnknownSni = "unknown_sni",
        /// The client sent HTTP without TLS.
        PlainHttp = "plain_http",
        /// The PROXY header is unexpected, missing or not valid.
        ProxyProtocol = "proxy_protocol",
        /// The client sent another protocol.
        NotTls = "not_tls",
        /// The client closed the connection before it sent a byte.
        TcpProbe = "tcp_probe",
        /// The client closed or reset the connection during the handshake.
        ClientClosed = "client_closed",
        /// The client sent another alert.
        ClientAlert = "client_alert",
        /// The handshake took too long.
        HandshakeTimeout = "handshake_timeout",
        /// TLS messages are malformed or in the wrong order.
        ProtocolError = "protocol_error",
        /// One of clawgate's own limits was reached.
        Overloaded = "overloaded",
        /// An error in clawgate itself.
        InternalError = "internal_error",
    }
}

/// Who has to act after a refused connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonClass {
    /// The operator of the client.
    Client,
    /// The operator: clawgate, its certificates or its environment are at fault.
    Ours,
    /// Nobody: it was a probe or a scanner.
    Noise,
}

impl HandshakeReason {
    /// Who has to act. This decides the level of the log line.
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
    /// Why clawgate itself responded to a request, instead of the upstream.
    RequestReason {
        /// The request is ambiguous, or not HTTP as RFC 9110 and RFC 9112 define it.
        BadRequest = "bad_request",
        /// Both Content-Length and Transfer-Encoding, a repeated Content-Length, and the like.
        BadFraming = "bad_framing",
        /// The head has more bytes or fields than the upstream would accept.
        HeadersTooLarge = "headers_too_large",
        /// Host is missing, repeated or not valid.
        BadHost = "bad_host",
        /// Host and SNI name different servers.
        MisdirectedRequest = "misdirected_request",
        /// The head of the request arrived too slowly.
        HeadTimeout = "head_timeout",
        /// The request target is longer than the limit.
        UriTooLong = "uri_too_long",
        /// The path is ambiguous: servers could read it in two ways.
        BadPath = "bad_path",
        /// The query string has a token, which would appear in logs.
        TokenInQuery = "token_in_query",
        /// A request for WebSocket, h2c or CONNECT.
        UpgradeRefused = "upgrade_refused",
        /// An expectation other than `100-continue`.
        ExpectationFailed = "expectation_failed",
        /// No route matches the path.
        NoRoute = "no_route",
        /// The route does not allow the method.
        MethodNotAllowed = "method_not_allowed",
        /// The route's rules refuse the client.
        IdentityNotAllowed = "identity_not_allowed",
        /// A route that demands a signature got a request without one.
        SignatureMissing = "signature_missing",
        /// The signature does not fit, or the request is too old.
        SignatureInvalid = "signature_invalid",
        /// The client sent too many requests with an invalid signature.
        TooManyFailedSignatures = "too_many_failed_signatures",
        /// Another request with the same event is being delivered.
        EventInProgress = "event_in_progress",
        /// Too many bodies whose signature is not verified yet.
        TooManyBodies = "too_many_bodies",
        /// The body cannot be shaped as the route demands.
        NotShapeable = "not_shapeable",
        /// The inbox has no room for the event.
        InboxFull = "inbox_full",
        /// The inbox cannot store the event.
        InboxUnavailable = "inbox_unavailable",
        /// More requests per second than the client may send.
        RateLimited = "rate_limited",
        /// More requests in progress than the client may have.
        TooManyAtOnce = "too_many_at_once",
        /// The body is larger than the route allows.
        BodyTooLarge = "body_too_large",
        /// The body arrived too slowly.
        BodyTimeout = "body_timeout",
        /// The upstream has the maximum number of requests in progress, and its queue is full.
        UpstreamBusy = "upstream_busy",
        /// The upstream cannot be connected to.
        UpstreamUnavailable = "upstream_unavailable",
        /// The upstream did not accept the connection in time.
        UpstreamConnectTimeout = "upstream_connect_timeout",
        /// The upstream got the request and did not respond in time.
        UpstreamTimeout = "upstream_timeout",
        /// The upstream closed the connection before it responded.
        UpstreamClosed = "upstream_closed",
        /// The upstream's response was not HTTP.
        UpstreamProtocolError = "upstream_protocol_error",
        /// The caller of the relay has no valid token.
        RelayUnauthorized = "relay_unauthorized",
        /// A web page calls the relay.
        RelayFromBrowser = "relay_from_browser",
        /// What the target of the relay is to get cannot be made of the event.
        EventInvalid = "event_invalid",
        /// The target of the relay gets as many requests as it may get.
        TargetBusy = "target_busy",
        /// The target of the relay cannot be connected to, or gives clawgate no token.
        TargetUnavailable = "target_unavailable",
        /// The target of the relay got the event and gave no answer that can be passed on.
        TargetNoAnswer = "target_no_answer",
        /// The client does not read its response.
        AnswerTimeout = "answer_timeout",
        /// The request took longer than the limit, from its head to the end of its response.
        RequestTimeout = "request_timeout",
        /// The client left before its response.
        SenderGone = "sender_gone",
        /// An error in clawgate itself.
        InternalError = "internal_error",
    }
}

reasons! {
    /// What is limited; named as in the settings, without `limits.`.
    Limit {
        /// Connections open at once.
        Connections = "connections",
        /// Open connections of one source address.
        ConnectionsPerSource = "connections_per_source",
        /// Open connections of one identity.
        ConnectionsPerIdentity = "connections_per_identity",
        /// Handshakes in progress.
        Handshakes = "handshakes",
        /// The total memory of large handshakes, in bytes.
        HandshakeBytes = "handshake_bytes",
        /// Handshakes per second of one source address.
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
        /// How long a client may read nothing of its response.
        SendTimeout = "send_timeout",
        /// Time for a request, from its head to the end of its response.
        RequestTimeout = "request_timeout",
        /// Requests per second of one identity.
        RequestRate = "request_rate",
        /// Requests in progress of one identity.
        RequestsAtOnce = "requests_at_once",
        /// Requests with an invalid signature, per minute, of one source address at one route.
        FailedSignatures = "failed_signatures",
        /// Bodies that are read before their signature is verified.
        BufferedBodies = "buffered_bodies",
        /// The bytes of these bodies together.
        BufferedBytes = "buffered_bytes",
        /// How fast one HTTP/2 connection may open, reset or break streams, or send frames that cause work.
        Streams = "streams",
        /// Requests on one connection.
        ConnectionRequests = "connection_requests",
        /// Requests in progress at an upstream, and in its queue.
        UpstreamConnections = "upstream_connections",
        /// The operating system's limit on open files.
        OpenFiles = "open_files",
    }
}

impl RequestReason {
    /// The limit that the request reached, if the reason is a limit.
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
            Self::TooManyFailedSignatures => Some(Limit::FailedSignatures),
            Self::UpstreamBusy => Some(Limit::UpstreamConnections),
            _ => None,
        }
    }
}
