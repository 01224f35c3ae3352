//! What clawgate gives up before it serves: files that it was not told of, ports that it does not call,
//! programs, new privileges.
//!
//! A fault in what parses a stranger's bytes must not lead to the rest of the machine. Landlock holds for the
//! thread that asks for it and for those that this one starts, so it is asked for before there are any.
//! What is open already stays so: the listening sockets, the log.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use serde::Serialize;
use tracing::Level;

use crate::config::{AdminAddress, Files, RouteSettings, Settings};
use crate::platform::symlinks;
use crate::telemetry::emit;
use crate::upstream::Target;
use crate::wording;

/// The newest Landlock whose rights are asked for; an older kernel gives those that it has.
const LANDLOCK: ABI = ABI::V6;
/// What the resolver reads: its settings, and the libraries that those name.
const RESOLVER: [&str; 7] = [
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/usr/lib",
    "/lib",
    "/lib64",
];
/// Where distributions keep the CAs of an `https://` upstream without one of its own.
const ROOTS: [&str; 5] = [
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
];
/// Facts of this process for the metrics, and devices that libraries fall back to.
const ALWAYS: [&str; 4] = ["/proc/self", "/proc/stat", "/dev/urandom", "/dev/null"];
/// DNS over TCP, for answers that are too long.
const DNS: u16 = 53;

/// What clawgate may still do.
#[derive(Debug)]
pub(crate) struct Sandbox {
    wants: Wants,
    /// Whether Landlock holds, so that what is beyond it fails.
    holds: bool,
}

/// What settings need.
#[derive(Debug, Default)]
struct Wants {
    /// Folders of the files that were named, since a file may be replaced; read with all below.
    files: BTreeSet<PathBuf>,
    /// Besides these.
    system: BTreeSet<PathBuf>,
    /// Of the upstreams, and of the collector of spans.
    ports: BTreeSet<u16>,
    /// Where files are made and written.
    writes: BTreeSet<PathBuf>,
    /// Where the admin listener's socket is taken away at the end.
    removes: BTreeSet<PathBuf>,
}

impl Wants {
    fn of(settings: &Settings, files: &Files) -> Self {
        let mut wants = Self::default();
        wants.system.extend(ALWAYS.map(PathBuf::from));
        for path in files.paths() {
            let folders = symlinks::leading_to(path);
            wants.files.extend(folders.into_iter().filter(|folder| folder != Path::new("/")));
            if path.parent() == Some(Path::new("/")) {
                wants.files.insert(path.to_owned());
            }
        }
        let key_log =
            settings.reloadable.key_log_file.iter().flat_map(|path| symlinks::leading_to(path));
        wants.writes.extend(key_log);
        if let Some(AdminAddress::Unix(path)) = &settings.startup.admin {
            wants.removes.extend(path.parent().map(Path::to_owned));
        }
        for RouteSettings { upstream, .. } in &settings.reloadable.routes {
            wants.call(&upstream.target, upstream.ca.is_none());
        }
        wants
    }

    /// Also to call `target`. `by_roots`: its certificate is checked with the system's CAs.
    fn call(&mut self, target: &Target, by_roots: bool) {
        let (Target::Http { host, port } | Target::Https { host, port }) = target else { return };
        self.ports.insert(*port);
        if host.parse::<IpAddr>().is_err() {
            self.system.extend(RESOLVER.map(PathBuf::from));
            self.ports.insert(DNS);
        }
        if matches!(target, Target::Https { .. }) && by_roots {
            self.system.extend(ROOTS.map(PathBuf::from));
        }
    }

    fn enforce(&self) -> Result<RestrictionStatus, RulesetError> {
        let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = read | AccessFs::MakeReg | AccessFs::WriteFile;
        let ports = self
            .ports
            .iter()
            .map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp)));
        Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK))?
            // Nothing may be bound any more: all listeners are there.
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::Signal)?
            .create()?
            .add_rules(path_beneath_rules(self.files.iter().chain(&self.system), read))?
            .add_rules(path_beneath_rules(&self.writes, write))?
            .add_rules(path_beneath_rules(&self.removes, AccessFs::RemoveFile))?
            .add_rules(ports)?
            .restrict_self()
    }
}

#[derive(Serialize)]
struct Line {
    landlock: &'static str,
    no_new_privileges: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reads: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connects: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

impl Sandbox {
    /// Gives up what `settings`, which were read from `files`, do not need, and says so; for this thread and all that it starts.
    pub(crate) fn enter(settings: &Settings, files: &Files) -> Self {
        let mut wants = Wants::of(settings, files);
        // Not in `of`: another collector needs a restart, and is no reason to refuse the rest of a reload.
        if let Some(trace) = &settings.startup.trace {
            wants.call(&trace.collector, trace.ca.is_none());
        }
        if !settings.startup.sandbox {
            let hint =
                Some("runtime.sandbox = true confines clawgate to its files and its upstreams' ports");
            say(Level::INFO, &Line { hint, ..Line::new("off", false) });
            return Self { wants, holds: false };
        }
        let status = match wants.enforce() {
            Ok(status) => status,
            Err(error) => {
                let detail = Some(wording::sandbox(&error));
                let hint =
                    Some("let the service manager confine it (deploy/systemd); please report this");
                say(Level::WARN, &Line { detail, hint, ..Line::new("failed", false) });
                return Self { wants, holds: false };
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
            line.reads = wants.files.iter().map(|folder| folder.display().to_string()).collect();
            line.connects = wants.ports.iter().copied().collect();
        } else {
            line.hint = Some("let the service manager confine it (deploy/systemd)");
        }
        say(Level::INFO, &line);
        Self { wants, holds }
    }

    /// Why new settings cannot be used within it.
    pub(crate) fn beyond(&self, settings: &Settings) -> Option<String> {
        if !self.holds {
            return None;
        }
        // Had a file been beyond it, that would have been found when it was read.
        let new = Wants::of(settings, &Files::default());
        let ports: Vec<_> = new.ports.difference(&self.wants.ports).map(u16::to_string).collect();
        let what = if !ports.is_empty() {
            format!("the upstreams' port {} was not among those at the start", ports.join(", "))
        } else if !new.system.is_subset(&self.wants.system) {
            "an upstream with a host name, or one whose CA is the system's, was not there at the start"
                .to_owned()
        } else {
            return None;
        };
        Some(format!(
            "{what}, and the sandbox keeps clawgate to what was\n  hint: restart clawgate (an upgrade loses no request: \
             docs/operations.md), or set runtime.sandbox to false"
        ))
    }

    /// The same problem, with what the sandbox may have to do with it.
    pub(crate) fn explain(&self, problem: String) -> String {
        if !self.holds || !problem.contains("Permission denied") {
            return problem;
        }
        let folders: Vec<_> =
            self.wants.files.iter().map(|folder| folder.display().to_string()).collect();
        format!(
            "{problem}\n\n  the sandbox lets clawgate read below {} only, where the files were at the start\n    \
             hint: put the file there, or restart clawgate, or set runtime.sandbox to false",
            folders.join(", ")
        )
    }
}

impl Line {
    fn new(landlock: &'static str, no_new_privileges: bool) -> Self {
        let (reads, connects, detail, hint) = (Vec::new(), Vec::new(), None, None);
        Self { landlock, no_new_privileges, reads, connects, detail, hint }
    }
}

fn say(level: Level, line: &Line) {
    emit(level, "sandbox", line);
}

#[cfg(test)]
mod tests;
