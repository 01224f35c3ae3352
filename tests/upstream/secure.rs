//! TLS to an upstream that asks for a client certificate.

use rcgen::SanType;

use crate::support::Latch;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::relay::Mutual;

/// An upstream called claw.internal with a CA of its own, which also issues clawgate's certificate.
struct Scene {
    pki: Pki,
    ca: Ca,
    clawgate: Identity,
    backend: Backend,
    upstream: Mutual,
    name: &'static str,
}

fn named(ca: &Ca, name: &str) -> Identity {
    let sans = vec![SanType::DnsName(name.try_into().unwrap())];
    Leaf::server().sans(sans).issued_by(ca, &[])
}

impl Scene {
    fn new(backend: Backend) -> Self {
        let ca = Ca::root("Upstream Root");
        let clawgate = Leaf::client("gate-1").issued_by(&ca, &[]);
        let upstream = Mutual::new(&named(&ca, "claw.internal"), &ca, backend.address());
        Self { pki: Pki::new(), ca, clawgate, backend, upstream, name: "claw.internal" }
    }

    /// A clawgate that calls it by its address, and knows its name and CA.
    fn command(&self) -> ClawgateCommand {
        ClawgateCommand::new(&self.pki)
            .upstream(format!("https://{}", self.upstream.address()))
            .arg("--upstream-ca", self.pki.file("upstream-ca.pem", self.ca.pem()))
            .arg("--upstream-server-name", self.name)
    }

    /// The same with a certificate to show.
    fn with_certificate(&self) -> ClawgateCommand {
        let (certificate, key) = self.pki.files("onward", &self.clawgate);
        self.command().arg("--upstream-cert", certificate).arg("--upstream-key", key)
    }
}

#[test]
fn an_upstream_that_asks_for_a_certificate_is_shown_clawgates_under_its_own_name() {
    let scene = Scene::new(Backend::ok());
    let clawgate = scene.with_certificate().start();

    for _ in 0..2 {
        assert_eq!(Client::new(&scene.pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    }

    let expected = (Some("claw.internal".to_owned()), scene.clawgate.fingerprint());
    assert_eq!(scene.upstream.seen(), [expected]);
    assert_eq!(scene.backend.received().len(), 2);
}

#[test]
fn an_upstream_that_misses_a_certificate_gets_no_request_and_the_line_says_what_to_set() {
    let scene = Scene::new(Backend::ok());
    let clawgate = scene.command().start();

    let answer = Client::new(&scene.pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
    let detail = clawgate.request()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("certificate_required") && detail.contains("upstream.certificate"),
        "{detail}"
    );
    assert_eq!(scene.backend.received().len(), 0);
}

#[test]
fn an_upstream_without_the_name_that_is_set_gets_no_request() {
    let mut scene = Scene::new(Backend::ok());
    scene.name = "claw.elsewhere";
    let clawgate = scene.with_certificate().start();

    let answer = Client::new(&scene.pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
    let detail = clawgate.request()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("claw.elsewhere") && detail.contains("claw.internal"), "{detail}");
    assert_eq!(scene.backend.received().len(), 0);
}

#[test]
fn the_upstream_of_a_route_is_called_by_its_own_name() {
    let scene = Scene::new(Backend::ok());
    let other = Mutual::new(&named(&scene.ca, "localhost"), &scene.ca, scene.backend.address());
    let config = format!(
        "[[route]]\npath = \"/a\"\nupstream = \"https://localhost:{}\"\n",
        other.address().port()
    );
    let clawgate = scene.with_certificate().arg("--config", scene.pki.file("gate.toml", config)).start();

    assert_eq!(Client::new(&scene.pki, &clawgate).post("/a", "{}").status, 200);

    assert_eq!(other.seen(), [(Some("localhost".to_owned()), scene.clawgate.fingerprint())]);
}

#[test]
fn a_reload_takes_the_cas_and_the_certificate_that_the_same_files_hold_now() {
    let latch = Latch::default();
    let scene = Scene::new(Backend::held(&latch));
    let clawgate = scene.with_certificate().start();
    let mut under_way = Client::new(&scene.pki, &clawgate).connect().unwrap();
    under_way.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    scene.backend.first();

    let next = Ca::root("Next Upstream Root");
    let renewed = Leaf::client("gate-2").issued_by(&next, &[]);
    scene.upstream.renew(&named(&next, "claw.internal"), &next);
    scene.pki.file("upstream-ca.pem", next.pem());
    scene.pki.files("onward", &renewed);
    clawgate.signal("HUP");
    let changed = clawgate.event("reloaded", 1)["changed"].clone();
    latch.open();

    assert_eq!(changed, serde_json::json!(["TLS to the upstream"]));
    assert_eq!(under_way.answer().status, 200);
    assert_eq!(Client::new(&scene.pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    let fingerprints: Vec<_> = scene.upstream.seen().into_iter().map(|(_, print)| print).collect();
    assert_eq!(fingerprints, [scene.clawgate.fingerprint(), renewed.fingerprint()]);
}

#[test]
fn a_reload_with_half_a_pair_changes_nothing() {
    let scene = Scene::new(Backend::ok());
    let clawgate = scene.with_certificate().start();
    let other = Leaf::client("gate-2").issued_by(&scene.ca, &[]);

    scene.pki.file("onward.pem", other.chain_pem());
    clawgate.signal("HUP");

    let line = clawgate.event("reload_failed", 1);
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("onward.key: does not match the certificate in"), "{detail}");
    assert_eq!(Client::new(&scene.pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    assert_eq!(scene.upstream.seen()[0].1, scene.clawgate.fingerprint());
}

#[test]
fn what_does_not_fit_together_is_refused_at_the_start() {
    let scene = Scene::new(Backend::ok());
    let (certificate, key) = scene.pki.files("onward", &scene.clawgate);
    let (_, other_key) = scene.pki.files("other", &Leaf::client("other").self_signed());
    let missing = scene.pki.dir().join("missing.key");
    let command = || scene.command();
    for (command, parts) in [
        (
            command().arg("--upstream-cert", &certificate),
            ["--upstream-cert\n    is set without its private key", "--upstream-key"],
        ),
        (
            command().arg("--upstream-key", &key),
            ["--upstream-key\n    is set without its certificate", "--upstream-cert"],
        ),
        (
            command().arg("--upstream-cert", &certificate).arg("--upstream-key", &other_key),
            ["--upstream-key", "other.key: does not match the certificate in"],
        ),
        (
            command().arg("--upstream-cert", &certificate).arg("--upstream-key", &missing),
            ["--upstream-key", "missing.key: cannot be read"],
        ),
        (
            command().arg("--upstream-cert", &key).arg("--upstream-key", &key),
            ["--upstream-cert", "onward.key: has no certificate: it has a private key"],
        ),
        (
            ClawgateCommand::new(&scene.pki)
                .upstream("echo:")
                .arg("--upstream-server-name", "claw.internal"),
            ["--upstream-server-name", "is for https upstreams"],
        ),
        (
            ClawgateCommand::new(&scene.pki)
                .upstream("echo:")
                .arg("--upstream-cert", &certificate)
                .arg("--upstream-key", &key),
            [
                "--upstream-cert\n    is for https upstreams",
                "--upstream-key\n    is for https upstreams",
            ],
        ),
    ] {
        let output = command.refused();

        assert_eq!(output.code, Some(78), "{output:?}");
        for part in parts {
            assert!(output.stderr.contains(part), "{part} is not in {}", output.stderr);
        }
    }
}
