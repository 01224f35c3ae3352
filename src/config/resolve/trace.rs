//! Where spans go.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::ServerName;

use super::resolver::Resolver;
use super::secure::of_system;
use super::token::in_file;
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::problem::{Found, Origin};
use crate::config::settings::TraceSettings;
use crate::upstream::{Target, UpstreamTls, roots_in};

const TOKEN: &str = "put the token that the collector requires into it, on one line";

/// Where collectors take OTLP over gRPC.
const GRPC: u16 = 4317;

pub(super) fn trace(r: &mut Resolver<'_>) -> Found<Option<TraceSettings>> {
    let Some(origin) = r.origin(&keys::TRACE_ENDPOINT) else {
        check_nothing_is_set(r);
        return Ok(None);
    };
    if cfg!(not(feature = "otlp")) {
        let what = "needs the feature `otlp`, and this clawgate was built without it";
        let hint = "build it with `cargo build --release --features otlp`, or remove this";
        r.report.problem(&origin, what, hint);
    }
    let ca = r.optional(&keys::TRACE_CA);
    let file = r.sources.layers.first(&keys::TRACE_TOKEN_FILE);
    let token = file.map(|named| in_file(named, TOKEN, &mut r.report)).transpose();
    let Some(Sourced { value: (collector, path), .. }) = r.optional(&keys::TRACE_ENDPOINT)? else {
        return Ok(None);
    };
    warn_of_collector(r, &collector, &origin);
    let ca = ca?;
    let secure = secure(r, &collector, ca.as_ref(), &origin)?;
    Ok(Some(TraceSettings {
        collector,
        path,
        ca: ca.map(|ca| ca.value),
        secure,
        token: token?.map(|token| token.token),
        sample: r.value(&keys::TRACE_SAMPLE)?,
        service: r.value(&keys::TRACE_SERVICE)?,
    }))
}

/// A setting that nothing uses is a mistake: somebody believes that it is used.
fn check_nothing_is_set(r: &mut Resolver<'_>) {
    for key in keys::in_section("trace") {
        if let Some(origin) = r.origin(key) {
            let what = "is for spans, and no collector is named";
            r.report.problem(&origin, what, "set trace.endpoint, or remove this");
        }
    }
}

fn warn_of_collector(r: &mut Resolver<'_>, collector: &Target, origin: &Origin) {
    let (Target::Http { host, port } | Target::Https { host, port }) = collector else { return };
    if *port == GRPC {
        let what =
            format!("port {GRPC} is for OTLP over gRPC on most collectors; clawgate sends it over HTTP");
        r.report.warning(origin, what, "use the port for HTTP, 4318 on most collectors");
    }
    let is_near = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if matches!(collector, Target::Http { .. }) && !is_near {
        let what = format!("{collector} gets the names of clients, and any token, without encryption");
        r.report.warning(origin, what, "use https, or a collector on this machine");
    }
}

fn secure(
    r: &mut Resolver<'_>,
    collector: &Target,
    ca: Option<&Sourced<PathBuf>>,
    endpoint: &Origin,
) -> Found<Option<UpstreamTls>> {
    let Target::Https { host, .. } = collector else {
        if let Some(ca) = ca {
            let what = "is for an https collector, and trace.endpoint is none";
            r.report.problem(&ca.origin, what, "make it an https:// address, or remove this");
        }
        return Ok(None);
    };
    let name = ServerName::try_from(host.clone()).map_err(|_| {
        let what = format!("`{host}` is not a host name that a certificate can have");
        r.report.problem(endpoint, what, "write https://NAME:PORT")
    })?;
    let roots = match ca {
        Some(ca) => roots_in(&ca.value).map_err(|error| r.file_problem(&ca.origin, error))?,
        None => of_system(r, endpoint, "name the CA of its certificate in trace.ca")?,
    };
    Ok(Some(UpstreamTls { roots: Arc::new(roots), name, identity: None }))
}
