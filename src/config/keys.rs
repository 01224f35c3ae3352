//! Every setting, described once. The flags, their help, the environment variables, the known TOML
//! keys, the defaults and the suggestions for misspelt names are all read from this table.

use super::key::Key;
use super::key::Kind::{Count, Duration, File, Size, Switch, Text};
use super::key::Unset::{Means, Required, Value};

/// The flag that names the TOML file, without the dashes.
pub const CONFIG_FLAG: &str = "config";

/// The environment variable that names the TOML file.
pub const CONFIG_ENV: &str = "CLAWGATE_CONFIG";

macro_rules! table {
    ($($name:ident = $key:expr;)*) => {
        $(pub(super) static $name: Key = $key;)*

        /// The whole table, in the order in which help texts list it.
        pub static KEYS: &[&Key] = &[$(&$name),*];
    };
}

table! {
    LISTEN = Key::new("listen.address", Text, "IP:PORT", Value("127.0.0.1:8443"),
        "Where clients connect; [::] takes IPv6 alone, so name 0.0.0.0 as well for both")
        .outside("listen", "CLAWGATE_LISTEN").repeatable(',');
    TAKEOVER = Key::new("listen.takeover", Switch, "BOOL", Value("false"),
        "Whether to listen where another gate still does, to take over from it")
        .outside("takeover", "CLAWGATE_TAKEOVER");

    PROXY_ADDRESS = Key::new("listen.proxy_address", Text, "IP:PORT", Means("none"),
        "Where load balancers connect that send a PROXY header, v1 or v2")
        .outside("listen-proxy", "CLAWGATE_LISTEN_PROXY").repeatable(',');
    PROXY_SOURCES = Key::new("listen.proxy_sources", Text, "CIDR", Means("none"),
        "From where they connect, and nobody else; needed for --listen-proxy")
        .outside("proxy-source", "CLAWGATE_PROXY_SOURCES").repeatable(',');

    CERTIFICATE = Key::new("tls.certificate", File, "FILE", Required,
        "The gate's certificate chain, PEM, leaf first; of several, the one asked for (SNI)")
        .outside("cert", "CLAWGATE_CERT").repeatable(',');
    PRIVATE_KEY = Key::new("tls.private_key", File, "FILE", Required,
        "Its private key, PEM; of several certificates, in any order")
        .outside("key", "CLAWGATE_KEY").repeatable(',');
    OCSP = Key::new("tls.ocsp", File, "FILE", Means("none"),
        "OCSP response about one of the certificates, DER, to staple")
        .outside("ocsp", "CLAWGATE_OCSP").repeatable(',');
    STRICT_SNI = Key::new("tls.strict_sni", Switch, "BOOL", Value("false"),
        "Whether to refuse senders that ask for a name that no certificate has")
        .outside("strict-sni", "CLAWGATE_STRICT_SNI");
    MIN_VERSION = Key::new("tls.min_version", Text, "VERSION", Value("1.2"),
        "Least version of TLS that senders must speak, 1.2 or 1.3")
        .outside("tls-min-version", "CLAWGATE_TLS_MIN_VERSION");
    CIPHER_SUITES = Key::new("tls.cipher_suites", Text, "SUITE", Means("all, AES-128 first"),
        "Cipher suite to take, by IANA's name, the preferred one first")
        .outside("cipher-suite", "CLAWGATE_CIPHER_SUITES").repeatable(',');
    GROUPS = Key::new("tls.groups", Text, "GROUP",
        Means("X25519MLKEM768, X25519, secp256r1, secp384r1"),
        "Group to exchange keys in")
        .outside("group", "CLAWGATE_GROUPS").repeatable(',');
    KEY_LOG = Key::new("tls.key_log", Switch, "BOOL", Value("false"),
        "Whether to write the secrets of TLS to the file that SSLKEYLOGFILE names, to find trouble")
        .outside("key-log", "CLAWGATE_KEY_LOG");
    RESUMPTION = Key::new("tls.resumption", Text, "HOW", Value("safe"),
        "Whether senders may come back with a ticket: `safe` (certificate judged again), or `off`")
        .outside("resumption", "CLAWGATE_RESUMPTION");
    HANDSHAKE_TIMEOUT = Key::new("tls.handshake_timeout", Duration, "TIME", Value("5s"),
        "Time for a whole TLS handshake")
        .outside("handshake-timeout", "CLAWGATE_HANDSHAKE_TIMEOUT");

    CLIENT_CA = Key::new("clients.ca", File, "FILE", Required,
        "CA that client certificates must chain to, PEM")
        .outside("client-ca", "CLAWGATE_CLIENT_CA").repeatable(',');
    CRL = Key::new("clients.crl", File, "FILE", Means("none"),
        "Revocation list of a client CA, PEM or DER, or a folder of such")
        .outside("crl", "CLAWGATE_CRL").repeatable(',');
    CRL_POLICY = Key::new("clients.crl_policy", Text, "POLICY", Value("if-present"),
        "A CA without a CRL is not checked (`if-present`), or admits nobody (`strict`)")
        .outside("crl-policy", "CLAWGATE_CRL_POLICY");
    CRL_EXPIRED = Key::new("clients.crl_expired", Text, "WHAT", Value("refuse"),
        "An out-of-date CRL admits nobody of its CA (`refuse`), or is used on (`warn`)")
        .outside("crl-expired", "CLAWGATE_CRL_EXPIRED");
    DENYLIST = Key::new("clients.denylist", File, "FILE", Means("none"),
        "Certificates and keys to refuse at once, one a line, before a CRL says so")
        .outside("denylist", "CLAWGATE_DENYLIST");
    PINNED = Key::new("clients.pinned", Text, "SHA256", Means("none"),
        "Fingerprint of a self-signed certificate to let in without a CA")
        .outside("pinned", "CLAWGATE_PINNED").repeatable(',');
    REFUSE_WITH = Key::new("clients.refuse_with", Text, "HOW", Value("alert"),
        "How a refused sender hears of it: `alert` (TLS), or `http` (403, without trust)")
        .outside("refuse-with", "CLAWGATE_REFUSE_WITH");
    REVOKE = Key::new("clients.revoke", Text, "WHEN", Value("after-response"),
        "When a connection is closed whose sender is no longer admitted: `after-response` or `now`")
        .outside("revoke", "CLAWGATE_REVOKE");
    ALLOW = Key::new("clients.allow", Text, "RULE", Means("any certificate of the client CAs"),
        "Who may connect, e.g. `cn=meeting-notes, o=Example`; one rule suffices")
        .outside("allow", "CLAWGATE_ALLOW").repeatable(';');
    DENY = Key::new("clients.deny", Text, "RULE", Means("nobody whom clients.allow lets in"),
        "Who may not connect, whatever the allow rules say; needs `--allow`, be it `any`")
        .outside("deny", "CLAWGATE_DENY").repeatable(';');
    AUDIT = Key::new("clients.audit", Switch, "BOOL", Value("false"),
        "Whether these rules are on trial: whom they would refuse is logged, and let in")
        .outside("audit", "CLAWGATE_AUDIT");
    PINS = Key::new("clients.pins", Text, "PIN", Means("any certificate that chain and rules let in"),
        "Certificate (fingerprint=SHA256) or key (spki=SHA256) to insist on besides")
        .outside("pin", "CLAWGATE_PINS").repeatable(',');

    UPSTREAM = Key::new("upstream.url", Text, "URL", Value("http://127.0.0.1:18789"),
        "Where requests go: http://…, https://…, unix:/PATH, or echo: to see what would arrive")
        .outside("upstream", "CLAWGATE_UPSTREAM");
    UPSTREAM_CA = Key::new("upstream.ca", File, "FILE", Means("the system's CAs"),
        "CA of an https upstream, PEM")
        .outside("upstream-ca", "CLAWGATE_UPSTREAM_CA");
    UPSTREAM_SERVER_NAME = Key::new("upstream.server_name", Text, "NAME", Means("the host of upstream.url"),
        "Name that the certificate of an https upstream must have, and that is asked for (SNI)")
        .outside("upstream-server-name", "CLAWGATE_UPSTREAM_SERVER_NAME");
    UPSTREAM_CERTIFICATE = Key::new("upstream.certificate", File, "FILE", Means("none"),
        "Certificate chain to show an https upstream that asks for one, PEM, leaf first")
        .outside("upstream-cert", "CLAWGATE_UPSTREAM_CERT");
    UPSTREAM_PRIVATE_KEY = Key::new("upstream.private_key", File, "FILE", Means("none"),
        "Its private key, PEM")
        .outside("upstream-key", "CLAWGATE_UPSTREAM_KEY");
    TOKEN = Key::new("upstream.token", Text, "TOKEN",
        Means("the sender's own Authorization is passed on"),
        "OpenClaw's hook token itself; better keep it in a file")
        .env_only("CLAWGATE_HOOK_TOKEN").secret();
    TOKEN_FILE = Key::new("upstream.token_file", File, "FILE",
        Means("the sender's own Authorization is passed on"),
        "File with OpenClaw's hook token, sent as `Authorization: Bearer …`")
        .outside("hook-token-file", "CLAWGATE_HOOK_TOKEN_FILE");
    IDENTITY = Key::new("upstream.identity", Text, "FORM", Value("clawgate"),
        "How to say who calls: clawgate, client-cert, client-cert-chain, xfcc, ssl-client")
        .outside("identity", "CLAWGATE_IDENTITY").repeatable(',');
    FORWARDED = Key::new("upstream.forwarded", Text, "HOW", Value("off"),
        "How to say where the sender is: off, x-forwarded or rfc7239")
        .outside("forwarded", "CLAWGATE_FORWARDED");
    PROXY_PROTOCOL = Key::new("upstream.proxy_protocol", Text, "VERSION", Value("off"),
        "Begins each connection to the upstream with a PROXY header: off or v2")
        .outside("upstream-proxy-protocol", "CLAWGATE_UPSTREAM_PROXY_PROTOCOL");
    CONNECT_TIMEOUT = Key::new("upstream.connect_timeout", Duration, "TIME", Value("2s"),
        "Time to connect to the upstream")
        .outside("upstream-connect-timeout", "CLAWGATE_UPSTREAM_CONNECT_TIMEOUT");
    RESPONSE_TIMEOUT = Key::new("upstream.response_timeout", Duration, "TIME", Value("60s"),
        "Time until the upstream begins to answer")
        .outside("upstream-response-timeout", "CLAWGATE_UPSTREAM_RESPONSE_TIMEOUT");
    UPSTREAM_IDLE_TIMEOUT = Key::new("upstream.idle_timeout", Duration, "TIME", Value("30s"),
        "Longest pause within a body, to or from the upstream")
        .outside("upstream-idle-timeout", "CLAWGATE_UPSTREAM_IDLE_TIMEOUT");

    ROUTE_PATH = Key::new("route.path", Text, "PATH", Value("/hooks/"),
        "Open path: all below it if it ends in `/`, else itself alone")
        .outside("path", "CLAWGATE_PATHS").repeatable(',');
    ROUTE_METHODS = Key::new("route.methods", Text, "METHOD", Value("POST"),
        "Open method, or `any`; for routes that name none")
        .outside("method", "CLAWGATE_METHODS").repeatable(',');
    ROUTE_ALLOW = Key::new("route.allow", Text, "RULE", Means("whoever may connect"),
        "Who may use this route, besides the rules for all")
        .repeatable(';');
    ROUTE_DENY = Key::new("route.deny", Text, "RULE", Means("nobody whom route.allow lets in"),
        "Who may not use this route, whatever its allow rules say")
        .repeatable(';');
    ROUTE_AUDIT = Key::new("route.audit", Switch, "BOOL", Value("false"),
        "Whether this route's rules are on trial: whom they would refuse is logged, and let in");
    ROUTE_UPSTREAM = Key::new("route.upstream", Text, "URL", Means("upstream.url"),
        "Where this route's requests go; without the token of [upstream]");
    ROUTE_TOKEN = Key::new("route.token", Text, "TOKEN", Means("that of [upstream]"),
        "This route's token itself; better keep it in a file")
        .secret();
    ROUTE_TOKEN_FILE = Key::new("route.token_file", File, "FILE", Means("that of [upstream]"),
        "File with this route's token");
    ROUTE_INJECT_TOKEN = Key::new("route.inject_token", Switch, "BOOL",
        Means("true where there is a token"),
        "Whether a token replaces the sender's own Authorization");
    ROUTE_IDENTITY = Key::new("route.identity", Text, "FORM", Means("upstream.identity"),
        "How this route's upstream is told who the sender is")
        .repeatable(',');
    ROUTE_BODY = Key::new("route.limits.body", Size, "SIZE", Means("limits.body"),
        "Largest request body on this route");

    BODY = Key::new("limits.body", Size, "SIZE", Value("256KiB"),
        "Largest request body; OpenClaw takes no more than 256KiB")
        .outside("max-body", "CLAWGATE_MAX_BODY");
    CONNECTIONS = Key::new("limits.connections", Count, "COUNT", Value("10000"),
        "Connections open at once, handshakes included; more are closed unheard")
        .outside("max-connections", "CLAWGATE_MAX_CONNECTIONS");
    CONNECTIONS_PER_SOURCE = Key::new("limits.connections_per_source", Count, "COUNT", Value("1000"),
        "Those of one source address (of IPv6: of one /64), or `off`")
        .outside("max-connections-per-source", "CLAWGATE_MAX_CONNECTIONS_PER_SOURCE");
    CONNECTIONS_PER_IDENTITY = Key::new("limits.connections_per_identity", Count, "COUNT", Value("1000"),
        "Connections of one client certificate, or `off`")
        .outside("max-connections-per-identity", "CLAWGATE_MAX_CONNECTIONS_PER_IDENTITY");
    HANDSHAKES = Key::new("limits.handshakes", Count, "COUNT", Value("2000"),
        "Handshakes under way at once; the oldest gives way to one more")
        .outside("max-handshakes", "CLAWGATE_MAX_HANDSHAKES");
    HANDSHAKE_RATE = Key::new("limits.handshake_rate", Count, "COUNT", Value("off"),
        "New connections of one source address in a second, or `off`")
        .outside("max-handshake-rate", "CLAWGATE_MAX_HANDSHAKE_RATE");
    GREETING_TIMEOUT = Key::new("limits.greeting_timeout", Duration, "TIME", Value("3s"),
        "Time for a connection's first message, within that for the handshake");
    IDLE_TIMEOUT = Key::new("limits.idle_timeout", Duration, "TIME", Value("60s"),
        "How long a sender may be silent between requests")
        .outside("idle-timeout", "CLAWGATE_IDLE_TIMEOUT");
    CONNECTION_AGE = Key::new("limits.connection_age", Duration, "TIME", Value("off"),
        "How long a connection may be open before its sender has to open another, or `off`")
        .outside("connection-age", "CLAWGATE_CONNECTION_AGE");
    CONNECTION_REQUESTS = Key::new("limits.connection_requests", Count, "COUNT", Value("100000"),
        "Requests on one connection before its sender has to open another, or `off`");
    HEAD_TIMEOUT = Key::new("limits.head_timeout", Duration, "TIME", Value("10s"),
        "Time for a request's head, from its first byte on");
    URI = Key::new("limits.uri", Size, "SIZE", Value("4KiB"),
        "Longest path with query; the whole head may have 12KiB");
    BODY_TIMEOUT = Key::new("limits.body_timeout", Duration, "TIME", Value("2m"),
        "Time for a request's body, as far as the sender is waited for");
    BODY_RATE = Key::new("limits.body_rate", Size, "SIZE", Value("1KiB"),
        "What must come of a body in each second of that time, after the first 5; or `off`");
    SEND_TIMEOUT = Key::new("limits.send_timeout", Duration, "TIME", Value("30s"),
        "How long a sender may take nothing of its answer");
    REQUEST_TIMEOUT = Key::new("limits.request_timeout", Duration, "TIME", Value("5m"),
        "Time for a request, from its head to the end of its answer");
    STREAMS = Key::new("limits.streams", Count, "COUNT", Value("128"),
        "Requests under way at once on one HTTP/2 connection");
    REQUEST_RATE = Key::new("limits.request_rate", Count, "COUNT", Value("off"),
        "Requests of one identity in a second, or `off`; more are answered with 429")
        .outside("max-request-rate", "CLAWGATE_MAX_REQUEST_RATE");
    REQUEST_BURST = Key::new("limits.request_burst", Count, "COUNT", Means("limits.request_rate"),
        "How many of them may come at once")
        .outside("max-request-burst", "CLAWGATE_MAX_REQUEST_BURST");
    REQUESTS_AT_ONCE = Key::new("limits.requests_at_once", Count, "COUNT", Value("256"),
        "Requests of one identity under way at once, or `off`; more are answered with 429")
        .outside("max-requests-at-once", "CLAWGATE_MAX_REQUESTS_AT_ONCE");
    UPSTREAM_CONNECTIONS = Key::new("limits.upstream_connections", Count, "COUNT", Value("512"),
        "Requests with one upstream at once, each on a connection of its own")
        .outside("max-upstream-connections", "CLAWGATE_MAX_UPSTREAM_CONNECTIONS");
    UPSTREAM_QUEUE = Key::new("limits.upstream_queue", Count, "COUNT", Value("512"),
        "Requests that wait for that, as long as for a connection; more are answered with 503");

    WORKERS = Key::new("runtime.workers", Count, "COUNT", Means("number of CPUs"),
        "Worker threads, 1 to 1024")
        .outside("workers", "CLAWGATE_WORKERS");
    WATCH = Key::new("runtime.watch", Switch, "BOOL", Value("true"),
        "Whether to reload when one of the files changes")
        .outside("watch", "CLAWGATE_WATCH");
    SANDBOX = Key::new("runtime.sandbox", Switch, "BOOL", Value("true"),
        "Whether to give up all files and ports that the settings do not name (Landlock)")
        .outside("sandbox", "CLAWGATE_SANDBOX");
    DRAIN_TIMEOUT = Key::new("runtime.drain_timeout", Duration, "TIME", Value("30s"),
        "Time for requests in flight to end when the gate is told to stop")
        .outside("drain-timeout", "CLAWGATE_DRAIN_TIMEOUT");

    ADMIN = Key::new("admin.address", Text, "IP:PORT", Value("127.0.0.1:9443"),
        "Health and metrics: a loopback address, unix:/PATH, another with a token, or `off`")
        .outside("admin", "CLAWGATE_ADMIN");
    ADMIN_TOKEN_FILE = Key::new("admin.token_file", File, "FILE", Means("none is asked for"),
        "File with the token to show there for all but health, as `Authorization: Bearer …`")
        .outside("admin-token-file", "CLAWGATE_ADMIN_TOKEN_FILE");

    LOG_FORMAT = Key::new("log.format", Text, "FORMAT", Value("auto"),
        "`json`, `text`, or `auto`: text on a terminal, else json")
        .outside("log-format", "CLAWGATE_LOG_FORMAT");
    LOG_LEVEL = Key::new("log.level", Text, "LEVEL", Value("info"),
        "`error`, `warn`, `info`, `debug`, `trace`, or a tracing filter")
        .outside("log-level", "CLAWGATE_LOG_LEVEL");
    LOG_VERBOSE = Key::new("log.verbose", Switch, "BOOL", Value("false"),
        "Whether the text form of the log shows all fields, as JSON always does")
        .outside("verbose", "CLAWGATE_LOG_VERBOSE").short('v');
    LOG_SAMPLE = Key::new("log.sample_2xx", Count, "COUNT", Value("1"),
        "Log one in so many of the requests that go well (2xx), chosen by their trace; all others always")
        .outside("log-sample-2xx", "CLAWGATE_LOG_SAMPLE_2XX");
    LOG_CLIENT_HELLO = Key::new("log.client_hello", Switch, "BOOL", Value("false"),
        "Add suites, groups, schemes and JA4 of the ClientHello to refused connections")
        .outside("log-client-hello", "CLAWGATE_LOG_CLIENT_HELLO");
    LOG_REPEAT_WINDOW = Key::new("log.repeat_window", Duration, "TIME", Value("1m"),
        "How often repeated refusals of one kind are summed up in a line; `off`: each has its own")
        .outside("log-repeat-window", "CLAWGATE_LOG_REPEAT_WINDOW");

    TRACE_ENDPOINT = Key::new("trace.endpoint", Text, "URL", Means("none: no spans are exported"),
        "OpenTelemetry collector that takes spans over OTLP/HTTP; needs a build with the feature `otlp`")
        .outside("trace-endpoint", "CLAWGATE_TRACE_ENDPOINT");
    TRACE_CA = Key::new("trace.ca", File, "FILE", Means("the system's CAs"), "CA of an https collector, PEM")
        .outside("trace-ca", "CLAWGATE_TRACE_CA");
    TRACE_TOKEN_FILE = Key::new("trace.token_file", File, "FILE", Means("none is shown"),
        "File with the token to show the collector, as `Authorization: Bearer …`")
        .outside("trace-token-file", "CLAWGATE_TRACE_TOKEN_FILE");
    TRACE_SAMPLE = Key::new("trace.sample", Count, "COUNT", Value("1"),
        "Export one in so many of the traces that begin here; a sender's own as it says itself")
        .outside("trace-sample", "CLAWGATE_TRACE_SAMPLE");
    TRACE_SERVICE = Key::new("trace.service", Text, "NAME", Value("clawgate"), "The gate's `service.name`")
        .outside("trace-service", "CLAWGATE_TRACE_SERVICE");
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_stands_for_two_settings() {
        let all_differ = |names: Vec<&str>| {
            let set: BTreeSet<_> = names.iter().collect();
            assert_eq!(set.len(), names.len(), "{names:?}");
        };
        all_differ(KEYS.iter().map(|key| key.toml).collect());
        all_differ(KEYS.iter().filter_map(|key| key.flag).chain([CONFIG_FLAG]).collect());
        all_differ(KEYS.iter().filter_map(|key| key.env).chain([CONFIG_ENV]).collect());
    }

    #[test]
    fn every_flag_has_a_variable_and_a_secret_has_no_flag() {
        for key in KEYS {
            assert!(key.flag.is_none() || key.env.is_some(), "{}", key.toml);
            assert!(!(key.secret && key.flag.is_some()), "{} would show in `ps`", key.toml);
            assert!(key.env.is_none_or(|env| env.starts_with("CLAWGATE_")), "{}", key.toml);
        }
    }

    #[test]
    fn no_variable_looks_like_one_that_kubernetes_sets() {
        for env in KEYS.iter().filter_map(|key| key.env) {
            assert!(!super::super::environment::set_by_kubernetes(env), "{env}");
        }
    }
}
