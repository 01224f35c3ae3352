//! pingora: a proxy made with it (`benches/pingora`), since it comes as a library.

use super::{IDLE, Job, path};

pub(super) fn settings(job: &Job) -> String {
    let Job { certificates, dir, port, upstream, workers, resumption, .. } = job;
    let file = |name: &str| path(certificates, name);
    // One thread each without stealing is the cheaper of its two runtimes. Connections are dropped at the end:
    // pingora would wait five minutes for them.
    format!(
        r#"
version: 1
threads: {workers}
work_stealing: false
grace_period_seconds: 0
graceful_shutdown_timeout_seconds: 0
listen: 127.0.0.1:{port}
certificate: {server}
key: {key}
ca: {ca}
upstream: 127.0.0.1:{upstream}
access_log: {access}
resumption: {resumption}
idle: {IDLE}
"#,
        server = file("server.pem"),
        key = file("server.key"),
        ca = file("ca.pem"),
        access = path(dir, "access.log"),
    )
}
