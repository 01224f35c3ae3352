//! A real nats-server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::jetstream::stream;
use clawgate::inbox::jetstream::{JetStreamSettings, NatsCredentials};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::eventually;

/// Where `scripts/install-nats.sh` puts it.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/nats/bin/nats-server");

/// Runs the server until its standard input ends, so that it also ends with a test process that is killed; then removes its folder.
const UNTIL_INPUT_ENDS: &str =
    r#"folder=$1; shift; "$@" & cat >/dev/null; kill -9 $!; rm -rf "$folder""#;

/// A server with JetStream, which ends with this value or with the process of the tests.
pub struct NatsServer {
    process: Child,
    /// The server ends when this is dropped.
    input: Option<ChildStdin>,
    url: String,
    monitoring: String,
    /// Streams, settings and log; removed with this.
    _folder: TempDir,
}

impl NatsServer {
    /// The one server that all tests of this process use, each with a stream of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<NatsServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(""))
    }

    /// A server for one test, with `more` in its settings. It writes each message to the disk before it confirms it.
    ///
    /// # Panics
    /// If there is no nats-server, or it does not start.
    pub fn start(more: &str) -> Self {
        Self::start_with("sync_interval: always, ", more)
    }

    /// A server as it is without settings: it writes messages to the disk later.
    pub fn synced_later() -> Self {
        Self::start_with("", "")
    }

    fn start_with(sync: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let streams = folder.path().join("streams");
        let settings = format!(
            "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\n\
             jetstream {{ store_dir: {streams:?}, {sync}max_file_store: 1GB }}\n{more}\n"
        );
        let file = folder.path().join("nats.conf");
        fs::write(&file, settings).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut process = Command::new("sh")
            .args(["-c", UNTIL_INPUT_ENDS, "sh"])
            .arg(folder.path())
            .arg(binary())
            .arg("-c")
            .arg(&file)
            .arg("--ports_file_dir")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let [url, monitoring] = eventually("the ports of nats-server", || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("nats-server: {status}: {}", read_log(folder.path()));
            }
            ports(folder.path())
        });
        Self { process, input, url, monitoring, _folder: folder }
    }

    /// `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `http://127.0.0.1:PORT`.
    pub fn monitoring(&self) -> &str {
        &self.monitoring
    }

    /// Makes a stream with one replica.
    pub fn make_stream(&self, name: &str) {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![format!("{name}.>")],
            ..stream::Config::default()
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(&self.url).await.unwrap();
            async_nats::jetstream::new(client).create_stream(config).await.unwrap();
        });
    }

    /// Settings for a stream that no other test has.
    pub fn stream(&self) -> JetStreamSettings {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        JetStreamSettings {
            servers: vec![self.url.parse().unwrap()],
            name: format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            replicas: 1,
            credentials: NatsCredentials::None,
            ca_file: None,
            client_certificate: None,
            monitoring: vec![self.monitoring.parse().unwrap()],
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// The binary that the environment names, that the script has installed, or of the system.
fn binary() -> PathBuf {
    let named = std::env::var_os("CLAWGATE_NATS_SERVER").map(PathBuf::from);
    let installed = Some(PathBuf::from(INSTALLED)).filter(|installed| installed.exists());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let of_system = || {
        let folders = std::env::split_paths(&path);
        folders.map(|folder| folder.join("nats-server")).find(|file| file.is_file())
    };
    named.or(installed).or_else(of_system).unwrap_or_else(|| {
        panic!(
            "there is no nats-server: run ./scripts/install-nats.sh, or name one in CLAWGATE_NATS_SERVER"
        )
    })
}

/// For clients and for monitoring, when the server has written them.
fn ports(folder: &Path) -> Option<[String; 2]> {
    let mut files = fs::read_dir(folder).unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|file| file.extension().is_some_and(|extension| extension == "ports"))?;
    let ports: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let first = |kind: &str| Some(ports[kind][0].as_str()?.to_owned());
    Some([first("nats")?, first("monitoring")?])
}

fn read_log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
