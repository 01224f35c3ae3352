//! Where spans go.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::ServerName;

use super::Resolver;
use super::upstream::token_in_file;
use crate::config::file_name;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::{Sourced, Text};
use crate::config::problem::Origin;
use crate::config::settings::TraceSettings;
use crate::config::values;
use crate::upstream::{Secure, Target, roots_in, system_roots};

const TOKEN: &str = "put the token that the collector asks for into it, on one line";

/// Where collectors take OTLP over gRPC.
const GRPC: u16 = 4317;

impl Resolver<'_> {
    pub(super) fn trace(&mut self) -> Option<TraceSettings> {
        let Some(origin) = self.origin(&keys::TRACE_ENDPOINT) else {
            self.check_trace_is_unset();
            return None;
        };
        if cfg!(not(feature = "otlp")) {
            let what = "needs the feature `otlp`, and this clawgate was built without it";
            let hint = "build it with `cargo build --release --features otlp`, or take this out";
            self.report.problem(&origin, what, hint);
        }
        let endpoint = self.one(&keys::TRACE_ENDPOINT, values::collector);
        let ca = self.one(&keys::TRACE_CA, file_name::file);
        let token_file = self.sources.layers.get(&keys::TRACE_TOKEN_FILE).and_then(<[Text]>::first);
        let token = token_file.and_then(|named| token_in_file(named, TOKEN, &mut self.report).token());
        let sample = self.value(&keys::TRACE_SAMPLE, values::count, 1) as u64;
        let service = self.value(&keys::TRACE_SERVICE, |text| Ok(text.to_owned()), String::new());
        let (collector, path) = endpoint?.value;
        let secure = self.secure_collector(&collector, ca.as_ref(), &origin);
        let (Target::Http { host, port } | Target::Https { host, port }) = &collector else {
            return None;
        };
        if *port == GRPC {
            let what =
                format!("port {GRPC} is where collectors take OTLP over gRPC; the gate speaks HTTP");
            self.report.warning(&origin, what, "as a rule that is port 4318");
        }
        let is_near = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if matches!(collector, Target::Http { .. }) && !is_near {
            let what = format!("{collector} gets who called what, and any token, in the clear");
            self.report.warning(&origin, what, "use https, or a collector on this machine");
        }
        let ca = ca.map(|ca| ca.value);
        Some(TraceSettings { collector, path, ca, secure, token, sample, service })
    }

    /// Where a setting was set, if it was.
    fn origin(&self, key: &Key) -> Option<Origin> {
        let text = self.sources.layers.get(key).and_then(<[Text]>::first);
        text.map(|text| text.origin.clone())
    }

    /// What nothing uses is a mistake: somebody believes that it is used.
    fn check_trace_is_unset(&mut self) {
        let keys = [&keys::TRACE_CA, &keys::TRACE_TOKEN_FILE, &keys::TRACE_SAMPLE, &keys::TRACE_SERVICE];
        for origin in keys.into_iter().filter_map(|key| self.origin(key)).collect::<Vec<_>>() {
            let what = "is for spans, and no collector is named";
            self.report.problem(&origin, what, "set trace.endpoint, or take it out");
        }
    }

    fn secure_collector(
        &mut self,
        collector: &Target,
        ca: Option<&Sourced<PathBuf>>,
        endpoint: &Origin,
    ) -> Option<Secure> {
        let Target::Https { host, .. } = collector else {
            if let Some(ca) = ca {
                let what = "is for an https collector, and trace.endpoint is none";
                self.report.problem(&ca.origin, what, "make it an https:// address, or take this out");
            }
            return None;
        };
        let Ok(name) = ServerName::try_from(host.clone()) else {
            let what = format!("`{host}` is not a host name that a certificate can have");
            self.report.problem(endpoint, what, "write https://NAME:PORT");
            return None;
        };
        let roots = match ca {
            Some(ca) => roots_in(&ca.value).map_err(|error| self.file_problem(&ca.origin, error)).ok(),
            None => {
                let roots = system_roots();
                if roots.is_none() {
                    let what =
                        "is an https address, and the system has no CA to check its certificate with";
                    self.report.problem(endpoint, what, "name the CA of its certificate in trace.ca");
                }
                roots
            }
        };
        Some(Secure { roots: Arc::new(roots?), name, identity: None })
    }
}
