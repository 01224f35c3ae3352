//! Metrics: their values, their format, and that the documentation lists them.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

fn repository(path: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn text(answer: Answer) -> String {
    String::from_utf8(answer.body).unwrap()
}

fn metrics(clawgate: &Clawgate) -> String {
    text(plain::get(clawgate.admin(), "/metrics"))
}

fn series(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// A clawgate with a CRL and a route for signed requests, that has served and refused.
fn busy(pki: &Pki, backend: &Backend) -> Clawgate {
    let crl = pki.file("crl.pem", pki.root.crl(&[], 3600));
    let secret = pki.file("secret", "a secret of the sender, long enough");
    let toml = format!(
        "[[route]]\npath = \"/hooks/wake\"\n\
         [[route]]\npath = \"/hooks/github\"\n[route.verify]\nscheme = \"github\"\nsecret_file = [{secret:?}]\n"
    );
    let clawgate = ClawgateCommand::new(pki)
        .arg("--config", pki.file("clawgate.toml", toml))
        .upstream(backend.url())
        .admin()
        .arg("--crl", crl)
        .start();
    for _ in 0..2 {
        assert_eq!(Client::new(pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    }
    Client::with_versions(pki, &clawgate, None, &[&rustls::version::TLS13]).refused();
    clawgate.event("handshake_failed", 1);
    clawgate
}

#[test]
fn the_page_names_every_metric_and_no_other() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = busy(&pki, &backend);
    let text = metrics(&clawgate);
    let described: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split_once(' ').unwrap())
        .collect();

    let page = repository("docs/metrics.md");
    // Metrics of spans exist only with a collector, those of the inbox only with an inbox, and one only with NATS.
    let is_elsewhere = |line: &str| {
        let needs = ["only with `trace.endpoint`", "only with `inbox.store`"];
        needs.iter().any(|needed| line.contains(needed)) || line.starts_with("| `clawgate_inbox_")
    };
    let lines = page.lines().filter(|line| !is_elsewhere(line));
    let rows = lines.filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.map(|(name, rest)| (name, rest.split(" |").next().unwrap())).collect();

    assert_eq!(described, rows);
}

#[test]
fn plain_text_is_the_default_and_prometheus_gets_open_metrics() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = busy(&pki, &backend);

    let answer = plain::get(clawgate.admin(), "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(!text(answer).contains("# EOF"));

    let asked = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3\r\n\r\n";
    let answer = plain::exchange(clawgate.admin(), asked.as_bytes()).unwrap();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    let text = text(answer);
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("# TYPE clawgate_requests counter\n"), "{text}");
}

#[test]
fn what_was_agreed_on_and_how_long_it_took_is_counted() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = busy(&pki, &backend);
    let text = metrics(&clawgate);

    let session = r#"clawgate_tls_sessions_total{version="TLSv1.3",group="X25519",resumed="false"}"#;
    let hybrid =
        r#"clawgate_tls_sessions_total{version="TLSv1.3",group="X25519MLKEM768",resumed="false"}"#;
    assert_eq!(series(&text, session).unwrap() + series(&text, hybrid).unwrap(), 2.0);
    assert_eq!(series(&text, "clawgate_handshake_duration_seconds_count"), Some(2.0));
    let took = series(&text, "clawgate_handshake_duration_seconds_sum").unwrap();
    assert!(took > 0.0 && took < 20.0, "{took}");
    assert_eq!(series(&text, "clawgate_connections_accepted_total"), Some(3.0));
}

#[test]
fn the_upstreams_faults_and_connections_are_counted_by_its_address() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = busy(&pki, &backend);
    let named = |name: &str| format!("clawgate_upstream_{name}{{upstream=\"{}\"}}", backend.url());
    let text = metrics(&clawgate);
    let (opened, reused) =
        (series(&text, &named("connections_total")), series(&text, &named("connections_reused_total")));
    assert_eq!(opened.unwrap() + reused.unwrap(), 2.0);
    assert_eq!(series(&text, &named("requests_in_flight")), Some(0.0));

    let unused = "http://127.0.0.1:1";
    let clawgate = ClawgateCommand::new(&pki).upstream(unused).admin().start();
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 503);
    let error = format!("clawgate_upstream_errors_total{{upstream=\"{unused}\",error=\"unavailable\"}}");
    assert_eq!(series(&metrics(&clawgate), &error), Some(1.0));
}

#[test]
fn the_ends_of_certificates_and_lists_follow_the_files() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.root.crl(&[], 3600));
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().arg("--crl", &crl).start();
    let due = || {
        let text = metrics(&clawgate);
        series(
            &text,
            r#"clawgate_crl_next_update_timestamp_seconds{name="CN=Test Root",mark="crl.pem"}"#,
        )
    };
    let before = due().unwrap();
    let certificate = format!(
        r#"clawgate_certificate_not_after_timestamp_seconds{{name="O=Example,CN=gate",mark="{}"}}"#,
        pki.server.fingerprint()
    );
    assert!(series(&metrics(&clawgate), &certificate).unwrap() > before);

    pki.file("crl.pem", pki.root.crl(&[], 7200));

    let after = eventually("the new list", || due().filter(|after| *after != before));
    assert!((3590.0..3700.0).contains(&(after - before)), "{before} {after}");
    assert_eq!(series(&metrics(&clawgate), r#"clawgate_reloads_total{outcome="taken"}"#), Some(1.0));
}

#[test]
fn process_metrics_have_the_names_of_prometheus_own_client_libraries() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let text = metrics(&clawgate);

    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let started = series(&text, "process_start_time_seconds").unwrap();
    assert!(started <= now && now - started < 60.0, "{started} {now}");
    let memory = series(&text, "process_resident_memory_bytes").unwrap();
    assert!((1e6..1e9).contains(&memory), "{memory}");
    assert!(series(&text, "process_cpu_seconds_total").unwrap() < 60.0);
    let (open, most) = (series(&text, "process_open_fds"), series(&text, "process_max_fds"));
    assert!(open.unwrap() >= 5.0 && open < most, "{open:?} {most:?}");
}

/// Where promtool is installed (CI sees to that).
#[test]
fn promtool_finds_no_fault_with_metrics_rules_and_their_tests() {
    if Command::new("promtool").arg("--version").output().is_err() {
        return eprintln!("promtool is not installed: nothing was checked");
    }
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = busy(&pki, &backend);
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(metrics(&clawgate).as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
    for arguments in
        [["check", "rules", "clawgate.rules.yml"], ["test", "rules", "clawgate.rules.test.yml"]]
    {
        let output = Command::new("promtool").args(arguments).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn every_alert_and_no_other_is_on_the_page_with_its_severity() {
    let rules = repository("deploy/prometheus/clawgate.rules.yml");
    let alerts: BTreeSet<_> = rules
        .split("- alert: ")
        .skip(1)
        .map(|rule| {
            let (_, severity) = rule.split_once("severity: ").unwrap();
            (rule.lines().next().unwrap(), severity.split([' ', '}']).next().unwrap())
        })
        .collect();

    let page = repository("docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| Clawgate")?.split_once(" | "));
    let rows: Vec<_> = rows.map(|(name, rest)| (format!("Clawgate{name}"), rest)).collect();

    let documented: BTreeSet<_> =
        rows.iter().map(|(name, rest)| (name.as_str(), rest.split(" |").next().unwrap())).collect();
    assert_eq!(documented, alerts);
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are() {
    let page = repository("docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let known: BTreeSet<&str> = rows.map(|(name, _)| name).collect();
    let mut asked = 0;
    for file in ["deploy/prometheus/clawgate.rules.yml", "deploy/grafana/clawgate.json"] {
        let text = repository(file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in words.filter(|word| word.starts_with("clawgate_") || word.starts_with("process_")) {
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(known.contains(name), "{file} asks for {name}");
            asked += 1;
        }
    }
    assert!(asked > 30, "only {asked} found");
}

#[test]
fn a_client_that_was_admitted_and_is_refused_now_is_counted_apart_from_strangers() {
    const KNOWN: &str = r#"clawgate_known_clients_refused_total{reason="client_cert_revoked"}"#;
    let pki = Pki::new();
    let known = pki.client(Leaf::client("known"));
    let stranger = pki.client(Leaf::client("stranger"));
    let list = pki.file("denied", "");
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().arg("--denylist", &list).start();
    assert!(Client::with_identity(&pki, &clawgate, &known).connect().unwrap().is_answered());

    let both = format!("fingerprint={}\nfingerprint={}\n", known.fingerprint(), stranger.fingerprint());
    std::fs::write(&list, both).unwrap();
    clawgate.event("reloaded", 1);
    Client::with_identity(&pki, &clawgate, &stranger).refused();
    clawgate.event("handshake_failed", 1);
    assert_eq!(series(&metrics(&clawgate), KNOWN), Some(0.0));
    Client::with_identity(&pki, &clawgate, &known).refused();

    clawgate.event("handshake_failed", 2);
    assert_eq!(series(&metrics(&clawgate), KNOWN), Some(1.0));
}
