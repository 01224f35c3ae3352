//! All failures before a client is admitted.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};
use rustls::ClientConnection;

use super::log_is_plain;
use crate::diagnosis::BOTH;
use crate::support::client::{Client, connect};
use crate::support::eventually;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::plain::reset;
use crate::support::process::{Clawgate, ClawgateCommand};

/// Sends `bytes`, ends, and takes what comes.
fn send(clawgate: &Clawgate, bytes: &[u8]) {
    let mut socket = connect(clawgate.address());
    // The other end may be gone already.
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.read_to_end(&mut Vec::new());
}

fn hello(client: Client) -> (ClientConnection, Vec<u8>) {
    let name = client.name.try_into().unwrap();
    let mut tls = ClientConnection::new(Arc::new(client.config), name).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    (tls, bytes)
}

/// A clawgate with no limit on log lines, its refusals counted from outside by `wanted`.
fn start(pki: &Pki) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").arg("--handshake-timeout", "2s").start()
}

/// Waits until `wanted` connections have their line, then checks all lines.
#[track_caller]
fn refused(clawgate: &mut Clawgate, wanted: usize) {
    eventually("a line for each refused connection", || {
        (clawgate.events("handshake_failed").len() >= wanted).then_some(())
    });
    clawgate.stop();
    log_is_plain(&clawgate.lines());
}

#[test]
fn a_client_hello_with_any_byte_changed_is_refused_in_plain_words() {
    let pki = Pki::new();
    let mut clawgate = start(&pki);
    let mut count = 0;
    for (_, version) in BOTH {
        let (_, bytes) = hello(Client::with_versions(&pki, &clawgate, None, &[version]));
        // Key shares and random numbers may be anything.
        let end = bytes.len().min(260);
        for at in 0..end {
            for to in [0x00, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = to;
                send(&clawgate, &changed);
                count += 1;
            }
        }
    }
    refused(&mut clawgate, count);
}

#[test]
fn records_and_messages_of_every_type_are_refused_in_plain_words() {
    let pki = Pki::new();
    let mut clawgate = start(&pki);
    let mut count = 0;
    let first: [&[u8]; 12] = [
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03\x00\x00",
        b"\x16\x05\x00\x00\x01\x00",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\xff\xfe\xfd",
        b"\x80\x1c\x01\x00\x02\x00\x03\x00\x00\x00\x10\x07\x00\xc0\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a",
    ];
    for bytes in first {
        send(&clawgate, bytes);
        count += 1;
    }
    // After a good hello: each content type, each handshake message, each alert.
    for (_, version) in BOTH {
        let records = (20..=25u8).map(|kind| vec![kind, 3, 3, 0, 4, 0, 0, 0, 0]);
        let messages = (0..=26u8).map(|kind| vec![22, 3, 3, 0, 4, kind, 0, 0, 0]);
        let alerts = (0..=121u8).step_by(3).map(|number| vec![21, 3, 3, 0, 2, 2, number]);
        let broken = [b"what is this".to_vec(), vec![23, 3, 3, 0xff, 0xff, 0], vec![20, 3, 3, 0, 1, 7]];
        for after in records.chain(messages).chain(alerts).chain(broken) {
            let (_, mut bytes) = hello(Client::with_versions(&pki, &clawgate, None, &[version]));
            bytes.extend(after);
            send(&clawgate, &bytes);
            count += 1;
        }
        let (_, bytes) = hello(Client::with_versions(&pki, &clawgate, None, &[version]));
        for end in [1, 5, 9, 100] {
            let mut socket = connect(clawgate.address());
            socket.write_all(&bytes[..end]).unwrap();
            reset(socket);
            count += 1;
        }
    }
    refused(&mut clawgate, count);
}

#[test]
fn a_certificate_with_any_byte_changed_is_refused_in_plain_words() {
    let pki = Pki::new();
    let mut clawgate = start(&pki);
    let leaf = &pki.client.chain[0];
    let mut count = 0;
    for at in (0..leaf.len()).step_by(3) {
        for to in [0x00, 0x30, 0xff] {
            let mut changed = leaf.clone();
            changed[at] = to;
            let chain = [changed, pki.client.chain[1].clone()];
            if chain == pki.client.chain[..2] {
                continue;
            }
            Client::with_versions(&pki, &clawgate, None, &[BOTH[count % 2].1])
                .presenting(&chain, &pki.client)
                .refused();
            count += 1;
        }
    }
    for chain in [
        vec![b"?".to_vec()],
        vec![vec![0x30, 0]],
        vec![leaf[..90].to_vec()],
        vec![leaf.clone(), b"?".to_vec()],
    ] {
        Client::new(&pki, &clawgate).presenting(&chain, &pki.client).refused();
        count += 1;
    }
    refused(&mut clawgate, count);
}

#[test]
fn clients_that_may_not_come_in_are_refused_in_plain_words() {
    let pki = Pki::new();
    let elsewhere = Ca::root("Elsewhere Root");
    let again = Ca::root("Test Root");
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[0x77], 3600));
    let denied = pki.client(Leaf::client("denied").serial(0x78));
    let list = pki.file("denied", format!("fingerprint={} # laptop stolen\n", denied.fingerprint()));
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--crl", crl)
        .arg("--denylist", list)
        .arg("--allow", "cn=notes");
    let mut clawgate = clawgate.start();

    let no_rule = pki.client(Leaf::client("nobody"));
    let identities: Vec<Identity> = vec![
        denied,
        no_rule,
        pki.client(Leaf::client("revoked").serial(0x77)),
        pki.client(Leaf::client("expired").valid(-9 * 86400, -86400)),
        pki.client(Leaf::client("ahead").valid(86400, 9 * 86400)),
        pki.client(Leaf::server()),
        pki.client(Leaf::client("p384").algorithm(&PKCS_ECDSA_P384_SHA384)),
        pki.client(Leaf::client("rsa").algorithm(&PKCS_RSA_SHA256)),
        Leaf::client("elsewhere").issued_by(&elsewhere, &[]),
        Leaf::client("again").issued_by(&again, &[]),
        Leaf::client("alone").issued_by(&pki.intermediate, &[]),
        Leaf::client("self").self_signed(),
    ];
    let mut count = 0;
    for identity in &identities {
        for (_, version) in BOTH {
            Client::with_versions(&pki, &clawgate, Some(identity), &[version]).refused();
            // With the key of somebody else.
            let client = Client::with_versions(&pki, &clawgate, None, &[version]);
            client.presenting(&identity.chain, &pki.client).refused();
            count += 2;
        }
    }
    for (_, version) in BOTH {
        Client::with_versions(&pki, &clawgate, None, &[version]).refused();
        Client::with_versions(&pki, &clawgate, Some(&pki.client), &[version]).alpn(&["smtp"]).refused();
        count += 2;
    }
    refused(&mut clawgate, count);
}
