//! From the sources to settings: reads each value, fills in the defaults, and checks what has to fit together. Goes
//! on after a mistake, so that all mistakes are found.

mod admin;
mod authenticate;
mod content;
mod forwarding;
mod inbox;
mod limits;
mod listen;
mod material;
mod relay;
mod resolver;
mod routes;
mod rules;
mod secure;
mod shape;
mod tls;
mod token;
mod trace;
mod upstream;
mod verify;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::SystemTime;

use ipnet::IpNet;

use self::resolver::Resolver;
pub(super) use self::resolver::Sources;
use super::files::Files;
use super::in_use::InUse;
use super::keys;
use super::layers::List;
use super::log::LogSettings;
use super::problem::{Found, Problems, Report};
use super::settings::{Reloadable, Settings, Startup};
use crate::inbox::InboxSettings;

/// Makes the settings, or says all that is wrong. `now` is when certificates have to be valid.
pub(super) fn resolve(
    sources: &Sources,
    files: Files,
    now: SystemTime,
    report: Report,
) -> Result<Settings, Problems> {
    let mut resolver = Resolver::new(sources, now, report);
    let found = settings(&mut resolver);
    let Resolver { report, mut in_use, .. } = resolver;
    match report.conclude(found) {
        Ok((settings, warnings)) => {
            content::note(&mut in_use, &settings, &files);
            Ok(Settings { files, in_use, warnings, ..settings })
        }
        Err(problems) => Err(problems.in_files(files)),
    }
}

/// Makes the settings of the inbox alone, or says all that is wrong.
pub(super) fn inbox_alone(sources: &Sources, report: Report) -> Result<InboxSettings, Problems> {
    // No certificate is read, so no time is needed.
    let mut resolver = Resolver::new(sources, SystemTime::UNIX_EPOCH, report);
    let found = inbox::settings(&mut resolver, None);
    resolver.report.conclude(found).map(|(settings, _)| settings)
}

fn settings(r: &mut Resolver<'_>) -> Found<Settings> {
    let listen = listen::clients(r);
    let listen_proxy = listen::balancers(r, &listen.values);
    let proxy_sources = listen::balancer_sources(r, &listen_proxy);
    let listen_signed = listen::signed(r, &listen.values, &listen_proxy.values);
    let startup = startup(r, listen, listen_proxy, listen_signed);
    let reloadable = reloadable(r, proxy_sources);
    let routes = reloadable.as_ref().ok().map(|reloadable| reloadable.routes.as_slice());
    let relay = reloadable.as_ref().ok().map(|reloadable| &reloadable.relay);
    let inbox = inbox::of_routes(r, routes, relay);
    let inbox::Inbox { settings: inbox, place: inbox_place, shared_replays } = inbox?;
    Ok(Settings {
        inbox_place,
        startup: Startup { inbox, shared_replays, ..startup? },
        reloadable: reloadable?,
        files: Files::default(),
        in_use: InUse::default(),
        warnings: Vec::new(),
    })
}

fn startup(
    r: &mut Resolver<'_>,
    listen: List<SocketAddr>,
    listen_proxy: List<SocketAddr>,
    listen_signed: List<SocketAddr>,
) -> Found<Startup> {
    let lists = [&listen, &listen_proxy, &listen_signed];
    let admin = admin::address(r, lists.into_iter().flat_map(|list| &list.values));
    let others = lists.into_iter().flat_map(|list| &list.values);
    let relay = relay::address(r, others, admin.as_ref().ok().and_then(Option::as_ref));
    let trace = trace::trace(r);
    Ok(Startup {
        listen: listen.all_values()?,
        listen_proxy: listen_proxy.all_values()?,
        listen_signed: listen_signed.all_values()?,
        takeover: r.value(&keys::TAKEOVER)?,
        workers: workers(r)?,
        admin: admin?,
        relay: relay?,
        edit_denylist: r.value(&keys::ADMIN_EDIT_DENYLIST)?,
        watch: r.value(&keys::WATCH)?,
        sandbox: r.value(&keys::SANDBOX)?,
        drain_timeout: r.value(&keys::DRAIN_TIMEOUT)?,
        limits: limits::startup(r)?,
        log: LogSettings {
            format: r.value(&keys::LOG_FORMAT)?,
            verbose: r.value(&keys::LOG_VERBOSE)?,
            level: r.value(&keys::LOG_LEVEL)?,
            repeat_window: r.value(&keys::LOG_REPEAT_WINDOW)?,
        },
        trace: trace?,
        inbox: None,
        shared_replays: None,
    })
}

fn workers(r: &mut Resolver<'_>) -> Found<NonZeroUsize> {
    Ok(match r.optional(&keys::WORKERS)? {
        Some(workers) => workers.value,
        None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    })
}

fn reloadable(r: &mut Resolver<'_>, proxy_sources: Found<Vec<IpNet>>) -> Found<Reloadable> {
    let material = material::material(r);
    let tls = tls::parameters(r, material.as_ref().ok().map(|(material, _)| material));
    let clients_rules = rules::of_clients(r);
    let hash_key = shape::hash_key(r);
    let routes = routes::routes(r, &hash_key);
    if let (Ok((material, _)), Ok(rules), Ok(routes)) = (&material, &clients_rules, &routes) {
        rules::check_public_cas(r, &material.trust.cas, rules, routes);
    }
    let limits = limits::reloadable(r);
    let admin_token = admin::token(r);
    let relay = relay::settings(r, &hash_key);
    if let (Ok(routes), Ok(relay)) = (&routes, &relay)
        && !routes.iter().any(|route| route.makes_pseudonyms())
        && !relay.targets.iter().any(|target| target.makes_pseudonyms())
    {
        shape::warn_of_unused(r);
    }

    let (material, material_paths) = material?;
    let tls = tls?;
    Ok(Reloadable {
        proxy_sources: proxy_sources?,
        public_url: r.optional(&keys::PUBLIC_URL)?.map(|url| url.value),
        handshake_timeout: r.value(&keys::HANDSHAKE_TIMEOUT)?,
        material,
        material_paths,
        clients_rules: clients_rules?,
        revoke: r.value(&keys::REVOKE)?,
        refuse_with: r.value(&keys::REFUSE_WITH)?,
        strict_sni: r.value(&keys::STRICT_SNI)?,
        key_log_file: r.sources.key_log_file.clone().filter(|_| tls.key_log),
        tls,
        routes: routes?,
        limits: limits?,
        admin_token: admin_token?,
        relay: relay?,
        admin_show_bodies: r.value(&keys::ADMIN_SHOW_BODIES)?,
        log_sample_2xx: r.value(&keys::LOG_SAMPLE)?,
        log_client_hello: r.value(&keys::LOG_CLIENT_HELLO)?,
    })
}
