//! The proxies, each set up for the same job: a client certificate is required, TLS 1.2 and 1.3, HTTP/1.1
//! with kept connections to one upstream, the upstream is told who the client is, an access log is written,
//! one worker.

mod clawgate;
mod envoy;
mod haproxy;
mod nginx;
mod pingora;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::Process;

/// Seconds for which a proxy keeps an idle connection.
const IDLE: u32 = 900;
/// Connections that each has room for.
const CONNECTIONS: u32 = 7000;

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Clawgate,
    Nginx,
    Haproxy,
    Envoy,
    Pingora,
}

/// A proxy that can be measured.
#[derive(Clone, Debug)]
pub struct Target {
    pub kind: Kind,
    /// Name and version.
    pub name: String,
    /// The program.
    pub path: String,
}

/// What one instance of a proxy is to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// Folder with the certificates.
    pub certificates: PathBuf,
    /// Folder of its own.
    pub dir: PathBuf,
    /// Where to listen.
    pub port: u16,
    /// Where the upstream listens.
    pub upstream: u16,
    /// Whether sessions may be resumed.
    pub resumption: bool,
    /// Threads that serve.
    pub workers: usize,
    /// The cores it runs on, as taskset takes them.
    pub cores: &'static str,
    /// More lines for clawgate's settings.
    pub extra: String,
}

/// How a program is called.
struct Call {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Call {
    fn new<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self { arguments: arguments.into_iter().map(str::to_owned).collect(), variables: Vec::new() }
    }
}

impl Target {
    /// Reads `KIND=PATH`; for clawgate `KIND` may be any other name, too.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, path) = text.split_once('=').ok_or(format!("{text}: not KIND=PATH"))?;
        let (kind, option) = match kind {
            "nginx" => (Kind::Nginx, "-v"),
            "haproxy" => (Kind::Haproxy, "-v"),
            "envoy" => (Kind::Envoy, "--version"),
            "pingora" => (Kind::Pingora, "--version"),
            _ => (Kind::Clawgate, "--version"),
        };
        let output =
            Command::new(path).arg(option).output().map_err(|error| format!("{path}: {error}"))?;
        let output = [output.stdout, output.stderr].concat();
        let version = version(&String::from_utf8_lossy(&output));
        let name = match kind {
            Kind::Clawgate if text.starts_with("clawgate=") => "clawgate".to_owned(),
            Kind::Clawgate => text.split('=').next().unwrap_or_default().to_owned(),
            Kind::Nginx => format!("nginx {version}"),
            Kind::Haproxy => format!("HAProxy {version}"),
            Kind::Envoy => format!("Envoy {version}"),
            Kind::Pingora => format!("pingora {version}"),
        };
        Ok(Self { kind, name, path: path.to_owned() })
    }

    /// Whether it can agree on a post-quantum group: OpenSSL before 3.5 has none.
    pub fn is_post_quantum(&self) -> bool {
        matches!(self.kind, Kind::Clawgate | Kind::Envoy | Kind::Pingora)
    }

    /// Starts it; whether it serves already is for the caller to find out.
    pub fn start(&self, job: &Job) -> Result<Process, String> {
        let log = self.log(job);
        // In a folder of its own: clawgate looks through that of its settings when something is written there.
        let folder = job.dir.join("log");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let (file, text) = match self.kind {
            Kind::Clawgate => ("gate.toml", clawgate::settings(job)),
            Kind::Nginx => ("nginx.conf", nginx::settings(job, &self.name)),
            Kind::Haproxy => ("haproxy.cfg", haproxy::settings(job)),
            Kind::Envoy => ("envoy.yaml", envoy::settings(job)),
            Kind::Pingora => ("pingora.yaml", pingora::settings(job)),
        };
        let file = path(&job.dir, file);
        fs::write(&file, text).map_err(|error| format!("{file}: {error}"))?;
        let call = match self.kind {
            Kind::Clawgate => clawgate::call(&file),
            Kind::Nginx => nginx::call(job, &file),
            Kind::Haproxy => haproxy::call(&file, &self.path),
            Kind::Envoy => envoy::call(job, &file),
            Kind::Pingora => Call::new(["-c", &file]),
        };
        Process::start(job.cores, &self.path, &call.arguments, &call.variables, &log)
    }

    /// Where its output goes.
    pub fn log(&self, job: &Job) -> String {
        path(&job.dir, "log/output.log")
    }
}

/// The first `1.2.3` in a text.
fn version(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let is_version =
        |word: &&str| word.matches('.').count() >= 2 && word.starts_with(|c: char| c != '.');
    words.into_iter().find(is_version).unwrap_or("?").trim_end_matches('.').to_owned()
}

/// A port that was free just now.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}
