//! What each setting is, as text. Of a secret nothing is said but where it came from and when its file was written.

use std::time::Duration;

use humantime::format_duration;

use super::InUse;
use crate::config::files::Files;
use crate::config::settings::{LogFormat, RouteSettings, Settings, UpstreamSettings};
use crate::identity::unix_rfc3339;
use crate::policy::{Revoke, Rules};
use crate::tls::revocation::{Crl, Demand, Expired};
use crate::tls::trust::Ca;
use crate::tls::{RefuseWith, Resumption};

impl InUse {
    /// What `settings` are; `files` are those that they name, as they were before they were read.
    pub(in crate::config) fn of(settings: &Settings, files: &Files) -> Self {
        let mut all = Self::default();
        all.listeners(settings);
        all.tls(settings);
        all.clients(settings);
        settings.routes.iter().for_each(|route| all.route(route));
        all.limits(settings);
        all.runtime(settings);
        all.set("files", files.marks());
        all
    }

    fn one(&mut self, key: &str, value: impl ToString) {
        self.set(key, [value]);
    }

    fn time(&mut self, key: &str, value: Duration) {
        self.one(key, format_duration(value));
    }

    /// A limit that may be off.
    fn limit(&mut self, key: &str, value: Option<impl ToString>) {
        self.one(key, value.map_or("off".to_owned(), |value| value.to_string()));
    }

    fn listeners(&mut self, settings: &Settings) {
        self.set("listen.address", &settings.listen);
        self.set("listen.proxy_address", &settings.proxy.listen);
        self.set("listen.proxy_sources", &settings.proxy.sources);
        self.one("listen.takeover", settings.takeover);
        let admin = settings.admin.as_ref();
        self.one("admin.address", admin.map_or("off".to_owned(), |admin| admin.address.to_string()));
        self.one(
            "admin.token_file",
            if admin.is_some_and(|admin| admin.token.is_some()) { "set" } else { "none" },
        );
    }

    fn tls(&mut self, settings: &Settings) {
        let own = &settings.material.own;
        self.set(
            "tls.certificate",
            own.iter().map(|own| {
                let certificate = &own.certificate;
                format!(
                    "{}, serial {}, until {}",
                    certificate.subject, certificate.serial, certificate.not_after
                )
            }),
        );
        let staples = own.iter().filter_map(|own| own.staple.as_ref());
        self.set("tls.ocsp", staples.map(|staple| format!("until {}", staple.until_text)));
        self.time("tls.handshake_timeout", settings.handshake_timeout);
        self.one("tls.strict_sni", settings.strict_sni);
        self.one("tls.min_version", settings.tls.version_text());
        self.one("tls.cipher_suites", settings.tls.suite_names().join(" "));
        self.one("tls.groups", settings.tls.group_names().join(" "));
        let resumption = match settings.tls.resumption {
            Resumption::Safe => "safe",
            Resumption::Off => "off",
        };
        self.one("tls.resumption", resumption);
        self.one("tls.key_log", settings.tls.key_log);
    }

    fn clients(&mut self, settings: &Settings) {
        let trust = &settings.material.trust;
        let ca = |ca: &Ca| {
            format!("{}, until {}, key SHA-256 {}", ca.subject, ca.not_after_text, ca.spki_sha256)
        };
        self.set("clients.ca", trust.cas.iter().map(ca));
        self.set(
            "clients.crl",
            trust.crls.iter().map(|crl| {
                let Crl { issuer, entries, this_update, next_update, .. } = crl;
                let (issued, due) = (unix_rfc3339(*this_update), unix_rfc3339(*next_update));
                format!("of {issuer}: {entries} revoked, issued at {issued}, next one due at {due}")
            }),
        );
        let demand = match trust.revocation.demand {
            Demand::IfPresent => "if-present",
            Demand::Strict => "strict",
        };
        let expired = match trust.revocation.expired {
            Expired::Refuse => "refuse",
            Expired::Warn => "warn",
        };
        self.one("clients.crl_policy", demand);
        self.one("clients.crl_expired", expired);
        if settings.material_paths.denylist.is_some() {
            self.one("clients.denylist", format_args!("{} denied", trust.denylist.len()));
        }
        let mut pinned: Vec<_> = trust.pinned.iter().map(ToString::to_string).collect();
        pinned.sort_unstable();
        self.set("clients.pinned", pinned);
        self.rules("clients", &settings.clients_rules);
        self.set("clients.pins", settings.clients_rules.pins());
        let revoke = match settings.revoke {
            Revoke::AfterResponse => "after-response",
            Revoke::Now => "now",
        };
        let refuse_with = match settings.refuse_with {
            RefuseWith::Alert => "alert",
            RefuseWith::Http => "http",
        };
        self.one("clients.revoke", revoke);
        self.one("clients.refuse_with", refuse_with);
    }

    fn rules(&mut self, section: &str, rules: &Rules) {
        self.set(&format!("{section}.allow"), rules.allow());
        self.set(&format!("{section}.deny"), rules.deny());
        self.one(&format!("{section}.audit"), rules.is_audited());
    }

    fn route(&mut self, route: &RouteSettings) {
        let name = format!("route {} {}", route.methods, route.path);
        let UpstreamSettings { target, ca, certificate, token, token_origin, telling, .. } =
            &route.upstream;
        let shown = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map_or("none".to_owned(), |path| path.display().to_string())
        };
        let secure = route.upstream.secure.as_ref();
        let server_name = secure.map_or("none".to_owned(), |secure| secure.name.to_str().into_owned());
        let token = token.as_ref().map_or("none", |_| token_origin.as_str());
        let [connect, response, idle] = [
            route.upstream.connect_timeout,
            route.upstream.response_timeout,
            route.upstream.idle_timeout,
        ]
        .map(|time| format_duration(time).to_string());
        self.set(
            &name,
            [
                format!("upstream {target}"),
                format!(
                    "upstream's CA {}, name {server_name}, own certificate {}",
                    shown(ca),
                    shown(certificate)
                ),
                format!("token {token}"),
                format!("identity {}, forwarded {}", telling.identity, telling.forwarded),
                format!("PROXY header {}", telling.proxy_protocol),
                format!("body up to {} bytes", route.max_body),
                format!("connect within {connect}, answer within {response}, idle {idle}"),
                format!("{} connections, {} waiting", route.upstream.connections, route.upstream.queue),
            ],
        );
        self.rules(&name, &route.rules);
    }

    fn limits(&mut self, settings: &Settings) {
        let limits = &settings.limits;
        self.one("limits.connections", limits.connections);
        self.limit("limits.connections_per_source", limits.connections_per_source);
        self.limit("limits.connections_per_identity", limits.connections_per_identity);
        self.one("limits.handshakes", limits.handshakes);
        self.limit("limits.handshake_rate", limits.handshake_rate);
        self.time("limits.greeting_timeout", limits.greeting_timeout);
        self.time("limits.idle_timeout", limits.idle_timeout);
        self.limit("limits.connection_age", limits.connection_age.map(format_duration));
        self.limit("limits.connection_requests", limits.connection_requests);
        self.time("limits.head_timeout", limits.head_timeout);
        self.one("limits.uri", limits.uri);
        self.time("limits.body_timeout", limits.body_timeout);
        self.limit("limits.body_rate", limits.body_rate);
        self.time("limits.send_timeout", limits.send_timeout);
        self.time("limits.request_timeout", limits.request_timeout);
        self.one("limits.streams", limits.streams);
        self.limit("limits.request_rate", limits.request_rate);
        self.limit("limits.request_burst", limits.request_burst);
        self.limit("limits.requests_at_once", limits.requests_at_once);
    }

    fn runtime(&mut self, settings: &Settings) {
        self.one("runtime.workers", settings.workers);
        self.one("runtime.watch", settings.watch);
        self.one("runtime.sandbox", settings.sandbox);
        self.time("runtime.drain_timeout", settings.drain_timeout);
        let log = &settings.log;
        let format = match log.format {
            LogFormat::Auto => "auto",
            LogFormat::Json => "json",
            LogFormat::Text => "text",
        };
        self.one("log.format", format);
        self.one("log.level", &log.level.text);
        self.one("log.verbose", log.verbose);
        self.one("log.sample_2xx", log.sample_2xx);
        self.one("log.client_hello", log.client_hello);
        self.limit("log.repeat_window", log.repeat_window.map(format_duration));
        if let Some(trace) = &settings.trace {
            self.one("trace.endpoint", trace.shown());
            self.one("trace.sample", trace.sample);
            self.one("trace.service", &trace.service);
            self.set("trace.ca", trace.ca.iter().map(|ca| ca.display()));
            self.one("trace.token_file", if trace.token.is_some() { "set" } else { "none" });
        }
    }
}
