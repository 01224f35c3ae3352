//! From the layers to settings: reads each value, fills in the defaults, and checks what has to fit
//! together. Goes on after a mistake with a stand-in, so that all mistakes are found; nothing that
//! holds a stand-in leaves this module.

mod admin;
mod limits;
mod proxy;
mod routes;
mod rules;
mod secure;
mod telling;
mod tls;
mod trace;
mod upstream;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::file::RouteTable;
use super::file_name;
use super::key::{Key, Unset};
use super::keys;
use super::layers::{Layers, Sourced};
use super::problem::{Origin, Problems, Report};
use super::settings::{LogFormat, LogLevel, LogSettings, Settings};
use super::values::{self, Wrong, read_all};
use crate::policy::Revoke;
use crate::tls::RefuseWith;
use crate::tls::material::{self, Input, Material, MaterialPaths};
use crate::tls::revocation::{Demand, Expired, Policy};
use crate::tls::trust::Ca;

/// All sources, read.
pub(super) struct Sources {
    /// What they set.
    pub(super) layers: Layers,
    /// The file's `[[route]]` tables.
    pub(super) routes: Vec<RouteTable>,
    /// The file that `SSLKEYLOGFILE` names.
    pub(super) key_log_file: Option<PathBuf>,
    /// Whether parts of the file could not be read.
    pub(super) torn: bool,
    /// For judging clients alone, without a server's certificate: the CAs that its chain is known to have.
    pub(super) clients_with: Option<Vec<Ca>>,
}

impl Sources {
    /// The files and folders that are named.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.layers.files().chain(self.routes.iter().flat_map(|route| route.layer.files()))
    }
}

/// Makes the settings, or says all that is wrong. `now` is what certificates are held against.
pub(super) fn resolve(sources: &Sources, now: SystemTime, report: Report) -> Result<Settings, Problems> {
    let mut resolver = Resolver { sources, report, now };
    let (material, material_paths) = resolver.material(now);
    let tls = resolver.parameters(material.as_ref());
    let listen = resolver.listen();
    let proxy = resolver.proxy(&listen);
    let taken: Vec<_> = listen.iter().chain(&proxy.listen).collect();
    let admin = resolver.admin(&taken);
    let limits = resolver.limits();
    let sandbox = resolver.value(&keys::SANDBOX, values::switch, true);
    let key_log_file = sources.key_log_file.clone().filter(|_| tls.key_log);
    let takeover = resolver.value(&keys::TAKEOVER, values::switch, false);
    let clients_rules = resolver.client_rules();
    let strict_sni = resolver.value(&keys::STRICT_SNI, values::switch, false);
    let revoke = resolver.value(&keys::REVOKE, values::revoke, Revoke::AfterResponse);
    let refuse_with = resolver.value(&keys::REFUSE_WITH, values::refuse_with, RefuseWith::Alert);
    let routes = resolver.routes(&limits);
    if let Some(material) = &material {
        resolver.check_public_cas(&material.trust.cas, &clients_rules, &routes);
    }
    let handshake_timeout = resolver.time(&keys::HANDSHAKE_TIMEOUT);
    let workers = resolver.workers();
    let watch = resolver.value(&keys::WATCH, values::switch, true);
    let drain_timeout = resolver.value(&keys::DRAIN_TIMEOUT, values::duration, Duration::ZERO);
    let log = LogSettings {
        format: resolver.value(&keys::LOG_FORMAT, values::log_format, LogFormat::Auto),
        verbose: resolver.value(&keys::LOG_VERBOSE, values::switch, false),
        level: resolver.value(&keys::LOG_LEVEL, values::log_level, LogLevel::default()),
        sample_2xx: resolver.value(&keys::LOG_SAMPLE, values::count, 1) as u64,
        client_hello: resolver.value(&keys::LOG_CLIENT_HELLO, values::switch, false),
        repeat_window: resolver.value(&keys::LOG_REPEAT_WINDOW, values::window, None),
    };
    let trace = resolver.trace();

    let Some(material) = material else {
        return Err(resolver.report.into_problems());
    };
    let warnings = resolver.report.conclude()?;
    Ok(Settings {
        listen: listen.into_iter().map(|address| address.value).collect(),
        proxy: proxy.into_settings(),
        takeover,
        key_log_file,
        sandbox,
        handshake_timeout,
        material,
        material_paths,
        clients_rules,
        revoke,
        refuse_with,
        strict_sni,
        tls,
        routes,
        limits,
        workers,
        admin,
        watch,
        files: super::files::Files::default(),
        in_use: super::in_use::InUse::default(),
        drain_timeout,
        log,
        trace,
        warnings,
    })
}

struct Resolver<'a> {
    sources: &'a Sources,
    report: Report,
    now: SystemTime,
}

impl Resolver<'_> {
    /// All values of a setting, or its default.
    fn many<T>(&mut self, key: &Key, read: impl Fn(&str) -> Result<T, Wrong>) -> Vec<Sourced<T>> {
        if let Some(texts) = self.sources.layers.get(key) {
            return read_all(texts, read, &mut self.report);
        }
        match key.unset {
            Unset::Value(text) => {
                let value = Zeroizing::new(text.to_owned());
                let default = Sourced { value, origin: Origin::Default(key.toml) };
                read_all(&[default], read, &mut self.report)
            }
            Unset::Required | Unset::Means(_) => Vec::new(),
        }
    }

    /// The value of a setting. `None`: there is none, or it was wrong and has been reported.
    fn one<T>(&mut self, key: &Key, read: impl Fn(&str) -> Result<T, Wrong>) -> Option<Sourced<T>> {
        self.many(key, read).pop()
    }

    /// The value of a setting that has a default.
    fn value<T>(&mut self, key: &Key, read: impl Fn(&str) -> Result<T, Wrong>, stand_in: T) -> T {
        self.one(key, read).map_or(stand_in, |found| found.value)
    }

    fn time(&mut self, key: &Key) -> Duration {
        self.value(key, values::timeout, Duration::ZERO)
    }

    fn listen(&mut self) -> Vec<Sourced<SocketAddr>> {
        // Whoever says where load balancers connect has said where to listen.
        let layers = &self.sources.layers;
        if layers.get(&keys::LISTEN).is_none() && layers.get(&keys::PROXY_ADDRESS).is_some() {
            return Vec::new();
        }
        let addresses = self.many(&keys::LISTEN, values::listen_address);
        for (i, address) in addresses.iter().enumerate() {
            // Port 0 asks for any free port, and may do so twice.
            let same = |other: &&Sourced<SocketAddr>| other.value == address.value;
            if address.value.port() != 0 && addresses[..i].iter().any(|other| same(&other)) {
                let what = format!("{} is there twice", address.value);
                self.report.problem(&address.origin, what, "take one of them out");
            }
        }
        addresses
    }

    fn workers(&mut self) -> NonZeroUsize {
        match self.one(&keys::WORKERS, values::workers) {
            Some(workers) => workers.value,
            None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// Reads the TLS files too, so that what is wrong with them is said together with the rest.
    fn material(&mut self, now: SystemTime) -> (Option<Material>, MaterialPaths) {
        let files = Files {
            certificate: self.files(&keys::CERTIFICATE),
            private_key: self.files(&keys::PRIVATE_KEY),
            client_ca: self.files(&keys::CLIENT_CA),
            ocsp: self.files(&keys::OCSP),
            crl: self.files(&keys::CRL),
            denylist: self.files(&keys::DENYLIST),
        };
        let revocation = Policy {
            demand: self.value(&keys::CRL_POLICY, values::crl_policy, Demand::Strict),
            expired: self.value(&keys::CRL_EXPIRED, values::crl_expired, Expired::Refuse),
        };
        let pinned = self.many(&keys::PINNED, values::fingerprint);
        let pinned = pinned.into_iter().map(|digest| digest.value).collect();
        let paths = MaterialPaths { revocation, pinned, ..files.paths() };
        let loaded = match &self.sources.clients_with {
            Some(known) => material::load_clients(&paths, known.clone(), now),
            None => material::load(&paths, now),
        };
        let (Ok(Material { warnings: found, .. }) | Err(found)) = &loaded;
        for problem in found {
            let origin = files.origin_of(problem);
            let what = format!("{}: {}", problem.path.display(), problem.what);
            match &loaded {
                Ok(_) => self.report.warning(&origin, what, &problem.mend),
                Err(_) => self.report.problem(&origin, what, &problem.mend),
            }
        }
        (loaded.ok(), paths)
    }

    fn files(&mut self, key: &'static Key) -> Vec<Sourced<PathBuf>> {
        let is_set = |key: &Key| self.sources.layers.get(key).is_some();
        // Pinned clients need no CA.
        let is_not_needed = match key.toml == keys::CLIENT_CA.toml {
            true => is_set(&keys::PINNED),
            false => self.sources.clients_with.is_some(),
        };
        let unset = !is_set(key) && !is_not_needed;
        if unset && key.unset == Unset::Required && !self.sources.torn {
            let content = match key.toml {
                "clients.ca" => "the CA of your senders' certificates, which alone is trusted",
                "tls.private_key" => "the private key of the gate's certificate",
                _ => "the gate's certificate",
            };
            let hint = format!(
                "set {} to a PEM file with {content} (scripts/gen-certs.sh makes a set to try out)",
                key.ways()
            );
            self.report.problem(&Origin::Default(key.toml), "is required, but not set", hint);
        }
        self.many(key, file_name::file)
    }
}

/// The files of the TLS material, with what named them.
struct Files {
    certificate: Vec<Sourced<PathBuf>>,
    private_key: Vec<Sourced<PathBuf>>,
    client_ca: Vec<Sourced<PathBuf>>,
    ocsp: Vec<Sourced<PathBuf>>,
    crl: Vec<Sourced<PathBuf>>,
    denylist: Vec<Sourced<PathBuf>>,
}

impl Files {
    fn paths(&self) -> MaterialPaths {
        let all = |files: &[Sourced<PathBuf>]| files.iter().map(|file| file.value.clone()).collect();
        MaterialPaths {
            certificates: all(&self.certificate),
            private_keys: all(&self.private_key),
            client_ca: all(&self.client_ca),
            ocsp: all(&self.ocsp),
            crl: all(&self.crl),
            denylist: self.denylist.first().map(|file| file.value.clone()),
            ..MaterialPaths::default()
        }
    }

    fn origin_of(&self, problem: &material::Problem) -> Origin {
        let (files, key) = match problem.input {
            Input::Certificate => (&self.certificate, &keys::CERTIFICATE),
            Input::PrivateKey => (&self.private_key, &keys::PRIVATE_KEY),
            Input::ClientCa => (&self.client_ca, &keys::CLIENT_CA),
            Input::Ocsp => (&self.ocsp, &keys::OCSP),
            Input::Crl => (&self.crl, &keys::CRL),
            Input::Denylist => (&self.denylist, &keys::DENYLIST),
        };
        // A CRL may be in a folder that was named.
        let named = files.iter().find(|file| problem.path.starts_with(&file.value));
        named.map_or(Origin::Default(key.toml), |file| file.origin.clone())
    }
}
