//! Listeners that do what clawgate would not do: each check of a listener fails when it should.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::{Diagnosis, Setup, any, says};
use crate::support::backend::Backend;
use crate::support::pki::{Identity, Leaf};
use crate::support::{eventually, unused_port};

/// Passes connections on to `to`, but answers those whose first bytes `is_known` knows with `answer`.
fn between(to: SocketAddr, is_known: fn(&[u8]) -> bool, answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || pass_on(client, to, is_known, answer));
        }
    });
    address
}

fn pass_on(mut client: TcpStream, to: SocketAddr, is_known: fn(&[u8]) -> bool, answer: &[u8]) {
    let mut first = [0; 4096];
    let Ok(count) = client.read(&mut first) else { return };
    if is_known(&first[..count]) {
        let _ = client.write_all(answer);
        return;
    }
    let Ok(mut server) = TcpStream::connect(to) else { return };
    let _ = server.write_all(&first[..count]);
    let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut into);
        let _ = into.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

#[test]
fn plain_http_that_is_answered_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();
    let is_http = |first: &[u8]| first.starts_with(b"GET ");
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    let diagnosis = setup.examined(between(clawgate.address(), is_http, answer));

    says(&diagnosis.only_fault("listener/plain_http"), &["is answered 200 without TLS", "ss -ltnp"]);
}

#[test]
fn tls_1_0_that_is_accepted_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();
    // The version of the ClientHello itself, after the record's and the message's head.
    let is_old = |first: &[u8]| first.first() == Some(&22) && first.get(9..11) == Some(&[3, 1]);
    let server_hello = b"\x16\x03\x01\x00\x04\x02\x00\x00\x00";

    let diagnosis = setup.examined(between(clawgate.address(), is_old, server_hello));

    says(
        &diagnosis.only_fault("listener/tls_1_0"),
        &["is not secure", "the proxy in front of clawgate"],
    );
}

/// `openssl s_server`, ended with the test.
struct Server(Child, SocketAddr);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A TLS server with the certificate of `setup` that asks for a client certificate and does without.
fn lenient(setup: &Setup) -> Server {
    let (_, key) = setup.pki.files("server", &setup.pki.server);
    let pem = |der: &[u8]| crate::support::pki::pem_block("CERTIFICATE", der);
    let leaf = setup.pki.file("leaf.pem", pem(&setup.pki.server.chain[0]));
    let above = setup.pki.file("above.pem", pem(&setup.pki.server.chain[1]));
    let ca = setup.pki.file("ca.pem", setup.pki.root.pem());
    let place = unused_port();
    let address = place.address();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-quiet", "-verify", "1", "-accept", &address.to_string()]);
    command
        .arg("-cert")
        .arg(leaf)
        .arg("-key")
        .arg(key)
        .arg("-cert_chain")
        .arg(above)
        .arg("-CAfile")
        .arg(ca);
    drop(place);
    let child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Server(child, address);
    eventually("s_server", || TcpStream::connect(address).ok());
    server
}

#[test]
fn a_client_without_a_certificate_that_is_accepted_is_a_fault() {
    let setup = Setup::new("echo:");
    let server = lenient(&setup);

    let diagnosis = setup.examined(server.1);

    let text = diagnosis.only_fault("listener/no_certificate");
    says(&text, &["a client without a certificate completes the handshake", "restart it"]);
}

#[test]
fn other_intermediates_than_those_in_the_file_are_a_fault() {
    let mut setup = Setup::new("echo:");
    let whole = setup.pki.server.chain.clone();
    let another = setup.pki.root.intermediate("Another");
    setup.pki.server.chain.push(another.certificate.der().to_vec());
    let clawgate = setup.clawgate();
    setup.pki.server.chain = whole;

    let diagnosis = setup.examined(clawgate.address());

    says(
        &diagnosis.only_fault("listener/up_to_date"),
        &["other intermediates than those in tls.certificate"],
    );
    // And what it serves is judged by itself.
    says(&diagnosis.text("listener/order", "warning"), &["CN=Another, which follows it"]);
}

#[test]
fn an_admin_listener_that_is_not_ready_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();
    let admin = Backend::each(|exchange, _| {
        exchange.answer("503 Service Unavailable", "text/plain", "not ready: no client CA is valid\n");
    });

    let command =
        setup.command("doctor", clawgate.address()).arg("--admin", admin.address().to_string());
    let diagnosis = Diagnosis::of(command);

    says(&diagnosis.only_fault("admin/ready"), &["not ready: no client CA is valid"]);
}

#[test]
fn a_process_with_other_settings_is_a_note_and_one_that_needs_a_restart_a_warning() {
    let mut setup = Setup::new("echo:");
    let admin = format!("unix:{}", setup.pki.dir().join("admin.sock").display());
    setup.more.push(("--admin", admin));
    let config = setup.pki.file("clawgate.toml", "");
    let clawgate = setup.command("run", any()).arg("--config", &config).start();
    let listen = clawgate.address();
    let examined = || Diagnosis::of(setup.command("doctor", listen).arg("--config", &config));

    let before = examined();
    before.all_good();
    says(&before.text("admin/in_use", "note"), &["with other settings or files", "1 difference"]);
    setup.pki.file("clawgate.toml", "runtime.drain_timeout = \"7s\"");
    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    says(
        &examined().only_warning("admin/in_use"),
        &["runtime.drain_timeout, which take effect only after a restart"],
    );
}

#[test]
fn a_server_that_does_not_hold_its_certificates_key_is_found_out() {
    let setup = Setup::new("echo:");
    let other = Leaf::server().self_signed();
    let impostor = Identity { chain: setup.pki.server.chain.clone(), key: other.key };
    let address = crate::support::relay::unproven(&impostor);

    let explained = crate::support::process::ClawgateCommand::bare("explain")
        .word(address.to_string())
        .word("--json")
        .output();

    let explained: serde_json::Value = serde_json::from_str(&explained.stdout).unwrap();
    let checks = explained["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "key_fits").unwrap();
    assert_eq!(check["severity"], "fail", "{explained}");
    says(check["detail"].as_str().unwrap(), &["does not match its certificate"]);
}
