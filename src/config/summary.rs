//! What would run, for people.

use std::fmt::{self, Display, Write};

use humantime::format_duration;

use super::admin::AdminAddress;
use super::inbox;
use super::log::LogFormat;
use super::relay;
use super::settings::{Reloadable, RouteSettings, Settings, Startup, TraceSettings, UpstreamSettings};
use super::units::format_size;
use crate::identity::time::time_text;
use crate::pki::TrustStore;
use crate::pki::revocation::{Crl, Demand, Expired, Policy};
use crate::policy::Authenticate;
use crate::policy::Rules;
use crate::relay::settings::RelaySettings;
use crate::tls::Resumption;
use crate::upstream::{Forwarded, Target};

impl Settings {
    /// What would run, for people: several lines, no secret.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write_summary(&mut out);
        out
    }

    fn write_summary(&self, out: &mut String) -> fmt::Result {
        let Self { startup, reloadable, .. } = self;
        write_listeners(out, startup, reloadable)?;
        write_certificates(out, reloadable)?;
        write_clients(out, reloadable)?;
        for route in &reloadable.routes {
            write_route(out, route)?;
        }
        write_relay(out, startup, &reloadable.relay)?;
        if let Some(settings) = &startup.inbox {
            let mut label = "inbox";
            for text in inbox::lines(settings) {
                line(out, label, text)?;
                label = "";
            }
        }
        if let Some(nats) = &startup.shared_replays {
            line(out, "repeats", format_args!("known to all instances, by {nats}-replay"))?;
        }
        let (handshake, idle) = (reloadable.handshake_timeout, startup.limits.idle_timeout);
        let (handshake, idle) = (format_duration(handshake), format_duration(idle));
        line(out, "client times", format_args!("{handshake} for a handshake, {idle} idle"))?;
        line(out, "workers", startup.workers)?;
        let reload = if startup.watch { "when a file changes, on SIGHUP" } else { "on SIGHUP" };
        line(out, "reload", reload)?;
        line(out, "drain", format_args!("up to {}", format_duration(startup.drain_timeout)))?;
        match &startup.admin {
            Some(address) => {
                let scheme = if matches!(address, AdminAddress::Tcp(_)) { "http://" } else { "" };
                let token = if reloadable.admin_token.is_some() { ", with a token" } else { "" };
                line(out, "admin", format_args!("{scheme}{address}{token}"))?;
            }
            None => line(out, "admin", "off")?,
        }
        let format = match startup.log.format {
            LogFormat::Auto => "text on a terminal, else JSON",
            LogFormat::Json => "JSON",
            LogFormat::Text => "text",
        };
        line(out, "log", format_args!("{}, {format}", startup.log.level.text))?;
        if let Some(trace @ TraceSettings { token, sample, .. }) = &startup.trace {
            let token = if token.is_some() { ", with a token" } else { "" };
            line(out, "spans", format_args!("to {}{token}", trace.shown()))?;
            let which = match sample {
                1 => "all".to_owned(),
                sample => format!("one in {sample}"),
            };
            line(
                out,
                "",
                format_args!("{which} of the traces that begin here; for others the client decides"),
            )?;
        }
        Ok(())
    }
}

fn write_relay(out: &mut String, startup: &Startup, relay: &RelaySettings) -> fmt::Result {
    if let (Some(address), Some(callers)) = (&startup.relay, &relay.callers) {
        line(out, "relay", format_args!("{address}, {}", relay::callers(callers)))?;
    }
    for target in &relay.targets {
        let url = relay::url(target);
        line(out, "target", format_args!("{} {} -> {url}", target.name, target.path))?;
        for text in relay::lines(target) {
            line(out, "", text)?;
        }
    }
    Ok(())
}

fn write_listeners(out: &mut String, startup: &Startup, reloadable: &Reloadable) -> fmt::Result {
    line(out, "listens on", list(&startup.listen))?;
    if !startup.listen_proxy.is_empty() {
        let (listen, sources) = (list(&startup.listen_proxy), list(&reloadable.proxy_sources));
        line(out, "", format_args!("{listen} with a PROXY header, from {sources}"))?;
    }
    if !startup.listen_signed.is_empty() {
        let listen = list(&startup.listen_signed);
        line(out, "", format_args!("{listen} without client certificates, for signed requests"))?;
    }
    if let Some(url) = &reloadable.public_url {
        line(out, "public URL", url)?;
    }
    Ok(())
}

fn write_certificates(out: &mut String, settings: &Reloadable) -> fmt::Result {
    for own in &settings.material.own {
        let (path, key_path) = (own.path.display(), own.key_path.display());
        line(out, "certificate", format_args!("{path} (key: {key_path})"))?;
        let certificate = &own.certificate;
        line(out, "", format_args!("{}, valid until {}", certificate.key, certificate.not_after))?;
        line(out, "", format_args!("good for {}", list(&certificate.san)))?;
        if let Some(staple) = &own.staple {
            let (path, until) = (staple.path.display(), &staple.until_text);
            line(out, "", format_args!("OCSP response in {path}, until {until}"))?;
        }
    }
    line(out, "TLS", settings.tls.version_text())?;
    line(out, "", format_args!("suites {}", list(settings.tls.suite_names())))?;
    line(out, "", format_args!("groups {}", list(settings.tls.group_names())))?;
    let resumption = match settings.tls.resumption {
        Resumption::Safe => "safe: for an hour, the certificate is verified again",
        Resumption::Off => "off",
    };
    line(out, "resumption", resumption)
}

fn write_clients(out: &mut String, settings: &Reloadable) -> fmt::Result {
    let (paths, trust) = (&settings.material_paths, &settings.material.trust);
    line(out, "client CAs", list(paths.client_ca.iter().map(|path| path.display())))?;
    for ca in &trust.cas {
        line(out, "", format_args!("{}, valid until {}", ca.subject, ca.not_after_text))?;
    }
    line(out, "CRLs", list(paths.crl.iter().map(|path| path.display())))?;
    for Crl { issuer, entries, next_update, .. } in &trust.crls {
        let due = time_text(*next_update);
        line(out, "", format_args!("{issuer}: {entries} revoked, next one due {due}"))?;
    }
    line(out, "", revocation(paths.revocation))?;
    if let Some(file) = &paths.denylist {
        let count = trust.denylist.len();
        line(out, "denylist", format_args!("{} ({count} denied)", file.display()))?;
    }
    for digest in &paths.pinned {
        line(out, "pinned", format_args!("{digest}: admitted without a CA"))?;
    }
    write_rules(out, "clients", "", &settings.clients_rules, without_rules(trust))
}

/// Which clients may connect where there are no allow rules.
fn without_rules(trust: &TrustStore) -> &'static str {
    match (trust.cas.is_empty(), trust.pinned.is_empty()) {
        (true, true) => "none: no listener asks for a certificate",
        (true, false) => "pinned certificates",
        (false, true) => "any certificate of the client CAs",
        (false, false) => "any certificate of the client CAs, and pinned certificates",
    }
}

fn write_route(out: &mut String, route: &RouteSettings) -> fmt::Result {
    let RouteSettings { path, methods, authenticate, verify, relay, rules, max_body, upstream, .. } =
        route;
    let all_below = if path.to_string().ends_with('/') { "…" } else { "" };
    let to = match relay {
        Some(name) => format!("target {name}"),
        None => upstream.target.to_string(),
    };
    line(out, "route", format_args!("{methods} {path}{all_below} -> {to}"))?;
    if authenticate.admits_certificates() {
        write_rules(out, "", "for ", rules, "all clients")?;
    }
    match authenticate {
        Authenticate::Certificate => {}
        Authenticate::Signature => line(out, "", "for requests with a valid signature")?,
        Authenticate::Both => line(out, "", "and only with a valid signature")?,
        Authenticate::Either => line(out, "", "or for requests with a valid signature")?,
    }
    for text in verify.iter().flat_map(|verify| verify.lines()) {
        line(out, "", text)?;
    }
    for text in inbox::route_lines(route) {
        line(out, "", text)?;
    }
    for text in route.shape.iter().flat_map(|shape| shape.lines()) {
        line(out, "", text)?;
    }
    if relay.is_some() {
        return line(out, "", format_args!("body up to {}", format_size(*max_body)));
    }
    line(out, "", format_args!("token injected: {}", token(upstream)))?;
    line(out, "", format_args!("identity headers: {}", upstream.forwarding.identity))?;
    if upstream.forwarding.forwarded != Forwarded::Off {
        line(out, "", format_args!("address headers: {}", upstream.forwarding.forwarded))?;
    }
    if upstream.forwarding.proxy_protocol {
        line(out, "", "a PROXY header (v2), and a connection of its own, for each request")?;
    }
    line(out, "", format_args!("body up to {}", format_size(*max_body)))?;
    if upstream.target == Target::Echo {
        return line(out, "", "answered by clawgate itself");
    }
    if let (Target::Https { .. }, ca) = (&upstream.target, &upstream.ca) {
        let ca = ca.as_ref().map_or("the system's CAs".to_owned(), |ca| ca.display().to_string());
        line(out, "", format_args!("upstream's certificate verified with {ca}"))?;
        if let Some(secure) = &upstream.secure {
            line(out, "", format_args!("server name {}", secure.name.to_str()))?;
        }
        if let Some(certificate) = &upstream.certificate {
            line(out, "", format_args!("client certificate in {}", certificate.display()))?;
        }
    }
    let UpstreamSettings { connect_timeout, response_timeout, idle_timeout, .. } = upstream;
    let [connect, response, idle] =
        [connect_timeout, response_timeout, idle_timeout].map(|time| format_duration(*time));
    line(
        out,
        "",
        format_args!("upstream times: {connect} to connect, {response} to answer, {idle} idle"),
    )
}

fn token(upstream: &UpstreamSettings) -> String {
    match upstream.token {
        Some(_) => format!("yes, from {}", upstream.token_origin),
        None => "no, the client's own Authorization is passed on".to_owned(),
    }
}

fn line(out: &mut String, label: &str, text: impl Display) -> fmt::Result {
    writeln!(out, "{label:<14} {text}")
}

/// What happens to clients of a CA without a CRL, or with an expired one.
fn revocation(policy: Policy) -> String {
    let without = match policy.demand {
        Demand::IfPresent => "if-present: clients of a CA without a CRL are not checked",
        Demand::Strict => "strict: clients of a CA without a CRL are refused",
    };
    let expired = match policy.expired {
        Expired::Refuse => "clients of a CA with an expired CRL are refused",
        Expired::Warn => "an expired CRL is still used, with a warning",
    };
    format!("{without}; {expired}")
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

fn write_rules(
    out: &mut String,
    label: &str,
    subject: &str,
    rules: &Rules,
    anyone: &str,
) -> fmt::Result {
    let mut phrases = rules.phrases();
    if rules.allow().is_empty() {
        phrases.insert(0, anyone.to_owned());
    }
    for (place, phrase) in phrases.iter().enumerate() {
        match place {
            0 => line(out, label, format_args!("{subject}{phrase}"))?,
            _ => line(out, "", phrase)?,
        }
    }
    Ok(())
}
