//! The cost of certificates that are expensive to process: an unknown client must not keep the proxy busy.

use std::fs;

use rcgen::SanType;

use crate::support::client::Client;
use crate::support::hostile::{self, Hostile};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

/// Connections over which the cost of one is averaged.
const ROUNDS: u32 = 5;
/// CPU time of a refused connection, in milliseconds, in a build without optimisation. A release build takes a tenth
/// of that, and must keep below 5 ms (`cargo bench`).
const ALLOWED_MS: f64 = 40.0;

/// CPU time that the process has used, in milliseconds.
fn cpu_ms(clawgate: &Clawgate) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", clawgate.pid())).unwrap();
    let of_task = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default()
    };
    tasks.map(|task| of_task(task.unwrap())).sum::<f64>() / 1e6
}

/// What a connection that presents `hostile` costs.
fn cost(pki: &Pki, clawgate: &Clawgate, hostile: &Identity) -> f64 {
    let client = || Client::with_identity(pki, clawgate, hostile).trusting();
    client().refused();
    let before = cpu_ms(clawgate);
    for _ in 0..ROUNDS {
        client().refused();
    }
    (cpu_ms(clawgate) - before) / f64::from(ROUNDS)
}

#[test]
fn no_chain_of_64_kib_keeps_the_proxy_busy() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    let mut costs = Vec::new();
    for Hostile { name, chain, key } in hostile::all("Test Root") {
        costs.push((cost(&pki, &clawgate, &Identity { chain, key }), name));
    }

    costs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (ms, name) in &costs {
        println!("{ms:7.2} ms  {name}");
    }
    assert!(costs[0].0 < ALLOWED_MS, "{costs:?}");
}

/// A client of the CA that sends certificates of its issuer's name along.
fn crowded(pki: &Pki, count: usize) -> Identity {
    let mut client = pki.client(Leaf::client("crowded"));
    let signer = Ca::root("Test Intermediate");
    for _ in 0..count {
        let params = Ca::params("Test Intermediate");
        client.chain.push(signer.intermediate_of(params).certificate.der().to_vec());
    }
    client
}

#[test]
fn what_an_admitted_client_sends_besides_its_chain_costs_next_to_nothing() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let crowded = crowded(&pki, 130);
    let connect = |identity| {
        let mut connection = Client::with_identity(&pki, &clawgate, identity).connect().unwrap();
        assert!(connection.is_answered());
        connection
    };
    let cost_of = |identity| {
        drop(connect(identity));
        let before = cpu_ms(&clawgate);
        for _ in 0..ROUNDS {
            drop(connect(identity));
        }
        (cpu_ms(&clawgate) - before) / f64::from(ROUNDS)
    };

    let (plain, costly) = (cost_of(&pki.client), cost_of(&crowded));

    assert!(costly < plain + 4.0, "{plain} ms with its own chain, {costly} ms with others");
}

#[test]
fn a_reload_judges_an_open_connection_without_looking_at_what_else_was_sent() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let reload = |number| {
        let before = cpu_ms(&clawgate);
        clawgate.signal("HUP");
        clawgate.event("reloaded", number);
        // What the reload costs the connections is over when one of them has answered.
        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        assert!(connection.is_answered());
        cpu_ms(&clawgate) - before
    };
    reload(1);
    let alone = reload(2);

    let crowded = crowded(&pki, 130);
    let client = Client::with_identity(&pki, &clawgate, &crowded);
    let open: Vec<_> = (0..20).map(|_| client.clone().connect().unwrap()).collect();
    let with_many = reload(3);

    assert!(with_many < alone + 100.0, "{alone} ms without them, {with_many} ms with {}", open.len());
}

#[test]
fn a_client_may_send_a_whole_bundle_in_any_order() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let others: Vec<_> = (0..10).map(|number| Ca::root(&format!("Other {number}"))).collect();
    let mut client = pki.client(Leaf::client("bundle"));
    let own = client.chain.pop().unwrap();
    client.chain.extend(others.iter().map(|ca| ca.certificate.der().to_vec()));
    client.chain.extend([pki.root.certificate.der().to_vec(), own]);

    let mut connection = Client::with_identity(&pki, &clawgate, &client).connect().unwrap();

    assert!(connection.is_answered());
}

#[test]
fn more_certificates_of_the_issuers_name_than_are_checked_are_reported() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let mut client = crowded(&pki, 9);
    let own = client.chain.remove(1);
    client.chain.push(own);

    Client::with_identity(&pki, &clawgate, &client).refused();

    let line = clawgate.failure();
    assert_eq!(line["reason"], "client_chain_invalid", "{line}");
    assert!(line["detail"].as_str().unwrap().contains("8 more were left out"), "{line}");
    assert!(line["hint"].as_str().unwrap().contains("its own intermediates only"), "{line}");
}

/// Bytes of the log so far.
fn logged(clawgate: &Clawgate) -> usize {
    clawgate.lines().iter().map(|line| line.len() + 1).sum()
}

#[test]
fn no_line_of_the_log_is_longer_than_4_kib() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--log-format", "json").start();

    let mut refused = 0;
    for Hostile { chain, key, .. } in hostile::all("Test Root") {
        Client::with_identity(&pki, &clawgate, &Identity { chain, key }).trusting().refused();
        refused += 1;
    }

    let lines = clawgate.all("handshake_failed");
    assert_eq!(lines.len(), refused);
    for line in &lines {
        assert!(line["client_cert"]["fingerprint_sha256"].as_str().unwrap().len() == 64, "{line}");
        for name in ["reason", "peer", "detail", "hint"] {
            assert!(!line[name].as_str().unwrap().is_empty(), "{line}");
        }
    }
    for line in clawgate.lines() {
        assert!(line.len() < 4096, "{} bytes: {line}", line.len());
    }
}

#[test]
fn a_client_with_another_certificate_each_time_fills_no_log() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--log-format", "json")
        .env("CLAWGATE_LOG_REPEAT_WINDOW", "1h")
        .start();
    let before = logged(&clawgate);
    let name = |number: usize| format!("{number}{}.example", "x".repeat(50)).try_into().unwrap();
    let names: Vec<_> = (0..60).map(|number| SanType::DnsName(name(number))).collect();
    let somebody = Ca::root("Somebody");

    for _ in 0..200 {
        let identity = Leaf::client("mallory").sans(names.clone()).issued_by(&somebody, &[]);
        Client::with_identity(&pki, &clawgate, &identity).refused();
    }

    clawgate.stop();
    let lines = clawgate.events("handshake_failed");
    let (sums, full): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["repeated"].is_object());
    assert_eq!((full.len(), sums.len()), (60, 1));
    assert_eq!(sums[0]["repeated"]["count"], 140);
    assert_eq!(sums[0]["peer"], "127.0.0.1");
    assert!(logged(&clawgate) - before < 61 * 4096, "{} bytes", logged(&clawgate) - before);
}

#[test]
fn a_requests_line_is_bounded_too() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--log-format", "json").start();
    let long = |number: usize| format!("{number}{}.example", "x".repeat(600)).try_into().unwrap();
    let client = Leaf::client(&"\u{1}\\".repeat(1_000)).sans(vec![SanType::DnsName(long(0))]);
    let path = format!("/closed/{}", "%22".repeat(1_300));

    let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let answer = Client::with_identity(&pki, &clawgate, &pki.client(client)).send(&request);

    assert_eq!(answer.status, 404);
    let line = clawgate.request();
    assert_eq!((&line["status"], &line["reason"]), (&404.into(), &"no_route".into()));
    for line in clawgate.lines() {
        assert!(line.len() < 4096, "{} bytes: {line}", line.len());
    }
}

#[test]
fn a_client_that_leaves_without_a_request_again_and_again_is_summed_up() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .admin()
        .arg("--log-format", "json")
        .env("CLAWGATE_LOG_REPEAT_WINDOW", "1h")
        .start();

    for _ in 1..=12 {
        drop(Client::new(&pki, &clawgate).connect().unwrap());
    }
    // A connection that is open when the proxy shuts down counts as ended by the shutdown.
    eventually("the end of all connections", || {
        let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
        let are = |line: &str| text.lines().any(|known| known == line);
        (are("clawgate_handshakes_admitted_total 12") && are("clawgate_connections 0")).then_some(())
    });

    let lines = clawgate.all("connection_unused");
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert_eq!(lines[5]["fingerprint_sha256"], pki.client.fingerprint());
    assert_eq!(lines[5]["repeated"]["count"], 7);
}

#[test]
fn rules_are_asked_once_for_a_connection_and_not_for_each_request() {
    let pki = Pki::new();
    let rules: Vec<_> = (0..400).map(|number| format!("\"dns=*.{number}.example\"")).collect();
    let settings =
        format!("[[route]]\npath = \"/hooks/\"\nallow = [{}, \"o=Example\"]\n", rules.join(","));
    let clawgate = ClawgateCommand::new(&pki)
        .arg("--config", pki.file("rules.toml", settings))
        .upstream("echo:")
        .start();
    let name = |number: usize| SanType::DnsName(format!("n.x{number}.example").try_into().unwrap());
    let client = pki.client(Leaf::client("named").sans((0..500).map(name).collect()));
    let mut connection = Client::with_identity(&pki, &clawgate, &client).connect().unwrap();
    let mut ask = |count: usize| {
        let before = cpu_ms(&clawgate);
        for _ in 0..count {
            let request = "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
            connection.write(request.as_bytes());
            assert_eq!(connection.answer().status, 200);
        }
        cpu_ms(&clawgate) - before
    };
    ask(1);

    let per_request = ask(20) / 20.0;

    assert!(per_request < 5.0, "{per_request} ms");
}
