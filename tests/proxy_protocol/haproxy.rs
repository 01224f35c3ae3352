//! Real HAProxy as the load balancer.

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::{TIMEOUT, eventually, unused_port};

/// A running HAProxy; ends with the test.
pub(super) struct Haproxy(Child);

impl Haproxy {
    /// Starts it with `sections`, and waits until it listens on `address`. `None`: it is not installed.
    pub(super) fn start(pki: &Pki, sections: &str, address: SocketAddr) -> Option<Self> {
        if Command::new("haproxy").arg("-v").stdout(Stdio::null()).status().is_err() {
            eprintln!("SKIPPED: haproxy is not installed (apt install haproxy)");
            return None;
        }
        let time = TIMEOUT.as_secs();
        let defaults = format!(
            "defaults\n  timeout connect {time}s\n  timeout client {time}s\n  timeout server {time}s\n"
        );
        let config = pki.file("haproxy.cfg", format!("{defaults}{sections}"));
        let log = File::create(pki.dir().join("haproxy.log")).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut haproxy = Self(child);
        eventually("haproxy", || {
            if let Some(status) = haproxy.0.try_wait().unwrap() {
                let log = std::fs::read_to_string(pki.dir().join("haproxy.log")).unwrap();
                panic!("haproxy ended with {status}: {log}");
            }
            std::net::TcpStream::connect(address).ok()
        });
        Some(haproxy)
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn haproxy_passes_clients_on_in_both_versions_and_its_health_checks_do_no_harm() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = super::start(&pki, &backend);
    for options in [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
        "send-proxy check inter 50ms",
        "send-proxy-v2 check inter 50ms proxy-v2-options crc32c",
    ] {
        let front = unused_port();
        let sections = format!(
            "listen gate\n  mode tcp\n  unique-id-format %[uuid]\n  bind {front}\n  server gate {} {options}\n",
            clawgate.proxied()
        );
        let Some(_haproxy) = Haproxy::start(&pki, &sections, front.address()) else { return };
        let before = clawgate.events("request").len();
        let mut connection =
            Client::new(&pki, &clawgate).through(front.address(), Vec::new()).connect().expect(options);
        let client = connection.stream.sock.local_addr().unwrap().to_string();
        assert!(connection.is_answered(), "{options}");
        let line = clawgate.event("request", before + 1);
        assert_eq!(line["peer"], client, "{options}");
        assert_ne!(line["proxy"], client, "{options}");
        if options.contains("check") {
            let probes = || clawgate.events("handshake_failed").len();
            let so_far = probes();
            eventually("health checks", || (probes() > so_far + 2).then_some(()));
        }
    }
    for failure in clawgate.events("handshake_failed") {
        assert_eq!(failure["reason"], "tcp_probe", "{failure}");
    }
}
