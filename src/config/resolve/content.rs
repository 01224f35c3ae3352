//! What `/status` and `check` show of settings besides their values: the content of files, and routes.

use std::path::PathBuf;

use humantime::format_duration;

use crate::config::files::Files;
use crate::config::in_use::InUse;
use crate::config::inbox::route_lines;
use crate::config::relay::{lines, url};
use crate::config::settings::{Reloadable, RouteSettings, Settings, UpstreamSettings};
use crate::identity::unix_rfc3339;
use crate::pki::Ca;
use crate::pki::revocation::Crl;

/// Adds it for `settings`; `files` are those that they name, as they were before they were read. No secret is shown,
/// but where it came from, and when its file was written.
pub(super) fn note(in_use: &mut InUse, settings: &Settings, files: &Files) {
    let Settings { startup, reloadable, .. } = settings;
    handshake(in_use, reloadable);
    clients(in_use, reloadable);
    reloadable.routes.iter().for_each(|route| note_route(in_use, route));
    for target in &reloadable.relay.targets {
        let shown = std::iter::once(format!("{} -> {}", target.path, url(target)));
        in_use.set(&format!("relay.target {}", target.name), shown.chain(lines(target)));
    }
    in_use.set("runtime.workers", [startup.workers]);
    in_use.set("admin.token_file", [set_or_none(reloadable.admin_token.is_some())]);
    if let Some(trace) = &startup.trace {
        in_use.set("trace.ca", trace.ca.iter().map(|ca| ca.display()));
        in_use.set("trace.token_file", [set_or_none(trace.token.is_some())]);
    }
    in_use.set("files", files.marks());
}

fn set_or_none(is_set: bool) -> &'static str {
    if is_set { "set" } else { "none" }
}

fn handshake(in_use: &mut InUse, settings: &Reloadable) {
    let own = &settings.material.own;
    in_use.set(
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
    in_use.set("tls.ocsp", staples.map(|staple| format!("until {}", staple.until_text)));
    in_use.set("tls.min_version", [settings.tls.version_text()]);
    in_use.set("tls.cipher_suites", [settings.tls.suite_names().join(" ")]);
    in_use.set("tls.groups", [settings.tls.group_names().join(" ")]);
}

fn clients(in_use: &mut InUse, settings: &Reloadable) {
    let trust = &settings.material.trust;
    let ca =
        |ca: &Ca| format!("{}, until {}, key SHA-256 {}", ca.subject, ca.not_after_text, ca.spki_sha256);
    in_use.set("clients.ca", trust.cas.iter().map(ca));
    in_use.set(
        "clients.crl",
        trust.crls.iter().map(|crl| {
            let Crl { issuer, entries, this_update, next_update, .. } = crl;
            let (issued, due) = (unix_rfc3339(*this_update), unix_rfc3339(*next_update));
            format!("of {issuer}: {entries} revoked, issued at {issued}, next one due at {due}")
        }),
    );
    if settings.material_paths.denylist.is_some() {
        in_use.set("clients.denylist", [format!("{} denied", trust.denylist.len())]);
    }
    let mut pinned: Vec<_> = trust.pinned.iter().map(ToString::to_string).collect();
    pinned.sort_unstable();
    in_use.set("clients.pinned", pinned);
}

fn note_route(in_use: &mut InUse, route: &RouteSettings) {
    let name = format!("route {} {}", route.methods, route.path);
    let UpstreamSettings { target, ca, certificate, token, token_origin, forwarding, .. } =
        &route.upstream;
    let shown = |path: &Option<PathBuf>| {
        path.as_ref().map_or("none".to_owned(), |path| path.display().to_string())
    };
    let secure = route.upstream.secure.as_ref();
    let server_name = secure.map_or("none".to_owned(), |secure| secure.name.to_str().into_owned());
    let token = token.as_ref().map_or("none", |_| token_origin.as_str());
    let [connect, response, idle] =
        [route.upstream.connect_timeout, route.upstream.response_timeout, route.upstream.idle_timeout]
            .map(|time| format_duration(time).to_string());
    in_use.set(
        &name,
        [
            format!("authenticate {}", route.authenticate.as_str()),
            match &route.relay {
                Some(name) => format!("target {name}"),
                None => format!("upstream {target}"),
            },
            format!(
                "upstream's CA {}, name {server_name}, own certificate {}",
                shown(ca),
                shown(certificate)
            ),
            format!("token {token}"),
            format!("identity {}, forwarded {}", forwarding.identity, forwarding.forwarded),
            format!("PROXY header {}", forwarding.proxy_protocol),
            format!("body up to {} bytes", route.max_body),
            format!("connect within {connect}, answer within {response}, idle {idle}"),
            format!("{} connections, {} waiting", route.upstream.connections, route.upstream.queue),
        ],
    );
    in_use.set(&format!("{name}.allow"), route.rules.allow());
    in_use.set(&format!("{name}.deny"), route.rules.deny());
    in_use.set(&format!("{name}.audit"), [route.rules.is_audited()]);
    in_use.set(&format!("{name}.inbox"), route_lines(route));
    in_use.set(&format!("{name}.shape"), route.shape.iter().flat_map(|shape| shape.lines()));
    in_use.set(&format!("{name}.verify"), route.verify.iter().flat_map(|verify| verify.lines()));
}
