//! Every setting, described once. The flags, their help, the environment variables, the known TOML keys, the readers
//! of values, the defaults and the suggestions for misspelt names all come from this table.

use std::net::SocketAddr;

use ipnet::IpNet;
use rustls_pki_types::ServerName;

use super::admin::AdminAddress;
use super::key::Unset::{Means, Required, Value};
use super::key::{Key, Setting};
use super::log::{LogFormat, LogLevel};
use super::values::{
    CipherSuite, Collector, Count, CountOrZero, FileName, Fingerprint, KeyExchange, KeyFile, Method,
    Name, OneOf, OrOff, ProxyHeader, PublicUrl, SecretText, Size, Switch, Time, Timeout, TokenFile,
    UriLength, Workers,
};
use crate::pki::revocation::{Demand, Expired};
use crate::policy::{Authenticate, Pin, Revoke, Rule};
use crate::route::PathPattern;
use crate::tls::parameters::MinVersion;
use crate::tls::{RefuseWith, Resumption};
use crate::upstream::{Forwarded, IdentityForm, Target};

/// The flag that names the TOML file, without the dashes.
pub const CONFIG_FLAG: &str = "config";

/// The environment variable that names the TOML file.
pub(super) const CONFIG_ENV: &str = "CLAWGATE_CONFIG";

macro_rules! table {
    ($visibility:vis, $($name:ident: $values:ty = $setting:expr;)*) => {
        $($visibility static $name: Setting<$values> = $setting;)*

        /// All settings of this file.
        pub(super) const TABLE: &[&Key] = &[$(&$name.key),*];
    };
}

// Below the macro, which they use.
pub(super) mod inbox;
pub(super) mod relay;
pub(super) mod shape;
pub(super) mod verify;

/// The whole table, in the order in which help texts list it.
pub static KEYS: &[&Key] = &joined::<
    { TABLE.len() + verify::TABLE.len() + inbox::TABLE.len() + shape::TABLE.len() + relay::TABLE.len() },
>(&[TABLE, verify::TABLE, inbox::TABLE, shape::TABLE, relay::TABLE]);

const fn joined<const LENGTH: usize>(tables: &[&[&'static Key]]) -> [&'static Key; LENGTH] {
    let mut all = [tables[0][0]; LENGTH];
    let (mut table, mut at, mut next) = (0, 0, 0);
    while next < LENGTH {
        if at == tables[table].len() {
            (table, at) = (table + 1, 0);
        } else {
            all[next] = tables[table][at];
            (at, next) = (at + 1, next + 1);
        }
    }
    all
}

// Each has the type of its values, its TOML key, the name of its value in help texts, what holds when nobody sets it,
// and its help. Then follow the flag and the variable, if there are any.
table! {
    pub(super),
    LISTEN: SocketAddr = Setting::new("listen.address", "IP:PORT", Value("127.0.0.1:8443"),
        "Address for clients; [::] is IPv6 only, add 0.0.0.0 to listen on both")
        .outside("listen", "CLAWGATE_LISTEN").repeatable(',').at_start();
    TAKEOVER: Switch = Setting::new("listen.takeover", "BOOL", Value("false"),
        "Whether to listen on addresses that another clawgate still uses, to take over from it")
        .outside("takeover", "CLAWGATE_TAKEOVER").at_start();

    PROXY_ADDRESS: SocketAddr = Setting::new("listen.proxy_address", "IP:PORT", Means("none"),
        "Address for load balancers that send a PROXY header, v1 or v2")
        .outside("listen-proxy", "CLAWGATE_LISTEN_PROXY").repeatable(',').at_start();
    PROXY_SOURCES: IpNet = Setting::new("listen.proxy_sources", "CIDR", Means("none"),
        "Addresses of the load balancers, the only ones that may connect there")
        .outside("proxy-source", "CLAWGATE_PROXY_SOURCES").repeatable(',');

    SIGNED_ADDRESS: SocketAddr = Setting::new("listen.signed_address", "IP:PORT", Means("none"),
        "Address for senders without a certificate: only for routes that verify signatures")
        .outside("listen-signed", "CLAWGATE_LISTEN_SIGNED").repeatable(',').at_start();
    PUBLIC_URL: PublicUrl = Setting::new("listen.public_url", "URL", Means("none"),
        "What webhook senders call, e.g. https://hooks.example.org; some sign it")
        .outside("public-url", "CLAWGATE_PUBLIC_URL");

    CERTIFICATE: FileName = Setting::new("tls.certificate", "FILE", Required,
        "Server certificate chain, PEM, leaf first; of several, SNI selects one")
        .outside("cert", "CLAWGATE_CERT").repeatable(',');
    PRIVATE_KEY: KeyFile = Setting::new("tls.private_key", "FILE", Required,
        "Private key of a server certificate, PEM; of several, in any order")
        .outside("key", "CLAWGATE_KEY").repeatable(',');
    OCSP: FileName = Setting::new("tls.ocsp", "FILE", Means("none"),
        "OCSP response for one of the server certificates, DER, to staple")
        .outside("ocsp", "CLAWGATE_OCSP").repeatable(',');
    STRICT_SNI: Switch = Setting::new("tls.strict_sni", "BOOL", Value("false"),
        "Whether to refuse clients that ask for a server name that no certificate has")
        .outside("strict-sni", "CLAWGATE_STRICT_SNI");
    MIN_VERSION: OneOf<MinVersion> = Setting::new("tls.min_version", "VERSION", Value("1.2"),
        "Lowest version of TLS that clients may use, 1.2 or 1.3")
        .outside("tls-min-version", "CLAWGATE_TLS_MIN_VERSION");
    CIPHER_SUITES: CipherSuite = Setting::new("tls.cipher_suites", "SUITE", Means("all, AES-128 first"),
        "Cipher suite to accept, by its IANA name, the preferred one first")
        .outside("cipher-suite", "CLAWGATE_CIPHER_SUITES").repeatable(',');
    GROUPS: KeyExchange = Setting::new("tls.groups", "GROUP",
        Means("X25519MLKEM768, X25519, secp256r1, secp384r1"),
        "Key exchange group to accept, the preferred one first")
        .outside("group", "CLAWGATE_GROUPS").repeatable(',');
    KEY_LOG: Switch = Setting::new("tls.key_log", "BOOL", Value("false"),
        "Whether to write the secrets of TLS to the file that SSLKEYLOGFILE names, for debugging")
        .outside("key-log", "CLAWGATE_KEY_LOG");
    RESUMPTION: OneOf<Resumption> = Setting::new("tls.resumption", "HOW", Value("safe"),
        "Session tickets: `safe` (the client certificate is verified again), or `off`")
        .outside("resumption", "CLAWGATE_RESUMPTION");
    HANDSHAKE_TIMEOUT: Timeout = Setting::new("tls.handshake_timeout", "TIME", Value("5s"),
        "Time for a whole TLS handshake")
        .outside("handshake-timeout", "CLAWGATE_HANDSHAKE_TIMEOUT");

    CLIENT_CA: FileName = Setting::new("clients.ca", "FILE", Required,
        "CA that issues client certificates, PEM")
        .outside("client-ca", "CLAWGATE_CLIENT_CA").repeatable(',');
    CRL: FileName = Setting::new("clients.crl", "FILE", Means("none"),
        "Revocation list of a client CA, PEM or DER, or a folder of such lists")
        .outside("crl", "CLAWGATE_CRL").repeatable(',');
    CRL_POLICY: OneOf<Demand> = Setting::new("clients.crl_policy", "POLICY", Value("if-present"),
        "Clients of a CA without a CRL: not checked (`if-present`), or refused (`strict`)")
        .outside("crl-policy", "CLAWGATE_CRL_POLICY");
    CRL_EXPIRED: OneOf<Expired> = Setting::new("clients.crl_expired", "WHAT", Value("refuse"),
        "Clients of a CA with an expired CRL: refused (`refuse`), or checked with that CRL (`warn`)")
        .outside("crl-expired", "CLAWGATE_CRL_EXPIRED");
    DENYLIST: FileName = Setting::new("clients.denylist", "FILE", Means("none"),
        "Certificates and keys to refuse, one per line, before a CRL has them")
        .outside("denylist", "CLAWGATE_DENYLIST");
    PINNED: Fingerprint = Setting::new("clients.pinned", "SHA256", Means("none"),
        "Fingerprint of a self-signed certificate to admit without a CA")
        .outside("pinned", "CLAWGATE_PINNED").repeatable(',');
    REFUSE_WITH: OneOf<RefuseWith> = Setting::new("clients.refuse_with", "HOW", Value("alert"),
        "How to refuse a client: `alert` (TLS alert), or `http` (403, without trusting the client)")
        .outside("refuse-with", "CLAWGATE_REFUSE_WITH");
    REVOKE: OneOf<Revoke> = Setting::new("clients.revoke", "WHEN", Value("after-response"),
        "When to close the connection of a client that is no longer admitted: `after-response` or `now`")
        .outside("revoke", "CLAWGATE_REVOKE");
    ALLOW: Rule = Setting::new("clients.allow", "RULE", Means("any certificate of the client CAs"),
        "Which clients may connect, e.g. `cn=meeting-notes, o=Example`; one rule is enough")
        .outside("allow", "CLAWGATE_ALLOW").repeatable(';');
    DENY: Rule = Setting::new("clients.deny", "RULE", Means("none"),
        "Which clients may not connect, even if allowed; needs `--allow`, e.g. `any`")
        .outside("deny", "CLAWGATE_DENY").repeatable(';');
    AUDIT: Switch = Setting::new("clients.audit", "BOOL", Value("false"),
        "Whether to admit clients that these rules would refuse, and only log them")
        .outside("audit", "CLAWGATE_AUDIT");
    PINS: Pin = Setting::new("clients.pins", "PIN", Means("any certificate that chain and rules admit"),
        "Certificate (fingerprint=SHA256) or key (spki=SHA256) that is required in addition")
        .outside("pin", "CLAWGATE_PINS").repeatable(',');

    UPSTREAM: Target = Setting::new("upstream.url", "URL", Value("http://127.0.0.1:18789"),
        "Where requests go: http://…, https://…, unix:/PATH, or echo: to see what would arrive")
        .outside("upstream", "CLAWGATE_UPSTREAM");
    UPSTREAM_CA: FileName = Setting::new("upstream.ca", "FILE", Means("the system's CAs"),
        "CA of an https upstream, PEM")
        .outside("upstream-ca", "CLAWGATE_UPSTREAM_CA");
    UPSTREAM_SERVER_NAME: ServerName<'static> = Setting::new("upstream.server_name", "NAME",
        Means("the host of upstream.url"),
        "Name that an https upstream's certificate must have, and that is sent as SNI")
        .outside("upstream-server-name", "CLAWGATE_UPSTREAM_SERVER_NAME");
    UPSTREAM_CERTIFICATE: FileName = Setting::new("upstream.certificate", "FILE", Means("none"),
        "Client certificate chain for an https upstream that asks for one, PEM, leaf first")
        .outside("upstream-cert", "CLAWGATE_UPSTREAM_CERT");
    UPSTREAM_PRIVATE_KEY: KeyFile = Setting::new("upstream.private_key", "FILE", Means("none"),
        "Private key of that certificate, PEM")
        .outside("upstream-key", "CLAWGATE_UPSTREAM_KEY");
    TOKEN: SecretText = Setting::new("upstream.token", "TOKEN",
        Means("the client's own Authorization is passed on"),
        "OpenClaw's hook token itself; a file is safer")
        .env_only("CLAWGATE_HOOK_TOKEN");
    TOKEN_FILE: TokenFile = Setting::new("upstream.token_file", "FILE",
        Means("the client's own Authorization is passed on"),
        "File with OpenClaw's hook token, sent as `Authorization: Bearer …`")
        .outside("hook-token-file", "CLAWGATE_HOOK_TOKEN_FILE");
    IDENTITY: IdentityForm = Setting::new("upstream.identity", "FORM", Value("clawgate"),
        "Identity headers: clawgate, client-cert, client-cert-chain, xfcc or ssl-client")
        .outside("identity", "CLAWGATE_IDENTITY").repeatable(',');
    FORWARDED: OneOf<Forwarded> = Setting::new("upstream.forwarded", "HOW", Value("off"),
        "Headers with the client's address: off, x-forwarded or rfc7239")
        .outside("forwarded", "CLAWGATE_FORWARDED");
    PROXY_PROTOCOL: OneOf<ProxyHeader> = Setting::new("upstream.proxy_protocol", "VERSION", Value("off"),
        "PROXY header at the start of each connection to the upstream: off or v2")
        .outside("upstream-proxy-protocol", "CLAWGATE_UPSTREAM_PROXY_PROTOCOL");
    CONNECT_TIMEOUT: Timeout = Setting::new("upstream.connect_timeout", "TIME", Value("2s"),
        "Time to connect to the upstream")
        .outside("upstream-connect-timeout", "CLAWGATE_UPSTREAM_CONNECT_TIMEOUT");
    RESPONSE_TIMEOUT: Timeout = Setting::new("upstream.response_timeout", "TIME", Value("60s"),
        "Time until the upstream begins to answer")
        .outside("upstream-response-timeout", "CLAWGATE_UPSTREAM_RESPONSE_TIMEOUT");
    UPSTREAM_IDLE_TIMEOUT: Timeout = Setting::new("upstream.idle_timeout", "TIME", Value("30s"),
        "Longest pause within a body, to or from the upstream")
        .outside("upstream-idle-timeout", "CLAWGATE_UPSTREAM_IDLE_TIMEOUT");

    ROUTE_PATH: PathPattern = Setting::new("route.path", "PATH", Value("/hooks/"),
        "Path that is open; if it ends in `/`, all paths below it, too")
        .outside("path", "CLAWGATE_PATHS").repeatable(',');
    ROUTE_METHODS: Method = Setting::new("route.methods", "METHOD", Value("POST"),
        "Method that is open, or `any`; for routes that name none")
        .outside("method", "CLAWGATE_METHODS").repeatable(',');
    ROUTE_ALLOW: Rule = Setting::new("route.allow", "RULE", Means("every client that may connect"),
        "Which clients may use this route, in addition to the rules for all")
        .repeatable(';');
    ROUTE_DENY: Rule = Setting::new("route.deny", "RULE", Means("none"),
        "Which clients may not use this route, even if an allow rule matches")
        .repeatable(';');
    ROUTE_AUDIT: Switch = Setting::new("route.audit", "BOOL", Value("false"),
        "Whether to admit clients that this route's rules would refuse, and only log them");
    ROUTE_UPSTREAM: Target = Setting::new("route.upstream", "URL", Means("upstream.url"),
        "Where this route's requests go; it does not get the token of [upstream]");
    ROUTE_TOKEN: SecretText = Setting::new("route.token", "TOKEN", Means("that of [upstream]"),
        "This route's token itself; a file is safer");
    ROUTE_TOKEN_FILE: TokenFile = Setting::new("route.token_file", "FILE", Means("that of [upstream]"),
        "File with this route's token");
    ROUTE_INJECT_TOKEN: Switch = Setting::new("route.inject_token", "BOOL",
        Means("true where there is a token"),
        "Whether a token replaces the client's own Authorization");
    ROUTE_IDENTITY: IdentityForm = Setting::new("route.identity", "FORM",
        Means("upstream.identity"),
        "Headers with the client's identity for this route's upstream")
        .repeatable(',');
    ROUTE_AUTHENTICATE: OneOf<Authenticate> = Setting::new("route.authenticate", "HOW",
        Means("certificate, or both with [route.verify]"),
        "What clients must show: `certificate`, `signature`, `both`, or `either`");
    ROUTE_BODY: Size = Setting::new("route.limits.body", "SIZE", Means("limits.body"),
        "Largest request body on this route");

    BODY: Size = Setting::new("limits.body", "SIZE", Value("256KiB"),
        "Largest request body; OpenClaw takes no more than 256KiB")
        .outside("max-body", "CLAWGATE_MAX_BODY");
    CONNECTIONS: Count = Setting::new("limits.connections", "COUNT", Value("10000"),
        "Open connections, handshakes included; more are closed at once")
        .outside("max-connections", "CLAWGATE_MAX_CONNECTIONS").at_start();
    CONNECTIONS_PER_SOURCE: OrOff<Count> = Setting::new("limits.connections_per_source", "COUNT",
        Value("1000"),
        "Open connections of one client address (of IPv6: of one /64), or `off`")
        .outside("max-connections-per-source", "CLAWGATE_MAX_CONNECTIONS_PER_SOURCE").at_start();
    CONNECTIONS_PER_IDENTITY: OrOff<Count> = Setting::new("limits.connections_per_identity", "COUNT",
        Value("1000"),
        "Open connections of one client certificate, or `off`")
        .outside("max-connections-per-identity", "CLAWGATE_MAX_CONNECTIONS_PER_IDENTITY");
    HANDSHAKES: Count = Setting::new("limits.handshakes", "COUNT", Value("2000"),
        "Handshakes at the same time; one more closes the oldest")
        .outside("max-handshakes", "CLAWGATE_MAX_HANDSHAKES").at_start();
    HANDSHAKE_RATE: OrOff<Count<u32>> = Setting::new("limits.handshake_rate", "COUNT", Value("off"),
        "New connections per second of one client address, or `off`")
        .outside("max-handshake-rate", "CLAWGATE_MAX_HANDSHAKE_RATE").at_start();
    GREETING_TIMEOUT: Timeout = Setting::new("limits.greeting_timeout", "TIME", Value("3s"),
        "Time for a connection's first message, within that for the handshake");
    IDLE_TIMEOUT: Timeout = Setting::new("limits.idle_timeout", "TIME", Value("60s"),
        "How long a connection may be idle between requests")
        .outside("idle-timeout", "CLAWGATE_IDLE_TIMEOUT").at_start();
    CONNECTION_AGE: OrOff<Timeout> = Setting::new("limits.connection_age", "TIME", Value("off"),
        "How long a connection may be open, or `off`")
        .outside("connection-age", "CLAWGATE_CONNECTION_AGE").at_start();
    CONNECTION_REQUESTS: OrOff<Count<u64>> = Setting::new("limits.connection_requests", "COUNT",
        Value("100000"),
        "Requests on one connection before it is closed, or `off`");
    HEAD_TIMEOUT: Timeout = Setting::new("limits.head_timeout", "TIME", Value("10s"),
        "Time for a request's head, from its first byte");
    URI: UriLength = Setting::new("limits.uri", "SIZE", Value("4KiB"),
        "Longest path with query; the whole head may have 12KiB");
    BODY_TIMEOUT: Timeout = Setting::new("limits.body_timeout", "TIME", Value("2m"),
        "Time for a request's body, without the time that the upstream needs to take it");
    BODY_RATE: OrOff<Size> = Setting::new("limits.body_rate", "SIZE", Value("1KiB"),
        "Bytes of a body that must arrive per second, after the first 5 seconds, or `off`");
    SEND_TIMEOUT: Timeout = Setting::new("limits.send_timeout", "TIME", Value("30s"),
        "How long a client may read nothing of its response");
    REQUEST_TIMEOUT: Timeout = Setting::new("limits.request_timeout", "TIME", Value("5m"),
        "Time for a request, from its head to the end of its response");
    STREAMS: Count<u32> = Setting::new("limits.streams", "COUNT", Value("128"),
        "Requests at the same time on one HTTP/2 connection");
    REQUEST_RATE: OrOff<Count<u32>> = Setting::new("limits.request_rate", "COUNT", Value("off"),
        "Requests per second of one client certificate, or `off`; more are answered with 429")
        .outside("max-request-rate", "CLAWGATE_MAX_REQUEST_RATE");
    REQUEST_BURST: OrOff<Count<u32>> = Setting::new("limits.request_burst", "COUNT",
        Means("limits.request_rate"),
        "How many of them may come at once")
        .outside("max-request-burst", "CLAWGATE_MAX_REQUEST_BURST");
    REQUESTS_AT_ONCE: OrOff<Count> = Setting::new("limits.requests_at_once", "COUNT", Value("256"),
        "Requests at the same time of one client certificate, or `off`; more are answered with 429")
        .outside("max-requests-at-once", "CLAWGATE_MAX_REQUESTS_AT_ONCE");
    SIGNED_REQUEST_RATE: OrOff<Count<u32>> = Setting::new("limits.signed_request_rate", "COUNT", Value("50"),
        "Requests per second of one source address without a certificate, or `off`");
    FAILED_SIGNATURES: OrOff<Count<u32>> = Setting::new("limits.failed_signatures", "COUNT", Value("30"),
        "Requests per minute of one source address whose signature is missing or wrong, or `off`");
    BUFFERED_BODIES: Count = Setting::new("limits.buffered_bodies", "COUNT", Value("256"),
        "Bodies that are read as a whole, e.g. to verify a signature, at the same time; one more ends the oldest")
        .at_start();
    BUFFERED_BYTES: Size = Setting::new("limits.buffered_bytes", "SIZE", Value("64MiB"),
        "Bytes of these bodies together; beyond that the oldest large one ends")
        .at_start();
    UPSTREAM_CONNECTIONS: Count = Setting::new("limits.upstream_connections", "COUNT", Value("512"),
        "Requests at the same time to one upstream, each on a connection of its own")
        .outside("max-upstream-connections", "CLAWGATE_MAX_UPSTREAM_CONNECTIONS");
    UPSTREAM_QUEUE: CountOrZero = Setting::new("limits.upstream_queue", "COUNT", Value("512"),
        "Requests that wait for one of these, for the connect timeout; more are answered with 503");

    WORKERS: Workers = Setting::new("runtime.workers", "COUNT", Means("number of CPUs"),
        "Worker threads, 1 to 1024")
        .outside("workers", "CLAWGATE_WORKERS").at_start();
    WATCH: Switch = Setting::new("runtime.watch", "BOOL", Value("true"),
        "Whether to reload when one of the files changes")
        .outside("watch", "CLAWGATE_WATCH").at_start();
    SANDBOX: Switch = Setting::new("runtime.sandbox", "BOOL", Value("true"),
        "Whether to give up access to files and ports that the settings do not name (Landlock)")
        .outside("sandbox", "CLAWGATE_SANDBOX").at_start();
    DRAIN_TIMEOUT: Time = Setting::new("runtime.drain_timeout", "TIME", Value("30s"),
        "Time for requests in progress to finish after a signal to stop")
        .outside("drain-timeout", "CLAWGATE_DRAIN_TIMEOUT").at_start();

    ADMIN: OrOff<AdminAddress> = Setting::new("admin.address", "IP:PORT", Value("127.0.0.1:9443"),
        "Health and metrics: a loopback address, unix:/PATH, another with a token, or `off`")
        .outside("admin", "CLAWGATE_ADMIN").at_start();
    ADMIN_TOKEN_FILE: TokenFile = Setting::new("admin.token_file", "FILE", Means("none is required"),
        "File with the token that all but health requires there, as `Authorization: Bearer …`")
        .outside("admin-token-file", "CLAWGATE_ADMIN_TOKEN_FILE");
    ADMIN_SHOW_BODIES: Switch = Setting::new("admin.show_bodies", "BOOL", Value("false"),
        "Whether the console shows stored requests to those who show the admin token");
    ADMIN_EDIT_DENYLIST: Switch = Setting::new("admin.edit_denylist", "BOOL", Value("false"),
        "Whether the console may add lines to the file of clients.denylist").at_start();

    LOG_FORMAT: OneOf<LogFormat> = Setting::new("log.format", "FORMAT", Value("auto"),
        "`json`, `text`, or `auto`: text on a terminal, else json")
        .outside("log-format", "CLAWGATE_LOG_FORMAT").at_start();
    LOG_LEVEL: LogLevel = Setting::new("log.level", "LEVEL", Value("info"),
        "`error`, `warn`, `info`, `debug`, `trace`, or a tracing filter")
        .outside("log-level", "CLAWGATE_LOG_LEVEL").at_start();
    LOG_VERBOSE: Switch = Setting::new("log.verbose", "BOOL", Value("false"),
        "Whether the text form of the log shows all fields, as JSON always does")
        .outside("verbose", "CLAWGATE_LOG_VERBOSE").short('v').at_start();
    LOG_SAMPLE: Count<u64> = Setting::new("log.sample_2xx", "COUNT", Value("1"),
        "Log one in so many of the successful requests (2xx), chosen by their trace; others always")
        .outside("log-sample-2xx", "CLAWGATE_LOG_SAMPLE_2XX");
    LOG_CLIENT_HELLO: Switch = Setting::new("log.client_hello", "BOOL", Value("false"),
        "Add suites, groups, schemes and JA4 of the ClientHello to refused connections")
        .outside("log-client-hello", "CLAWGATE_LOG_CLIENT_HELLO");
    LOG_REPEAT_WINDOW: OrOff<Timeout> = Setting::new("log.repeat_window", "TIME", Value("1m"),
        "How often repeated refusals of one kind are summed up in one line; `off`: each has its own")
        .outside("log-repeat-window", "CLAWGATE_LOG_REPEAT_WINDOW").at_start();

    TRACE_ENDPOINT: Collector = Setting::new("trace.endpoint", "URL", Means("none: no spans are exported"),
        "OpenTelemetry collector of spans, OTLP over HTTP; needs a build with the feature `otlp`")
        .outside("trace-endpoint", "CLAWGATE_TRACE_ENDPOINT").at_start();
    TRACE_CA: FileName = Setting::new("trace.ca", "FILE", Means("the system's CAs"),
        "CA of an https collector, PEM")
        .outside("trace-ca", "CLAWGATE_TRACE_CA").at_start();
    TRACE_TOKEN_FILE: TokenFile = Setting::new("trace.token_file", "FILE", Means("none is sent"),
        "File with the token for the collector, sent as `Authorization: Bearer …`")
        .outside("trace-token-file", "CLAWGATE_TRACE_TOKEN_FILE").at_start();
    TRACE_SAMPLE: Count<u64> = Setting::new("trace.sample", "COUNT", Value("1"),
        "Export one in so many of the traces that begin here; for others the client decides")
        .outside("trace-sample", "CLAWGATE_TRACE_SAMPLE").at_start();
    TRACE_SERVICE: Name = Setting::new("trace.service", "NAME", Value("clawgate"),
        "The `service.name` of clawgate's spans")
        .outside("trace-service", "CLAWGATE_TRACE_SERVICE").at_start();
}

/// The setting with this dotted TOML key.
pub(super) fn find(toml: &str) -> Option<&'static Key> {
    KEYS.iter().copied().find(|key| key.toml == toml)
}

/// Whether there are keys below this dotted name, as in `[tls]`.
pub(super) fn is_section(name: &str) -> bool {
    in_section(name).next().is_some()
}

/// The keys right below or further below a dotted name.
pub(super) fn in_section(name: &str) -> impl Iterator<Item = &'static Key> {
    let below = format!("{name}.");
    KEYS.iter().copied().filter(move |key| key.toml.starts_with(&below))
}
