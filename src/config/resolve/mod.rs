//! From the sources to settings: reads each value, fills in the defaults, and checks what has to fit together. Goes
//! on after a mistake, so that all mistakes are found.

mod admin;
mod content;
mod forwarding;
mod limits;
mod listen;
mod material;
mod resolver;
mod routes;
mod rules;
mod secure;
mod tls;
mod token;
mod trace;
mod upstream;

use std::time::SystemTime;

use self::resolver::Resolver;
pub(super) use self::resolver::Sources;
use super::files::Files;
use super::in_use::InUse;
use super::keys;
use super::log::LogSettings;
use super::problem::{Found, Problems, Report};
use super::settings::Settings;

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

fn settings(r: &mut Resolver<'_>) -> Found<Settings> {
    let material = material::material(r);
    let tls = tls::parameters(r, material.as_ref().ok().map(|(material, _)| material));
    let listen = listen::clients(r);
    let proxy = listen::balancers(r, &listen.values);
    let admin = admin::admin(r, listen.values.iter().chain(&proxy.listen.values));
    let limits = limits::limits(r);
    let clients_rules = rules::of_clients(r);
    let routes = routes::routes(r, limits.as_ref().ok());
    if let (Ok((material, _)), Ok(rules), Ok(routes)) = (&material, &clients_rules, &routes) {
        rules::check_public_cas(r, &material.trust.cas, rules, routes);
    }
    let trace = trace::trace(r);
    let workers = match r.optional(&keys::WORKERS)? {
        Some(workers) => workers.value,
        None => std::thread::available_parallelism().unwrap_or(std::num::NonZeroUsize::MIN),
    };

    let (material, material_paths) = material?;
    let tls = tls?;
    Ok(Settings {
        listen: listen.all_values()?,
        proxy: proxy.settings()?,
        takeover: r.value(&keys::TAKEOVER)?,
        key_log_file: r.sources.key_log_file.clone().filter(|_| tls.key_log),
        sandbox: r.value(&keys::SANDBOX)?,
        handshake_timeout: r.value(&keys::HANDSHAKE_TIMEOUT)?,
        material,
        material_paths,
        clients_rules: clients_rules?,
        revoke: r.value(&keys::REVOKE)?,
        refuse_with: r.value(&keys::REFUSE_WITH)?,
        strict_sni: r.value(&keys::STRICT_SNI)?,
        tls,
        routes: routes?,
        limits: limits?,
        workers,
        admin: admin?,
        watch: r.value(&keys::WATCH)?,
        drain_timeout: r.value(&keys::DRAIN_TIMEOUT)?,
        log: LogSettings {
            format: r.value(&keys::LOG_FORMAT)?,
            verbose: r.value(&keys::LOG_VERBOSE)?,
            level: r.value(&keys::LOG_LEVEL)?,
            sample_2xx: r.value(&keys::LOG_SAMPLE)?,
            client_hello: r.value(&keys::LOG_CLIENT_HELLO)?,
            repeat_window: r.value(&keys::LOG_REPEAT_WINDOW)?,
        },
        trace: trace?,
        files: Files::default(),
        in_use: InUse::default(),
        warnings: Vec::new(),
    })
}
