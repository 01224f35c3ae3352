//! The sandbox: with Landlock, clawgate gives up access to all files and ports that its settings do not name. It can
//! also no longer start programs or gain privileges.
//!
//! A bug in a parser of clients' bytes should not give access to the rest of the machine. Landlock applies to the
//! calling thread and to the threads that it starts later, so clawgate enters the sandbox before it starts other
//! threads. Files that are open already stay open: the listening sockets, the log.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use serde::Serialize;
use thiserror::Error;
use tracing::Level;

use crate::config::{AdminAddress, Files, Reloadable, RouteSettings, Settings};
use crate::inbox::JetStreamSettings;
use crate::inbox::StorePlace;
use crate::platform::symlinks;
use crate::relay::settings::{Auth, Endpoint};
use crate::telemetry::emit;
use crate::upstream::Target;
use crate::wording;

/// The version of Landlock whose rights are requested. An older kernel enforces the rights that it knows.
const LANDLOCK: ABI = ABI::V6;
/// Files for resolving host names: the resolver's settings, and the libraries that the settings name.
const RESOLVER: [&str; 7] = [
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/usr/lib",
    "/lib",
    "/lib64",
];
/// The system's CAs in several distributions, for an `https://` upstream without `upstream.ca`.
const ROOTS: [&str; 5] = [
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
];
/// Files that libraries read, and that the metrics of this process need.
const ALWAYS: [&str; 4] = ["/proc/self", "/proc/stat", "/dev/urandom", "/dev/null"];
/// The port of DNS over TCP, which long responses use.
const DNS: u16 = 53;

/// The sandbox that was entered.
#[derive(Debug)]
pub(crate) struct Sandbox {
    permissions: Permissions,
    /// Whether Landlock enforces these limits.
    holds: bool,
}

/// The files and ports that the settings need.
#[derive(Debug, Default)]
struct Permissions {
    /// Folders to read with everything below them: the folders of the named files, since a file may be replaced.
    files: BTreeSet<PathBuf>,
    /// Files and folders of the system to read.
    system: BTreeSet<PathBuf>,
    /// Ports to connect to: the upstreams', those of the relay's targets, of NATS, and the collector's.
    ports: BTreeSet<u16>,
    /// Folders to create and write files in.
    writes: BTreeSet<PathBuf>,
    /// The folder of the inbox, to create, write, rename and remove files in.
    stores: BTreeSet<PathBuf>,
    /// The file that the console may add lines to.
    appends: BTreeSet<PathBuf>,
    /// The folders to remove the sockets of the admin listener and the relay's from.
    removes: BTreeSet<PathBuf>,
}

impl Permissions {
    fn of(settings: &Settings, files: &Files) -> Self {
        let mut permissions = Self::default();
        permissions.system.extend(ALWAYS.map(PathBuf::from));
        for path in files.paths() {
            let folders = symlinks::leading_to(path);
            permissions.files.extend(folders.into_iter().filter(|folder| folder != Path::new("/")));
            if path.parent() == Some(Path::new("/")) {
                permissions.files.insert(path.to_owned());
            }
        }
        let key_log =
            settings.reloadable.key_log_file.iter().flat_map(|path| symlinks::leading_to(path));
        permissions.writes.extend(key_log);
        if let Some(inbox) = &settings.startup.inbox {
            match &inbox.place {
                StorePlace::Sqlite { path } => permissions.stores.extend(folder_of(path)),
                StorePlace::JetStream(nats) => permissions.connect_to_nats(nats),
            }
        }
        if let Some(nats) = &settings.startup.shared_replays {
            permissions.connect_to_nats(nats);
        }
        for address in [&settings.startup.admin, &settings.startup.relay] {
            if let Some(AdminAddress::Unix(path)) = address {
                permissions.removes.extend(path.parent().map(Path::to_owned));
            }
        }
        if settings.startup.edit_denylist && settings.startup.admin.is_some() {
            let denylist = settings.reloadable.material_paths.denylist.as_deref();
            permissions.appends.extend(denylist.and_then(|file| file.canonicalize().ok()));
        }
        permissions.connect_to_upstreams(&settings.reloadable);
        permissions
    }

    fn connect_to_upstreams(&mut self, settings: &Reloadable) {
        let routes = settings.routes.iter().filter(|route| route.relay.is_none());
        for RouteSettings { upstream, .. } in routes {
            self.connect_to(&upstream.target, upstream.ca.is_none());
        }
        for target in &settings.relay.targets {
            let token_endpoint = match &target.auth {
                Auth::ClientCredentials { endpoint, .. } => Some(&**endpoint),
                Auth::None | Auth::Fixed(_) => None,
            };
            for Endpoint { server, .. } in [Some(&target.endpoint), token_endpoint].into_iter().flatten()
            {
                // A reload may replace a target's own CA by the system's.
                self.connect_to(server, true);
            }
        }
    }

    fn connect_to_nats(&mut self, nats: &JetStreamSettings) {
        for server in &nats.servers {
            self.connect_to_port(&server.host, server.port);
        }
        for server in &nats.monitoring {
            self.connect_to_port(&server.host, server.port);
        }
        // Without a CA of their own the servers are verified by the system's, as soon as one of them demands TLS.
        if nats.ca_file.is_none() {
            self.system.extend(ROOTS.map(PathBuf::from));
        }
    }

    /// Adds the files and ports that a connection to `target` needs. `system_cas`: whether the system's CAs verify its
    /// certificate.
    fn connect_to(&mut self, target: &Target, system_cas: bool) {
        let (Target::Http { host, port } | Target::Https { host, port }) = target else { return };
        self.connect_to_port(host, *port);
        if matches!(target, Target::Https { .. }) && system_cas {
            self.system.extend(ROOTS.map(PathBuf::from));
        }
    }

    fn connect_to_port(&mut self, host: &str, port: u16) {
        self.ports.insert(port);
        if host.parse::<IpAddr>().is_err() {
            self.system.extend(RESOLVER.map(PathBuf::from));
            self.ports.insert(DNS);
        }
    }

    /// Whether `path` can be read as far as the sandbox is concerned; true where it is not known where `path` leads to.
    /// Landlock does not restrict how links are followed.
    fn allow_reading(&self, path: &Path) -> bool {
        let mut allowed = self.files.iter().chain(&self.system).chain(&self.writes).chain(&self.stores);
        path.canonicalize().map_or(true, |path| allowed.any(|allowed| path.starts_with(allowed)))
    }

    fn enforce(&self) -> Result<RestrictionStatus, RulesetError> {
        let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = read | AccessFs::MakeReg | AccessFs::WriteFile;
        // SQLite makes files beside its database, shortens and removes them; a damaged database is renamed.
        let store = write | AccessFs::Truncate | AccessFs::RemoveFile;
        let ports = self
            .ports
            .iter()
            .map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp)));
        Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK))?
            // Binding is denied too: all listeners are open already.
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::Signal)?
            .create()?
            .add_rules(path_beneath_rules(self.files.iter().chain(&self.system), read))?
            .add_rules(path_beneath_rules(&self.writes, write))?
            .add_rules(path_beneath_rules(&self.stores, store))?
            .add_rules(path_beneath_rules(&self.appends, AccessFs::ReadFile | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(&self.removes, AccessFs::RemoveFile))?
            .add_rules(ports)?
            .restrict_self()
    }
}

/// The folder of the inbox's database. It is made for clawgate's user alone, since the sandbox can only allow what is
/// there; if that fails, opening the database says why.
fn folder_of(database: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(database).ok()?;
    if let Ok(linked) = whole.canonicalize() {
        return linked.parent().map(Path::to_owned);
    }
    let folder = whole.parent()?;
    let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    folder.canonicalize().ok()
}

#[derive(Serialize)]
struct Line {
    landlock: &'static str,
    no_new_privileges: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reads: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    writes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connects: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

impl Sandbox {
    /// Restricts this thread, and all threads that it starts later, to the files and ports that `settings`, which were
    /// read from `files`, need. Logs the result.
    pub(crate) fn enter(settings: &Settings, files: &Files) -> Self {
        let mut permissions = Permissions::of(settings, files);
        if let Some(trace) = &settings.startup.trace {
            permissions.connect_to(&trace.collector, trace.ca.is_none());
        }
        if !settings.startup.sandbox {
            let hint =
                Some("runtime.sandbox = true confines clawgate to its files and its upstreams' ports");
            log(Level::INFO, &Line { hint, ..Line::new("off", false) });
            return Self { permissions, holds: false };
        }
        let status = match permissions.enforce() {
            Ok(status) => status,
            Err(error) => {
                let detail = Some(wording::sandbox(&error));
                let hint =
                    Some("let the service manager confine it (deploy/systemd); please report this");
                log(Level::WARN, &Line { detail, hint, ..Line::new("failed", false) });
                return Self { permissions, holds: false };
            }
        };
        let landlock = match status.ruleset {
            RulesetStatus::FullyEnforced => "enforced",
            RulesetStatus::PartiallyEnforced => "partly enforced",
            RulesetStatus::NotEnforced => "not in this kernel",
        };
        let holds = status.ruleset != RulesetStatus::NotEnforced;
        let mut line = Line::new(landlock, status.no_new_privs);
        if holds {
            line.reads = permissions.files.iter().map(|folder| folder.display().to_string()).collect();
            line.writes = permissions
                .stores
                .union(&permissions.writes)
                .chain(&permissions.appends)
                .map(|folder| folder.display().to_string())
                .collect();
            line.connects = permissions.ports.iter().copied().collect();
        } else {
            line.hint = Some("let the service manager confine it (deploy/systemd)");
        }
        log(Level::INFO, &line);
        Self { permissions, holds }
    }

    /// Checks that `settings` need only ports and system files that were allowed at the start. Other files are not
    /// checked here: reading a forbidden file has already failed.
    pub(crate) fn check(&self, settings: &Reloadable) -> Result<(), OutsideSandbox> {
        if !self.holds {
            return Ok(());
        }
        let mut new = Permissions::default();
        new.connect_to_upstreams(settings);
        let ports: Vec<_> = new.ports.difference(&self.permissions.ports).copied().collect();
        if !ports.is_empty() {
            return Err(OutsideSandbox::Ports(ports));
        }
        if !new.system.is_subset(&self.permissions.system) {
            return Err(OutsideSandbox::SystemFiles);
        }
        Ok(())
    }

    /// Returns an explanation if the sandbox denies access to one of `files`, or to a file in a folder among them.
    pub(crate) fn unreadable(&self, files: &Files) -> Option<Unreadable> {
        let denies = |path: PathBuf| is_denied(&path) && !self.permissions.allow_reading(&path);
        if !self.holds || !files.paths().flat_map(with_files_in).any(denies) {
            return None;
        }
        Some(Unreadable { folders: self.permissions.files.iter().cloned().collect() })
    }
}

/// Why new settings cannot be used in the sandbox.
#[derive(Debug, Error)]
pub enum OutsideSandbox {
    /// Upstreams on other ports.
    #[error(
        "the upstream port {} was not in the settings at the start, and the sandbox allows no other port{RESTART}",
        .0.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
    )]
    Ports(Vec<u16>),
    /// An upstream that needs name resolution or the system's CAs, which no upstream needed at the start.
    #[error(
        "an upstream has a host name, or its CA is one of the system's; none was so at the start, and the sandbox \
         does not allow it{RESTART}"
    )]
    SystemFiles,
}

const RESTART: &str = "\n  hint: restart clawgate (an upgrade loses no request: docs/operations.md), or set \
                       runtime.sandbox to false";

/// Explains that the sandbox does not allow a file to be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The folders that can be read.
    folders: Vec<PathBuf>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folders: Vec<_> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
        write!(
            f,
            "the sandbox lets clawgate read below {} only, where the files were at the start\n    hint: put the file \
             there, or restart clawgate, or set runtime.sandbox to false",
            folders.join(", ")
        )
    }
}

/// `path` and, if it is a folder, the files in it: a folder of CRLs may have links to files elsewhere. Hidden files are not
/// read.
fn with_files_in(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let visible = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let files = visible.map(|entry| entry.path()).filter(|path| path.is_file());
    std::iter::once(path.to_owned()).chain(files).collect()
}

/// Whether this process may not open `path`, a file or a folder. Other kinds are not opened: opening a pipe would wait
/// for its writer.
fn is_denied(path: &Path) -> bool {
    let opened = fs::metadata(path).and_then(|metadata| {
        if metadata.is_file() || metadata.is_dir() {
            File::open(path)?;
        }
        Ok(())
    });
    opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

impl Line {
    fn new(landlock: &'static str, no_new_privileges: bool) -> Self {
        let (reads, writes, connects) = (Vec::new(), Vec::new(), Vec::new());
        let (detail, hint) = (None, None);
        Self { landlock, no_new_privileges, reads, writes, connects, detail, hint }
    }
}

fn log(level: Level, line: &Line) {
    emit(level, "sandbox", line);
}

#[cfg(test)]
mod tests;
