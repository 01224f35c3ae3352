//! A real nats-server.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use async_nats::jetstream::stream;
use clawgate::inbox::{JetStreamSettings, NatsCredentials};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::eventually;

/// Where `scripts/install-nats.sh` puts it.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/nats/bin/nats-server");

/// Its settings, in its folder.
const SETTINGS: &str = "nats.conf";
/// A port that the server chooses.
const ANY_PORT: &str = "-1";

/// Runs the server until its standard input ends, so that it also ends with a test process that is killed; then removes its folder.
/// Before that, does what it is told.
const UNTIL_INPUT_ENDS: &str = r#"
folder=$1; shift
"$@" & server=$!
while read -r order; do
  case $order in
    kill) kill -9 $server; wait $server; server= ;;
    start) "$@" & server=$! ;;
    halt) kill -STOP $server ;;
    continue) kill -CONT $server ;;
  esac
done
[ -z "$server" ] || kill -9 $server
rm -rf "$folder"
"#;

/// A server with JetStream, which ends with this value or with the process of the tests.
pub struct NatsServer {
    process: Child,
    /// The server ends when this is dropped.
    input: Option<ChildStdin>,
    url: String,
    monitoring: String,
    /// Streams, settings and log; removed with this.
    folder: TempDir,
}

impl NatsServer {
    /// The one server that all tests of this process use, each with a stream of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<NatsServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(""))
    }

    /// A server for one test, with `more` in its settings. It writes each message to the disk before it confirms it, if its version
    /// can do that.
    ///
    /// # Panics
    /// If there is no nats-server, or it does not start.
    pub fn start(more: &str) -> Self {
        Self::start_with(if can_sync() { "sync_interval: always, " } else { "" }, more)
    }

    /// A server as it is without settings: it writes messages to the disk later.
    pub fn synced_later() -> Self {
        Self::start_with("", "")
    }

    fn start_with(sync: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let streams = folder.path().join("streams");
        let settings = format!(
            "listen: \"127.0.0.1:{ANY_PORT}\"\nhttp: \"127.0.0.1:{ANY_PORT}\"\n\
             jetstream {{ store_dir: {streams:?}, {sync}max_file_store: 1GB }}\n{more}\n"
        );
        let file = folder.path().join(SETTINGS);
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
        Self { process, input, url, monitoring, folder }
    }

    /// `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `http://127.0.0.1:PORT`.
    pub fn monitoring(&self) -> &str {
        &self.monitoring
    }

    /// Kills it. What it has confirmed is on its disk.
    pub fn kill(&mut self) {
        self.order("kill");
        let address = self.url.trim_start_matches("nats://").to_owned();
        eventually("the end of nats-server", || TcpStream::connect(&address).err());
    }

    /// Starts it again after [`Self::kill`], with the same port and streams.
    pub fn start_again(&mut self) {
        let file = self.folder.path().join(SETTINGS);
        let (_, port) = self.url.rsplit_once(':').unwrap();
        let settings = fs::read_to_string(&file).unwrap().replacen(ANY_PORT, port, 1);
        fs::write(&file, settings).unwrap();
        self.order("start");
    }

    /// Halts it: connections stay open, and nothing is answered.
    pub fn halt(&mut self) {
        self.order("halt");
        let pid = self.pid();
        eventually("a halted nats-server", || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let (_, rest) = stat.rsplit_once(") ").unwrap();
            rest.starts_with('T').then_some(())
        });
    }

    /// Lets it go on after [`Self::halt`].
    pub fn go_on(&mut self) {
        self.order("continue");
    }

    /// As it has written it with its ports.
    fn pid(&self) -> u32 {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = files.map(|name| name.into_string().unwrap());
        let pids =
            names.filter_map(|name| name.strip_suffix(".ports")?.rsplit_once('_')?.1.parse().ok());
        pids.max().unwrap()
    }

    fn order(&mut self, order: &str) {
        writeln!(self.input.as_mut().unwrap(), "{order}").unwrap();
    }

    /// The same server, as it is seen through a proxy that says that it has another version.
    pub fn pretending(&self, version: &'static str) -> JetStreamSettings {
        let server = self.url.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&server).unwrap();
                let (mut from_client, mut to_server) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut from_client, &mut to_server));
                thread::spawn(move || say_version(version, server, client));
            }
        });
        JetStreamSettings { servers: vec![url.parse().unwrap()], ..self.stream() }
    }

    /// The lines of its log about what a user was not allowed to do.
    pub fn violations(&self) -> Vec<String> {
        let log = read_log(self.folder.path());
        log.lines().filter(|line| line.contains("Violation")).map(str::to_owned).collect()
    }

    /// Sends a message to all that have subscribed to `subject`.
    pub fn publish(&self, subject: &str, message: &str) {
        let (subject, message) = (subject.to_owned(), message.to_owned());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(&self.url).await.unwrap();
            client.publish(subject, message.into()).await.unwrap();
            client.flush().await.unwrap();
        });
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
            max_remembered: 500_000,
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

/// Passes on what the server says, but for its version in the first line.
fn say_version(version: &str, server: TcpStream, mut client: TcpStream) -> io::Result<()> {
    let mut server = BufReader::new(server);
    let mut line = String::new();
    server.read_line(&mut line)?;
    let (before, rest) = line.split_once("\"version\":\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    write!(client, "{before}\"version\":\"{version}\"{after}")?;
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}

/// Whether the server has a setting to write each message to the disk before it confirms it: from 2.10 on.
fn can_sync() -> bool {
    static CAN_SYNC: OnceLock<bool> = OnceLock::new();
    *CAN_SYNC.get_or_init(|| {
        let output = Command::new(binary()).arg("--version").output().unwrap();
        !String::from_utf8_lossy(&output.stdout).contains("v2.9.")
    })
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
