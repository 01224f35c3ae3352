//! pingora is a library: the proxy made of it is in `benches/compare/pingora`.

use super::{Call, Job, path};

pub(super) fn call(job: &Job) -> Call {
    let (port, upstream, workers) =
        (job.port.to_string(), job.upstream.to_string(), job.workers.to_string());
    let file = |name: &str| path(&job.certificates, name);
    Call::new([
        port.as_str(),
        &upstream,
        &workers,
        &file("server.pem"),
        &file("server.key"),
        &file("ca.pem"),
        &path(&job.dir, "access.log"),
        if job.resumption { "resume" } else { "full" },
    ])
}
