//! systemd: notifications, watchdog and socket activation.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{TIMEOUT, unused_port};

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(pki: &Pki) -> Self {
        let path = pki.dir().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self { socket, path }
    }

    fn command(&self, pki: &Pki) -> ClawgateCommand {
        ClawgateCommand::new(pki).upstream("echo:").env("NOTIFY_SOCKET", self.path.as_os_str())
    }

    /// The next message.
    fn told(&self) -> String {
        let mut buffer = [0; 4096];
        let count = self.socket.recv(&mut buffer).expect("a message to the service manager");
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }
}

#[track_caller]
fn has(message: &str, lines: &[&str]) {
    for line in lines {
        assert!(message.lines().any(|have| have.starts_with(line)), "no `{line}` in {message:?}");
    }
}

#[test]
fn systemd_is_notified_when_clawgate_serves_and_when_it_ends() {
    let pki = Pki::new();
    let manager = Manager::new(&pki);
    let mut clawgate = manager.command(&pki).arg("--drain-timeout", "7s").start();

    has(&manager.told(), &["READY=1", &format!("STATUS=serving on {}", clawgate.address())]);
    assert_eq!(clawgate.stop().code(), Some(0));
    // Draining may take 7 s, and ending a little more.
    has(&manager.told(), &["STOPPING=1", "EXTEND_TIMEOUT_USEC=12000000"]);
}

#[test]
fn systemd_is_notified_of_each_reload_and_of_its_end() {
    let pki = Pki::new();
    let manager = Manager::new(&pki);
    let clawgate = manager.command(&pki).env("CLAWGATE_WATCH", "false").start();
    has(&manager.told(), &["READY=1"]);

    clawgate.signal("HUP");
    has(&manager.told(), &["RELOADING=1", "MONOTONIC_USEC="]);
    has(&manager.told(), &["READY=1", "STATUS=serving, generation 2"]);

    pki.file("ca.pem", "no certificate");
    clawgate.signal("HUP");
    has(&manager.told(), &["RELOADING=1"]);
    has(&manager.told(), &["READY=1", "STATUS=serving with the old settings"]);
}

#[test]
fn the_watchdog_is_fed_while_the_workers_turn() {
    let pki = Pki::new();
    let manager = Manager::new(&pki);
    let command = manager.command(&pki).env("WATCHDOG_USEC", "100000").arg("--workers", "2");
    let clawgate = command.start();
    has(&manager.told(), &["READY=1"]);

    for _ in 0..5 {
        assert_eq!(manager.told(), "WATCHDOG=1\n");
    }

    clawgate.signal("STOP");
    // What was sent before it stopped can still be read.
    manager.socket.set_nonblocking(true).unwrap();
    while manager.socket.recv(&mut [0; 64]).is_ok() {}
    // Three times as long as the watchdog allows.
    manager.socket.set_nonblocking(false).unwrap();
    manager.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(manager.socket.recv(&mut [0; 64]).is_err(), "a stopped clawgate said that it lives");
    clawgate.signal("CONT");
}

#[test]
fn another_process_watchdog_is_not_fed() {
    let pki = Pki::new();
    let manager = Manager::new(&pki);
    let command = manager.command(&pki).env("WATCHDOG_USEC", "100000").env("WATCHDOG_PID", "1");
    let mut clawgate = command.start();

    has(&manager.told(), &["READY=1"]);
    clawgate.stop();
    has(&manager.told(), &["STOPPING=1"]);
}

#[test]
fn passed_sockets_take_the_place_of_the_addresses() {
    let pki = Pki::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let command = ClawgateCommand::new(&pki).upstream("echo:").arg("--workers", "2").passed(&listener);

    let clawgate = command.start();

    assert_eq!(clawgate.addresses(), [address]);
    assert_eq!(clawgate.event("started", 1)["passed"], true);
    for _ in 0..10 {
        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    }
}

#[test]
fn the_admin_listener_is_passed_by_name() {
    let pki = Pki::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let command = ClawgateCommand::new(&pki).upstream("echo:").env("LISTEN_FDNAMES", "admin");

    let clawgate: Clawgate = command.passed(&listener).start();

    assert_eq!(clawgate.admin(), address);
    assert_ne!(clawgate.address(), address);
    assert_eq!(crate::support::plain::get(address, "/readyz").status, 200);
}

#[test]
fn the_signed_listener_is_passed_by_name() {
    let pki = Pki::new();
    let secret = pki.file("github", "it is a secret of 32 characters!");
    let toml = format!(
        "listen.signed_address = \"127.0.0.1:1\"\n[[route]]\npath = \"/hooks/github\"\nauthenticate = \"signature\"\n\
         verify = {{ scheme = \"github\", secret_file = {secret:?} }}\n"
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let command = ClawgateCommand::new(&pki)
        .arg("--config", pki.file("clawgate.toml", &toml))
        .upstream("echo:")
        .env("LISTEN_FDNAMES", "signed");

    let clawgate: Clawgate = command.passed(&listener).start();

    assert_eq!(clawgate.event("started", 1)["listen_signed"], serde_json::json!([address.to_string()]));
    let answer = Client::without_certificate(&pki, &clawgate).post("/hooks/github", "{}");
    assert_eq!(answer.reason(), "signature_missing");
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let pki = Pki::new();
    let command =
        ClawgateCommand::new(&pki).upstream("echo:").env("LISTEN_FDS", "1").env("LISTEN_PID", "1");

    let clawgate = command.start();

    assert!(clawgate.event("started", 1)["passed"].is_null());
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn a_socket_that_is_none_is_said_to_be_so() {
    let pki = Pki::new();
    // File descriptor 3 is not there.
    let command = ClawgateCommand::new(&pki).upstream("echo:").env("LISTEN_FDS", "1");

    let output = command.refused();

    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("passed a socket that cannot be used"), "{output:?}");
    assert!(output.stderr.contains("ListenStream="), "{output:?}");
}

#[test]
fn the_probe_command_says_whether_clawgate_is_ready_or_alive() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let probe = |more: &str| {
        let command = ClawgateCommand::bare("probe").arg("--admin", clawgate.admin().to_string());
        if more.is_empty() { command.output() } else { command.word(more).output() }
    };
    let unused = unused_port();

    assert_eq!(probe("").code, Some(0));
    assert_eq!(probe("--alive").code, Some(0));
    let by_env =
        ClawgateCommand::bare("probe").env("CLAWGATE_ADMIN", clawgate.admin().to_string()).output();
    assert_eq!(by_env.code, Some(0), "{by_env:?}");
    let absent = ClawgateCommand::bare("probe").arg("--admin", unused.to_string()).output();
    assert_eq!(absent.code, Some(1));
    assert!(absent.stdout.contains("nothing answers there"), "{absent:?}");
}

#[test]
fn completions_and_manual_pages_know_the_settings() {
    for words in [vec!["completions", "bash"], vec!["completions", "fish"], vec!["man", "run"]] {
        let command =
            words.iter().fold(ClawgateCommand::bare("generate"), |command, word| command.word(*word));
        let output = command.output();
        assert_eq!(output.code, Some(0), "{output:?}");
        // roff writes a hyphen so that it is not broken.
        assert!(output.stdout.replace('\\', "").contains("client-ca"), "{words:?}");
    }
    let unknown = ClawgateCommand::bare("generate").word("man").word("nothing").output();
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("`nothing`"), "{unknown:?}");
}
