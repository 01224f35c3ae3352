//! Each form of the identity headers, parsed by code that is not clawgate's.

use std::io::Write;
use std::process::{Command, Stdio};

use rcgen::{CustomExtension, DnType, SanType};
use serde_json::Value;

use crate::support::backend::{Backend, Received};
use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;

const ALL: &str = "clawgate,client-cert,client-cert-chain,xfcc,ssl-client";

/// What arrives of a POST from `identity` through a clawgate that tells the upstream so.
fn told(pki: &Pki, identity: &Identity, forms: &str) -> Received {
    told_with(pki, identity, forms, "")
}

fn told_with(pki: &Pki, identity: &Identity, forms: &str, fields: &str) -> Received {
    let backend = Backend::ok();
    let clawgate =
        ClawgateCommand::new(pki).upstream(backend.url()).env("CLAWGATE_IDENTITY", forms).start();
    let request =
        format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n{fields}\r\n{{}}");
    let answer = Client::with_identity(pki, &clawgate, identity).send(&request);
    assert_eq!(answer.status, 200, "{answer:?}");
    backend.first()
}

/// Runs a Python program on `input`; its output as JSON.
fn python(program: &str, input: &str) -> Value {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// RFC 8941 section 4.2, as far as a list of byte sequences goes; SHA-256 of each.
const BYTE_SEQUENCES: &str = r#"
import base64, hashlib, json, re, sys
items = []
rest = sys.stdin.read()
while rest:
    match = re.match(r':([A-Za-z0-9+/=]*):', rest)
    assert match, rest
    items.append(base64.b64decode(match.group(1), validate=True))
    rest = rest[match.end():]
    if rest:
        comma = re.match(r'[ \t]*,[ \t]*(?=:)', rest)
        assert comma, rest
        rest = rest[comma.end():]
print(json.dumps([hashlib.sha256(item).hexdigest() for item in items]))
"#;

fn sha256(der: &[u8]) -> String {
    clawgate::identity::sha256(der)
}

#[test]
fn client_cert_is_the_clients_certificate_and_its_chain_what_leads_up_from_it() {
    let pki = Pki::new();
    let above = pki.intermediate.intermediate("Issuing CA");
    let stranger = Ca::root("Stranger");
    // It also sends an unrelated certificate, and the root, which clawgate has itself.
    let sent = [&stranger, &above, &pki.intermediate, &pki.root];
    let client = Leaf::client("notes").issued_by(&above, &sent);

    let received = told(&pki, &client, "client-cert,client-cert-chain");

    let leaf = python(BYTE_SEQUENCES, received.value("client-cert").unwrap());
    assert_eq!(leaf, serde_json::json!([client.fingerprint()]));
    let chain = python(BYTE_SEQUENCES, received.value("client-cert-chain").unwrap());
    let expected = [&above, &pki.intermediate].map(|ca| sha256(ca.certificate.der()));
    assert_eq!(chain, serde_json::json!(expected));
    assert_eq!(received.value("x-clawgate-client-cn"), None, "it was not asked for");
}

#[test]
fn openssl_reads_the_certificate_of_client_cert() {
    let pki = Pki::new();
    let received = told(&pki, &pki.client, "client-cert");

    let base64 = received.value("client-cert").unwrap().trim_matches(':');
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(pki.file("arrived.pem", pem))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let fingerprint = text.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(fingerprint, pki.client.fingerprint());
}

#[test]
fn a_chain_of_nothing_but_the_leaf_is_no_field() {
    let pki = Pki::new();
    let client = Leaf::client("notes").issued_by(&pki.root, &[]);
    let received = told(&pki, &client, "client-cert,client-cert-chain");
    assert!(received.value("client-cert").is_some());
    assert_eq!(received.value("client-cert-chain"), None);
}

/// Envoy's grammar: pairs between `;`, quotes around values with delimiters, `\"` for a quote in them.
const XFCC: &str = r#"
import hashlib, json, re, ssl, sys, urllib.parse
rest = sys.stdin.read()
pairs = []
while True:
    match = re.match(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=]*))(;|$)', rest)
    assert match, rest
    value = match.group(3) if match.group(2) is None else match.group(2).replace('\\"', '"')
    key = match.group(1)
    if key in ("Cert", "Chain"):
        pem = urllib.parse.unquote(value)
        end = "-----END CERTIFICATE-----\n"
        blocks = [block + end for block in pem.split(end)[:-1]]
        assert "".join(blocks) == pem, pem
        value = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks]
    pairs.append([key, value])
    rest = rest[match.end():]
    if not match.group(4):
        break
print(json.dumps(pairs))
"#;

#[test]
fn xfcc_reads_as_envoys_does_with_all_of_its_keys() {
    let pki = Pki::new();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
    let client = pki.client(
        Leaf::client("x")
            .with(|params| {
                params.distinguished_name.push(DnType::CommonName, "a;b=\"c\", \\");
            })
            .sans(vec![uri("spiffe://example/notes;a=1,2"), dns("a.example"), dns("b.example")]),
    );

    let received = told(&pki, &client, "xfcc");

    let pairs = python(XFCC, received.value("x-forwarded-client-cert").unwrap());
    let expected = serde_json::json!([
        ["Hash", client.fingerprint()],
        ["Cert", [client.fingerprint()]],
        ["Chain", [client.fingerprint(), sha256(pki.intermediate.certificate.der())]],
        ["Subject", r#"O=Example,CN=a\3Bb=\22c\22\2C \5C"#],
        ["URI", "spiffe://example/notes;a=1,2"],
        ["DNS", "a.example"],
        ["DNS", "b.example"],
    ]);
    assert_eq!(pairs, expected);
}

#[test]
fn xfcc_names_clawgate_by_the_uri_of_its_own_certificate() {
    let mut pki = Pki::new();
    let mut leaf = Leaf::server();
    leaf.params.subject_alt_names.push(SanType::URI("spiffe://example/gate".try_into().unwrap()));
    pki.server = leaf.issued_by(&pki.intermediate, &[&pki.intermediate]);

    let received = told(&pki, &pki.client, "xfcc");

    let pairs = python(XFCC, received.value("x-forwarded-client-cert").unwrap());
    assert_eq!(pairs[0], serde_json::json!(["By", "spiffe://example/gate"]));
}

#[test]
fn ssl_client_says_what_nginx_would_say() {
    let mut pki = Pki::new();
    let mut params = Ca::params("Zoë's CA");
    params.distinguished_name.push(DnType::OrganizationName, "Example, \"Inc.\" ");
    pki.intermediate = pki.root.intermediate_of(params);
    pki.server = Leaf::server().issued_by(&pki.intermediate, &[&pki.intermediate]);
    let client = pki.client(Leaf::client("notes").serial(0x1234_abcd).with(|params| {
        let name = &mut params.distinguished_name;
        name.push(DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]), "zoë@example.org");
        name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), "#VAT <1>;2+");
        name.push(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999]), "of no name");
    }));
    let (certificate, _) = pki.files("client", &client);

    let received = told(&pki, &client, "ssl-client");

    let openssl = |what: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(["x509", "-noout", "-nameopt", "RFC2253", "-in"]).arg(&certificate).args(what);
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        text.trim().split_once('=').unwrap().1.to_owned()
    };
    let dn = openssl(&["-subject"]);
    assert!(dn.contains("1.3.6.1.4.1.99999=#") && dn.contains(r"\#VAT \<1\>\;2\+"), "{dn}");
    let issuer = openssl(&["-issuer"]);
    assert!(issuer.contains(r#"O=Example\, \"Inc.\"\ ,CN=Zo\C3\AB"#), "{issuer}");
    let sha1 = openssl(&["-fingerprint", "-sha1"]).replace(':', "");
    let value = |name: &str| received.value(&format!("x-ssl-client-{name}")).unwrap().to_owned();
    assert_eq!(value("verify"), "SUCCESS");
    assert_eq!(value("s-dn"), openssl(&["-subject"]));
    assert_eq!(value("i-dn"), openssl(&["-issuer"]));
    assert_eq!(value("cn"), "notes");
    assert_eq!(value("serial"), openssl(&["-serial"]));
    assert_eq!(value("serial"), "1234ABCD");
    assert_eq!(value("fingerprint"), sha1.to_lowercase());
    assert_eq!(value("sha1"), sha1);
}

#[test]
fn no_field_of_any_form_can_be_forged_whether_it_is_on_or_off() {
    let pki = Pki::new();
    let own = ["host", "content-length", "x-request-id", "traceparent"];
    let honest = told(&pki, &pki.client, ALL);
    let names: Vec<_> = honest.head.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
    let names: Vec<_> = names.iter().map(|(name, _)| *name).filter(|name| !own.contains(name)).collect();
    assert_eq!(names.len(), 7 + 7 + 3, "{names:?}");
    let more =
        ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "forwarded"];
    let mut forged = String::new();
    for name in names.iter().chain(&more) {
        let underscored = name.replace('-', "_");
        for name in [(*name).to_owned(), name.to_uppercase(), underscored] {
            forged.push_str(&format!("{name}: forged\r\n"));
        }
    }

    for forms in [ALL, "clawgate", "client-cert", "ssl-client"] {
        let received = told_with(&pki, &pki.client, forms, &forged);
        assert!(!received.head.contains("forged"), "{forms}: {}", received.head);
        for name in more {
            assert_eq!(received.value(name), None, "{forms}: {}", received.head);
        }
        let arrived = names.iter().filter(|name| received.value(name).is_some()).count();
        assert_eq!(arrived == names.len(), forms == ALL, "{forms}: {}", received.head);
    }
}

#[test]
fn a_reload_changes_the_identity_headers_on_open_connections() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let settings = |forms: &str| format!("upstream.identity = [{forms}]\n");
    let file = pki.file("gate.toml", settings("\"clawgate\""));
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--config", file).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let mut told = |number: usize| {
        assert!(post(&mut connection), "request {number}");
        let received = backend.received().pop().unwrap();
        ["x-clawgate-client-cn", "client-cert", "x-ssl-client-cn"]
            .map(|name| received.value(name).is_some())
    };

    assert_eq!(told(0), [true, false, false]);
    let changes = [
        ("\"client-cert\"", [false, true, false]),
        ("\"ssl-client\", \"clawgate\"", [true, false, true]),
        ("\"clawgate\"", [true, false, false]),
    ];
    for (number, (forms, expected)) in changes.into_iter().enumerate() {
        pki.file("gate.toml", settings(forms));
        clawgate.signal("HUP");
        clawgate.event("reloaded", number + 1);
        assert_eq!(told(number + 1), expected, "{forms}");
    }
}

fn post(connection: &mut crate::support::client::Connection) -> bool {
    connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    connection.answer().status == 200
}

#[test]
fn routes_may_have_their_own_identity_headers() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let file = pki.file(
        "gate.toml",
        "upstream.identity = \"ssl-client\"\n[[route]]\npath = \"/hooks/\"\n\
         [[route]]\npath = \"/other/\"\nidentity = [\"client-cert\"]\n",
    );
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--config", file).start();

    for (path, name) in [("/hooks/x", "x-ssl-client-cn"), ("/other/x", "client-cert")] {
        assert_eq!(Client::new(&pki, &clawgate).post(path, "{}").status, 200);
        let received = backend.received().pop().unwrap();
        let told = |name: &&str| received.value(name).is_some();
        let names = ["x-ssl-client-cn", "client-cert", "x-clawgate-client-cn"];
        assert_eq!(names.into_iter().filter(told).collect::<Vec<_>>(), [name], "{path}");
    }
}

#[test]
fn a_chain_that_is_too_large_is_left_out_and_that_is_said_once() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let large = large_ca(&pki);
    let client = Leaf::client("notes").issued_by(&large, &[&large]);
    let mut clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .env("CLAWGATE_IDENTITY", "client-cert,client-cert-chain")
        .start();
    for _ in 0..3 {
        let client = Client::with_identity(&pki, &clawgate, &client);
        assert_eq!(client.post("/hooks/wake", "{}").status, 200);
    }

    for received in backend.received() {
        assert!(received.value("client-cert").is_some(), "{}", received.head);
        assert_eq!(received.value("client-cert-chain"), None, "{}", received.head);
    }
    let said = clawgate.event("identity_left_out", 1);
    assert_eq!(said["left_out"], serde_json::json!(["client-cert-chain"]));
    assert_eq!(said["fingerprint_sha256"], client.fingerprint());
    clawgate.event("request", 3);
    assert_eq!(clawgate.all("identity_left_out").len(), 1);
}

/// A CA whose certificate is too large for a header field.
fn large_ca(pki: &Pki) -> Ca {
    let mut params = Ca::params("Large CA");
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![4; 6 * 1024]);
    params.custom_extensions.push(extension);
    pki.root.intermediate_of(params)
}

#[test]
fn a_certificate_that_is_too_large_takes_its_chain_along() {
    let pki = Pki::new();
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![4; 6 * 1024]);
    let client = pki.client(Leaf::client("notes").extension(extension));

    let received = told(&pki, &client, "client-cert,client-cert-chain,ssl-client,xfcc");

    assert_eq!(received.value("client-cert"), None);
    assert_eq!(received.value("client-cert-chain"), None, "a chain of nothing");
    assert_eq!(received.value("x-ssl-client-cn"), Some("notes"));
    let pairs = python(XFCC, received.value("x-forwarded-client-cert").unwrap());
    assert_eq!(pairs[0], serde_json::json!(["Hash", client.fingerprint()]));
    assert_eq!(pairs[1][0], "Subject", "{pairs}");
}

#[test]
fn a_head_that_outgrows_the_upstream_is_refused_here() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate =
        ClawgateCommand::new(&pki).upstream(backend.url()).env("CLAWGATE_IDENTITY", ALL).start();
    let with = |bytes: usize| {
        let padding = "p".repeat(bytes);
        format!("POST /hooks/x HTTP/1.1\r\nHost: a\r\nX-Pad: {padding}\r\nContent-Length: 0\r\n\r\n")
    };

    assert_eq!(Client::new(&pki, &clawgate).send(&with(4 * 1024)).status, 200);
    let refused = Client::new(&pki, &clawgate).send(&with(12_100));

    assert_eq!((refused.status, refused.reason().as_str()), (431, "headers_too_large"));
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn nothing_is_said_of_where_a_client_on_this_machine_is() {
    let pki = Pki::new();
    for how in ["x-forwarded", "rfc7239", "off"] {
        let backend = Backend::ok();
        let clawgate =
            ClawgateCommand::new(&pki).upstream(backend.url()).arg("--forwarded", how).start();
        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
        assert!(!backend.first().head.to_lowercase().contains("forwarded"), "{how}");
    }
}

#[test]
fn check_says_what_openclaw_will_not_take() {
    let pki = Pki::new();
    let check = |flag: &str, value: &str| {
        let (certificate, key) = pki.files("server", &pki.server);
        let output = ClawgateCommand::bare("check")
            .arg("--cert", certificate)
            .arg("--key", key)
            .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
            .arg(flag, value)
            .output();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout + &output.stderr
    };
    let trusted = "gateway.trustedProxies: [\"127.0.0.1\"]";
    assert!(check("--forwarded", "x-forwarded").contains(trusted));
    assert!(check("--forwarded", "rfc7239").contains("use x-forwarded"));
    assert!(check("--identity", "xfcc").contains("use client-cert"));
    let quiet = check("--identity", "client-cert");
    assert!(!quiet.contains("OpenClaw answers 403") && quiet.contains("identity headers: client-cert"));
}
