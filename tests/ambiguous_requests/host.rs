//! The host of a request: in Host, in an absolute target, and in the handshake.

use rcgen::SanType;

use super::{Scene, to};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

#[test]
fn a_request_has_one_host_and_it_is_a_host() {
    let mut scene = Scene::new();
    for fields in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nX: y\r\nhost: other.example\r\n",
        "Host: user@localhost\r\n",
        "Host: user:secret@localhost\r\n",
        "Host: local host\r\n",
        "Host: localhost/hooks\r\n",
        "Host: \r\n",
        "Host: :8443\r\n",
        "Host: localhost:80x\r\n",
        "Host: localhost:\r\n",
        "Host: localhost:65536\r\n",
        "Host: localhost:80:80\r\n",
        "Host: localhost,evil.example\r\n",
        "Host: localhost;evil\r\n",
        "Host: localhost%00.example\r\n",
        "Host: localhost..\r\n",
        "Host: .localhost\r\n",
        "Host: {localhost}\r\n",
        "Host: *\r\n",
        "Host: 127.1\r\n",
        "Host: 0x7f000001\r\n",
        "Host: 127.0.0.1.\r\n",
        "Host: [::1\r\n",
        "Host: [::1]80\r\n",
        "Host: [::1%25lo]\r\n",
        "Host: [127.0.0.1]\r\n",
        "Host: ::1\r\n",
        "Host: b\u{fc}cher.example\r\n",
    ] {
        let request = format!("POST /hooks/wake HTTP/1.1\r\n{fields}Content-Length: 0\r\n\r\n");
        scene.refuses(request, 400, "bad_host");
    }
    scene.refuses("POST /hooks/wake HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 400, "bad_host");
}

#[test]
fn an_absolute_target_must_agree_with_the_host_and_arrives_as_a_path() {
    let mut scene = Scene::new();

    scene.refuses(to("http://other.example/hooks/wake"), 400, "bad_host");
    scene.refuses(to("http://user@localhost/hooks/wake"), 400, "bad_host");
    for host in ["localhost:80x", "localhost:65536", "localhost,evil.example", "localhost:", "127.1"] {
        let alike = format!(
            "POST http://{host}/hooks/wake HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
        );
        scene.refuses(alike, 400, "bad_host");
    }
    scene.refuses(to("http://localhost/hooks/../wake"), 400, "bad_path");

    let answer = Client::new(&scene.pki, &scene.clawgate).send(&to("https://localhost/hooks/wake?a=b"));
    assert_eq!(answer.status, 200);
    assert_eq!(scene.backend.first().request_line(), "POST /hooks/wake?a=b HTTP/1.1");
    assert_eq!(scene.backend.first().value("host"), Some("localhost"));
}

#[test]
fn a_host_other_than_the_handshakes_is_misdirected_where_the_certificate_has_several() {
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let ask = |pki: &Pki, clawgate: &Clawgate, host: &str| {
        let request = format!("POST /hooks/wake HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        Client::new(pki, clawgate).named("a.example").send(&request)
    };
    for (names, status) in [(vec!["a.example", "b.example"], 421), (vec!["a.example"], 200)] {
        let mut pki = Pki::new();
        let names = names.into_iter().map(dns).collect();
        pki.server = Leaf::server().sans(names).issued_by(&pki.intermediate, &[&pki.intermediate]);
        let backend = Backend::ok();
        let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

        let answer = ask(&pki, &clawgate, "b.example:8443");

        assert_eq!(answer.status, status);
        if status == 421 {
            assert_eq!(answer.reason(), "misdirected_request");
            assert_eq!(clawgate.request()["reason"], "misdirected_request");
            assert_eq!(backend.connections(), 0);
        }
        assert_eq!(ask(&pki, &clawgate, "A.example.:8443").status, 200);
    }
}

#[test]
fn a_host_other_than_the_handshakes_is_misdirected_where_the_certificate_has_a_wildcard() {
    let mut pki = Pki::new();
    let wildcard = vec![SanType::DnsName("*.example.org".try_into().unwrap())];
    pki.server = Leaf::server().sans(wildcard).issued_by(&pki.intermediate, &[&pki.intermediate]);
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let ask = |host: &str| {
        let request = format!("POST /hooks/wake HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        Client::new(&pki, &clawgate).named("a.example.org").send(&request)
    };

    let answer = ask("b.example.org");

    assert_eq!((answer.status, &*answer.reason()), (421, "misdirected_request"));
    assert_eq!(clawgate.request()["reason"], "misdirected_request");
    assert_eq!(backend.connections(), 0);
    assert_eq!(ask("a.example.org").status, 200);
}
