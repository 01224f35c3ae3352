//! The log lines: each is about its own client, and no client can forge one.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::Barrier;
use std::thread;

use rcgen::{CertificateParams, DnType, SanType};
use serde_json::Value;

use super::{BOTH, check, refused, says};
use crate::support::client::{Client, connect};
use crate::support::eventually;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;

/// What a line must not carry raw: controls, marks that turn or hide text, line separators.
fn dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Every string in `value`.
fn strings(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(list) => list.iter().for_each(|value| strings(value, each)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, each)),
        _ => {}
    }
}

#[test]
fn what_a_client_writes_into_its_certificate_cannot_forge_a_line() {
    let pki = Pki::new();
    let forged =
        "x\r\n{\"event\":\"started\"}\n\0\u{1b}[2J\u{202e}drow\u{2066}\u{200b},O=Bank+CN=\"a\"\\";
    let names = ["a.example\r\nevent: started", "b\0.example", "c\u{1b}[31m.example"];
    let sans = names.map(|name| SanType::DnsName(name.try_into().unwrap()));
    let name = |params: &mut CertificateParams| {
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, forged);
    };
    let leaf = Leaf::client("x").with(name).sans(sans.to_vec()).valid(-9, -5);
    let evil = leaf.issued_by(&Ca::root(forged), &[]);

    for line in refused(&pki, &evil, "client_cert_unknown_ca") {
        strings(&line, &mut |text| {
            assert!(!text.contains(dangerous), "{text:?}");
        });
        let escaped = r#"x\0D\0A{\"event\":\"started\"}\0A\00\1B[2J\E2\80\AEdrow"#;
        says(&line, "detail", &[escaped, r"\,O=Bank\+CN=", "Besides: "]);
        let subject = line["client_cert"]["subject"].as_str().unwrap();
        assert!(subject.contains("CN=x\\0D\\0A"), "{subject}");
        assert_eq!(line["client_cert"]["san"][0], r"dns:a.example\0D\0Aevent: started");
        assert_eq!(line["client_cert"]["san"][1], r"dns:b\00.example");
        assert_eq!(line["client_cert"]["san"][2], r"dns:c\1B[31m.example");
    }
}

#[test]
fn a_name_of_many_kilobytes_is_cut() {
    let pki = Pki::new();
    let long = "n".repeat(4_000);
    let leaf = Leaf::client(&long).with(|params| {
        params.distinguished_name.push(DnType::OrganizationalUnitName, "\u{1}".repeat(4_000));
        let san = |i: usize| SanType::DnsName(format!("{i}.{long}").as_str().try_into().unwrap());
        params.subject_alt_names = (0..1).map(san).collect();
    });
    let evil = leaf.issued_by(&Ca::root("Elsewhere"), &[]);

    for line in refused(&pki, &evil, "client_cert_unknown_ca") {
        says(&line, "detail", &["…(+", "CN=Elsewhere"]);
        assert!(line.to_string().len() < 8 * 1024, "a line of {} bytes", line.to_string().len());
    }
}

#[test]
fn hundreds_of_names_are_counted_and_not_listed() {
    let pki = Pki::new();
    let san = |i: usize| SanType::DnsName(format!("{i}.example").as_str().try_into().unwrap());
    let evil = pki.client(Leaf::client("many").sans((0..400).map(san).collect()).valid(-9, -5));

    for line in refused(&pki, &evil, "client_cert_expired") {
        let names = line["client_cert"]["san"].as_array().unwrap();
        assert_eq!(names.len(), 65);
        assert_eq!(names[64], "…(+336 names)");
    }
}

#[test]
fn what_a_client_writes_into_its_hello_cannot_forge_a_line() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    let client = Client::new(&pki, &clawgate).alpn(&["a\r\n\u{1b}[2J\u{202e}", &"z".repeat(255)]);
    client.refusal();

    let line = clawgate.failure();
    check(&line);
    strings(&line, &mut |text| assert!(!text.contains(dangerous), "{text:?}"));
    assert_eq!(line["alpn"][0], r"a\0D\0A\1B[2J\E2\80\AE");
    says(&line, "detail", &[r"a\0D\0A\1B"]);
}

#[test]
fn raw_bytes_in_place_of_a_hello_cannot_forge_a_line() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    for (number, bytes) in
        [&b"\n{\"event\":\"started\"}\n"[..], b"\xff\xfe\x1b]0;x\x07", b"\"\\\",\0\"\n   "]
            .into_iter()
            .enumerate()
    {
        connect(clawgate.address()).write_all(bytes).unwrap();
        let line = clawgate.event("handshake_failed", number + 1);
        assert_eq!(line["reason"], "not_tls");
        strings(&line, &mut |text| assert!(!text.contains(dangerous), "{text:?}"));
    }
    assert_eq!(clawgate.all("started").len(), 1);
}

#[test]
fn of_many_clients_at_once_each_bad_one_gets_its_own_line() {
    let pki = Pki::new();
    let leaf = |i: usize| Leaf::client(&format!("n{i}"));
    let elsewhere = Ca::root("Elsewhere");
    // What each has, and why it is refused; `None`: it is not.
    let cast = (0..60).map(|i| match i % 6 {
        0 => (None, Some("client_cert_missing")),
        1 => (Some(pki.client(leaf(i).valid(-9, -5))), Some("client_cert_expired")),
        2 => (Some(leaf(i).self_signed()), Some("client_cert_self_signed")),
        3 => (Some(leaf(i).issued_by(&elsewhere, &[])), Some("client_cert_unknown_ca")),
        4 => (Some(leaf(i).issued_by(&pki.intermediate, &[])), Some("client_chain_incomplete")),
        _ => (Some(pki.client(leaf(i))), None),
    });
    let cast: Vec<_> = cast.collect();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    let barrier = Barrier::new(cast.len());
    let attempt = |i: usize, identity: Option<&Identity>, refused: bool| {
        let client = Client::with_versions(&pki, &clawgate, identity, &[BOTH[(i / 6) % 2].1]);
        barrier.wait();
        if refused {
            return Some(client.refusal());
        }
        assert_eq!(client.post("/hooks/wake", "{}").status, 200);
        None
    };
    let seen: Vec<_> = thread::scope(|scope| {
        let mut under_way = Vec::new();
        for (i, (identity, reason)) in cast.iter().enumerate() {
            let attempt = &attempt;
            under_way.push(scope.spawn(move || attempt(i, identity.as_ref(), reason.is_some())));
        }
        under_way.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    let bad = cast.iter().filter(|(_, reason)| reason.is_some()).count();
    eventually("all lines", || (clawgate.events("handshake_failed").len() >= bad).then_some(()));
    assert!(clawgate.stop().success());
    let lines = clawgate.events("handshake_failed");
    assert_eq!(lines.len(), bad, "one line for each");
    let ids: HashSet<_> = lines.iter().map(|line| line["id"].as_str()).collect();
    assert_eq!(ids.len(), bad, "identifiers are unique");
    let by_peer: HashMap<_, _> = lines.iter().map(|line| (line["peer"].as_str(), line)).collect();
    for ((identity, reason), refusal) in cast.iter().zip(seen) {
        let (Some(reason), Some(refusal)) = (reason, refusal) else { continue };
        let line = by_peer[&Some(&*refusal.from.to_string())];
        check(line);
        assert_eq!(line["reason"], *reason, "{line}");
        assert_eq!(line["alert_sent"], refusal.alert, "{line}");
        let fingerprint = identity.as_ref().map(Identity::fingerprint);
        assert_eq!(line["client_cert"]["fingerprint_sha256"].as_str(), fingerprint.as_deref());
    }
}
