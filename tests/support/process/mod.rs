//! The real binary, started for one test and stopped at its end.

mod wrapped;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::eventually;
use super::pki::Pki;

/// A `clawgate` command that has not been started.
pub struct ClawgateCommand {
    command: Command,
    stdin: Stdio,
}

impl ClawgateCommand {
    /// `clawgate run` with nothing but the given arguments, and an empty environment.
    pub fn bare(subcommand: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clawgate"));
        command.env_clear().arg(subcommand);
        Self { command, stdin: Stdio::null() }
    }

    /// `clawgate run` with the certificates of `pki`, on a free port, with one worker, without the
    /// admin listener.
    pub fn new(pki: &Pki) -> Self {
        let (certificate, key) = pki.files("server", &pki.server);
        let ca = pki.file("ca.pem", pki.root.pem());
        Self::bare("run")
            .arg("--cert", certificate)
            .arg("--key", key)
            .arg("--client-ca", ca)
            .arg("--listen", "127.0.0.1:0")
            // Not flags, so that a test can give its own.
            .env("CLAWGATE_ADMIN", "off")
            .env("CLAWGATE_WORKERS", "1")
            .env("CLAWGATE_LOG_REPEAT_WINDOW", "off")
    }

    pub fn arg(mut self, flag: &str, value: impl Into<OsString>) -> Self {
        self.command.arg(flag).arg(value.into());
        self
    }

    /// A positional argument, or a flag without a value.
    pub fn word(mut self, word: impl Into<OsString>) -> Self {
        self.command.arg(word.into());
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Without what `new` sets in the environment, so that a file may say it.
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Passes requests on to `upstream`.
    pub fn upstream(self, upstream: impl Into<OsString>) -> Self {
        self.arg("--upstream", upstream)
    }

    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// With an admin listener on a free port.
    pub fn admin(self) -> Self {
        self.arg("--admin", "127.0.0.1:0")
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Clawgate {
        let mut clawgate = self.launch();
        let started =
            clawgate.wait_for("the event started", |clawgate| clawgate.events("started").pop());
        let address = |text: &Value| text.as_str().unwrap().parse().unwrap();
        clawgate.addresses = started["listen"].as_array().unwrap().iter().map(address).collect();
        let proxied = started["listen_proxy"].as_array();
        clawgate.proxied = proxied.map(|list| list.iter().map(address).collect()).unwrap_or_default();
        let signed = started["listen_signed"].as_array();
        clawgate.signed = signed.map(|list| list.iter().map(address).collect()).unwrap_or_default();
        clawgate.relay = started["relay"].as_str().and_then(|text| text.parse().ok());
        clawgate.admin = started["admin"].as_str().and_then(|text| text.parse().ok());
        clawgate
    }

    /// Starts it, at `address` too, and waits until it takes connections there: for logs without the event `started`.
    pub fn start_at(self, address: SocketAddr) -> Clawgate {
        let mut clawgate = self.arg("--listen", address.to_string()).launch();
        clawgate.wait_for("connections to be taken", |_| TcpStream::connect(address).ok());
        clawgate.addresses = vec![address];
        clawgate
    }

    /// Starts it with its stdout on a terminal, which `script` makes, and waits until it listens.
    pub fn start_on_terminal(self, columns: u16) -> Clawgate {
        let program = self.command.get_program();
        let words = std::iter::once(program).chain(self.command.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let mut terminal = Command::new("script");
        // `script` is what a test ends, and clawgate has to end with it.
        let line = format!("stty cols {columns}; exec setpriv --pdeathsig KILL {}", words.join(" "));
        terminal.env_clear().env("SHELL", "/bin/sh").args(["-qefc", &line, "/dev/null"]);
        terminal.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut clawgate = Self { command: terminal, ..self }.launch();
        let address = clawgate.wait_for("where it listens", |clawgate| {
            let text = clawgate.lines().join("\n");
            let (_, rest) = text.split_once("listen=")?;
            rest.split(char::is_whitespace).next()?.parse().ok()
        });
        clawgate.addresses = vec![address];
        clawgate
    }

    /// Starts it, and does not wait.
    pub fn launch(mut self) -> Clawgate {
        let mut child = self
            .command
            .stdin(self.stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let stdout = child.stdout.take().unwrap();
        let sink = Arc::clone(&lines);
        let stop_reading = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stop_reading);
        let hold = Arc::new(AtomicBool::new(false));
        let held = Arc::clone(&hold);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                eventually("the end of a hold", || (!held.load(Ordering::SeqCst)).then_some(()));
                sink.lock().unwrap().push(line);
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let reader = Some(reader);
        Clawgate {
            child,
            lines,
            reader,
            stop_reading,
            hold,
            addresses: Vec::new(),
            admin: None,
            relay: None,
            proxied: Vec::new(),
            signed: Vec::new(),
        }
    }

    /// What `clawgate check` says to the same settings.
    pub fn check(self) -> Output {
        let mut check = Self::bare("check");
        check.command.args(self.command.get_args().skip(1));
        let set = self.command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        check.command.envs(set);
        check.output()
    }

    /// Runs it to its end; for starts that are to be refused.
    pub fn output(mut self) -> Output {
        let output = self.command.stdin(self.stdin).output().unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl ClawgateCommand {
    /// Like `output`, for a start that is to be refused: the test fails, and does not hang, when the
    /// clawgate comes up instead.
    pub fn refused(mut self) -> Output {
        let command = self.command.stdin(self.stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = KillOnDrop(command.spawn().unwrap());
        let status = eventually("the end of a start", || child.0.try_wait().unwrap());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        child.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Output { code: status.code(), stdout, stderr }
    }
}

/// Keeps the reader of a clawgate's stdout from reading.
struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command that has ended left.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running clawgate.
pub struct Clawgate {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    stop_reading: Arc<AtomicBool>,
    hold: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    pub admin: Option<SocketAddr>,
    relay: Option<SocketAddr>,
    proxied: Vec<SocketAddr>,
    signed: Vec<SocketAddr>,
}

impl Clawgate {
    pub fn address(&self) -> SocketAddr {
        let mut all = self.addresses.iter().chain(&self.proxied).chain(&self.signed);
        *all.next().expect("an address")
    }

    /// Where a PROXY header is required.
    pub fn proxied(&self) -> SocketAddr {
        self.proxied[0]
    }

    /// Where no client certificate is asked for.
    pub fn signed(&self) -> SocketAddr {
        self.signed[0]
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where its admin listener is.
    pub fn admin(&self) -> SocketAddr {
        self.admin.expect("an admin listener")
    }

    /// Where its relay listens.
    pub fn relay(&self) -> SocketAddr {
        self.relay.expect("a relay")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `found` finds, once it does; the test fails when clawgate ends before.
    fn wait_for<T>(&mut self, what: &str, found: impl Fn(&Self) -> Option<T>) -> T {
        eventually(what, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut error = String::new();
                let _ = self.child.stderr.take().unwrap().read_to_string(&mut error);
                panic!("clawgate ended with {status}: {error}");
            }
            found(self)
        })
    }

    /// All log lines so far, as they were written.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// All log lines of one event so far. Every line must be a JSON object.
    pub fn events(&self, name: &str) -> Vec<Value> {
        let parse = |line: &String| -> Value {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
        };
        let lines = self.lines.lock().unwrap();
        lines.iter().map(parse).filter(|value| value["event"] == name).collect()
    }

    /// All log lines of one event, clawgate having ended: no other comes. `events` is not the thing to ask
    /// whether there is none, for the log is written a little after what it tells of.
    pub fn all(&mut self, name: &str) -> Vec<Value> {
        if self.try_wait().is_none() {
            self.stop();
        }
        self.events(name)
    }

    /// The `number`th event of a name, counted from 1, once it is there.
    pub fn event(&self, name: &str, number: usize) -> Value {
        eventually(&format!("event {number} of {name}; log: {:#?}", self.lines()), || {
            self.events(name).into_iter().nth(number - 1)
        })
    }

    /// The one refused connection.
    pub fn failure(&self) -> Value {
        self.event("handshake_failed", 1)
    }

    /// The first request's log line.
    pub fn request(&self) -> Value {
        self.event("request", 1)
    }

    /// Closes the reading end of its stdout after the next line.
    pub fn stop_reading(&self) {
        self.stop_reading.store(true, Ordering::SeqCst);
    }

    /// While this is held, its stdout is not read.
    pub fn hold(&self) -> impl Drop + use<> {
        let hold = Arc::clone(&self.hold);
        hold.store(true, Ordering::SeqCst);
        Held(hold)
    }

    /// Whether somebody still reads its stdout.
    pub fn is_read(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| !reader.is_finished())
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.unwrap().success());
    }

    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for the process to end; all of its log is there afterwards.
    pub fn wait(&mut self) -> ExitStatus {
        let status = eventually("the end of clawgate", || self.child.try_wait().unwrap());
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status
    }

    /// SIGTERM, then the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }
}

impl Drop for Clawgate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the log of clawgate:\n{}", self.lines().join("\n"));
            return;
        }
        // Whatever a test has caused must be in the documentation. (Text for a terminal is no JSON.)
        for line in self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()) {
            super::log_page::compare(&line);
        }
    }
}
