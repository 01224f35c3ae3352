//! clawgate: its defaults, but for what the job needs.

use super::{CONNECTIONS, Call, IDLE, Job, path};

pub(super) fn settings(job: &Job) -> String {
    let Job { certificates, port, upstream, workers, extra, .. } = job;
    let (ca, server, key) = (
        path(certificates, "ca.pem"),
        path(certificates, "server.pem"),
        path(certificates, "server.key"),
    );
    format!(
        r#"
listen.address = "127.0.0.1:{port}"
tls.certificate = "{server}"
tls.private_key = "{key}"
clients.ca = "{ca}"
upstream.url = "http://127.0.0.1:{upstream}"
limits.body = "16MiB"
limits.connections = {CONNECTIONS}
limits.idle_timeout = "{IDLE}s"
limits.connections_per_source = {CONNECTIONS}
limits.handshakes = {CONNECTIONS}
limits.handshake_rate = 1000000
limits.connection_requests = 1000000000
limits.request_rate = 100000000
limits.requests_at_once = {CONNECTIONS}
limits.upstream_connections = {CONNECTIONS}
runtime.workers = {workers}
admin.address = "off"
log.format = "json"
{extra}
"#
    )
}

/// All connections are of one client. In a variable, since builds from before that limit do not know the setting.
pub(super) fn call(file: &str) -> Call {
    let mut call = Call::new(["run", "--config", file]);
    call.variables.push(("CLAWGATE_MAX_CONNECTIONS_PER_IDENTITY".to_owned(), "off".to_owned()));
    call
}
