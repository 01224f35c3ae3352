//! Names that look like others, and names that cannot be read: rules, log and upstream agree on them.

use rcgen::{CustomExtension, DnType, SanType, SerialNumber};
use serde_json::Value;

use super::{admits, refuses, says};
use crate::support::backend::{Backend, Received};
use crate::support::client::Client;
use crate::support::pki::{Identity, Leaf, Pki, der};
use crate::support::process::{Clawgate, ClawgateCommand};

const ALL: &str = "clawgate,xfcc,ssl-client";

/// A clawgate that admits clients that `deny` does not match, and sends all identity headers to `backend`.
fn denying(pki: &Pki, backend: &Backend, deny: &str) -> Clawgate {
    let command = ClawgateCommand::new(pki).upstream(backend.url()).env("CLAWGATE_IDENTITY", ALL);
    command.arg("--allow", "any").arg("--deny", deny).start()
}

/// What arrives of a request from `identity`.
fn arrives(pki: &Pki, clawgate: &Clawgate, backend: &Backend, identity: &Identity) -> Received {
    admits(pki, clawgate, identity);
    backend.received().pop().unwrap()
}

/// A client with this subjectAltName, encoded.
fn with_san(encoded: Vec<u8>) -> Leaf {
    let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], encoded);
    Leaf::client("notes").sans(vec![]).extension(extension)
}

/// A client whose unit, eight letters of UTF-8, is what `encoded` says instead.
fn with_unit(pki: &Pki, encoded: [u8; 10]) -> Identity {
    let leaf = Leaf::client("notes")
        .with(|params| params.distinguished_name.push(DnType::OrganizationalUnitName, "replaced"));
    pki.intermediate.reissued(pki.client(leaf), b"\x0c\x08replaced", &encoded)
}

/// It is refused as malformed; the line that says so.
#[track_caller]
fn is_malformed(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> Value {
    let number = clawgate.events("handshake_failed").len() + 1;
    let error = Client::with_identity(pki, clawgate, identity).refused();
    assert!(error.to_string().contains("alert"), "{error}");
    let line = clawgate.event("handshake_failed", number);
    assert_eq!(line["reason"], "client_cert_malformed", "{line}");
    line
}

#[test]
fn a_space_at_an_end_of_a_name_reaches_the_upstream_and_the_log_as_it_does_the_rules() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = denying(&pki, &backend, "cn=admin");
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let admin = Leaf::client(" admin ").sans(vec![
        uri("spiffe://a/admin "),
        SanType::DnsName(" admin.example".try_into().unwrap()),
        SanType::Rfc822Name("admin@a ".try_into().unwrap()),
    ]);

    let received = arrives(&pki, &clawgate, &backend, &pki.client(admin));

    for (name, value) in [
        ("x-clawgate-client-cn", r"\20admin\20"),
        ("x-clawgate-client-subject", r"O=Example,CN=\20admin\20"),
        ("x-clawgate-client-san", r"uri:spiffe://a/admin\20,dns:\20admin.example,email:admin@a\20"),
        ("x-ssl-client-cn", r"\20admin\20"),
        ("x-ssl-client-s-dn", r"O=Example,CN=\ admin\20"),
    ] {
        assert!(
            received.head.contains(&format!("\r\n{name}: {value}\r\n")),
            "{name}: {}",
            received.head
        );
    }
    let xfcc = received.value("x-forwarded-client-cert").unwrap();
    assert!(xfcc.ends_with(r#";Subject="O=Example,CN=\20admin\20""#), "{xfcc}");
    let line = clawgate.request();
    assert_eq!(
        (&line["cn"], &line["san"]),
        (&r"\20admin\20".into(), &r"uri:spiffe://a/admin\20".into())
    );

    let line = refuses(&pki, &clawgate, &pki.client(Leaf::client("admin")));
    says(&line, "detail", &["cn=admin"]);
}

#[test]
fn a_rule_distinguishes_a_name_from_one_with_a_trailing_space() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--allow", "cn=\"admin \"").start();

    admits(&pki, &clawgate, &pki.client(Leaf::client("admin ")));
    let line = refuses(&pki, &clawgate, &pki.client(Leaf::client("admin")));
    says(&line, "detail", &[r#"[cn="admin "]"#, "it has cn=admin"]);
    let line = refuses(&pki, &clawgate, &pki.client(Leaf::client("admin  ")));
    says(&line, "detail", &[r"it has cn=admin \20"]);
}

#[test]
fn a_common_name_is_escaped_in_the_request_lines_of_an_admitted_client() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let san = SanType::URI("spiffe://a/\r\n\u{1b}[2J".try_into().unwrap());
    let cn = "a\r\n\u{1b}[2J\\\u{202e}é";
    let named = Leaf::client("x").with(|params| params.distinguished_name.push(DnType::CommonName, cn));
    let client = pki.client(named.sans(vec![san]));

    admits(&pki, &clawgate, &client);

    let line = clawgate.request();
    assert_eq!(line["cn"], r"a\0D\0A\1B[2J\\\E2\80\AEé");
    assert_eq!(line["san"], r"uri:spiffe://a/\0D\0A\1B[2J");
}

#[test]
fn a_certificate_whose_names_cannot_be_read_whole_is_refused() {
    let pki = Pki::new();
    let dns = der(0x82, b"notes.example");
    let list = |names: &[&[u8]]| der(0x30, &names.concat());
    let twice = |params: &mut rcgen::CertificateParams| {
        let again = params.custom_extensions[0].clone();
        params.custom_extensions.push(again);
    };
    let common_name = |encoded: &[u8]| {
        let client = pki.client(Leaf::client("replaced"));
        pki.intermediate.reissued(client, b"\x0c\x08replaced", encoded)
    };
    let number = SerialNumber::from_slice(&[0x11; 65]);
    let numbered = Leaf::client("notes").with(|params| params.serial_number = Some(number));
    let mut followed = pki.client(Leaf::client("notes"));
    followed.chain[0].push(0);
    let unreadable = [
        ("organizational unit", with_unit(&pki, *b"\x1c\x08\xff\xff\xff\xff\0\0\0a")),
        ("organizational unit", with_unit(&pki, *b"\x1e\x08\xd8\0\0a\0b\0c")),
        ("organizational unit", with_unit(&pki, *b"\x04\x08replaced")),
        ("common name", common_name(b"\x0c\x08replace\xff")),
        ("common name", common_name(b"\x1c\x08\0\0\0a\0\x11\0\0")),
        ("subject is not encoded as a name", common_name(b"\x0c\x04repl\x0c\x02ce")),
        ("alternative names", pki.client(with_san(list(&[&dns, b"\x82\x7fx"])))),
        ("alternative names", pki.client(with_san(list(&[&dns, b"\x82"])))),
        ("alternative names", pki.client(with_san(list(&[&dns, b"\x0c\x01x"])))),
        ("alternative names", pki.client(with_san(list(&[&dns, b"\xa2\x03\x16\x01x"])))),
        ("alternative names", pki.client(with_san(list(&[&dns, b"\x87\x05\x7f\0\0\x01\0"])))),
        ("alternative names", pki.client(with_san(list(&[&dns, b"\x86\x01\xff"])))),
        ("alternative names", pki.client(with_san([list(&[&dns]), vec![5, 0]].concat()))),
        ("alternative names", pki.client(with_san(dns.clone()))),
        ("alternative names", pki.client(with_san(list(&[&dns])).with(twice))),
        ("more than 64 octets", pki.client(numbered)),
        ("1 bytes that are not part of it", followed),
    ];
    for deny in [None, Some("ou=Trial")] {
        let mut command = ClawgateCommand::new(&pki).upstream("echo:");
        if let Some(rule) = deny {
            command = command.arg("--allow", "any").arg("--deny", rule);
        }
        let clawgate = command.start();
        for (what, identity) in &unreadable {
            let line = is_malformed(&pki, &clawgate, identity);
            says(&line, "detail", &[what]);
        }
        admits(&pki, &clawgate, &pki.client(with_san(list(&[&dns]))));
    }
}

#[test]
fn names_are_read_in_each_type_of_string() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = denying(&pki, &backend, "ou=Tr");

    let line = refuses(&pki, &clawgate, &with_unit(&pki, *b"\x1c\x08\0\0\0T\0\0\0r"));
    says(&line, "detail", &["ou=Tr"]);
    for (encoded, unit) in [
        (*b"\x1c\x08\0\x01\xf9\x80\0\0\0r", r"\F0\9F\A6\80r"),
        (*b"\x1e\x08\0T\0\xeb\0r\0s", r"T\C3\ABrs"),
        (*b"\x14\x08T\xebr     ", r"T\C3\ABr    \20"),
        (*b"\x13\x08replace*", "replace*"),
    ] {
        let received = arrives(&pki, &clawgate, &backend, &with_unit(&pki, encoded));
        let subject = received.value("x-clawgate-client-subject").unwrap();
        assert!(subject.contains(&format!("OU={unit}")), "{unit}: {subject}");
    }
}

#[test]
fn a_negative_serial_number_is_not_the_positive_one_of_the_same_digits() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let positive = pki.client(Leaf::client("notes").serial(0xff));
    let negative = pki.client(Leaf::client("notes").serial(0x7f01));
    let negative = pki.intermediate.reissued(negative, b"\x02\x02\x7f\x01", b"\x02\x02\xff\x01");
    let list = pki.file("denied", "serial=ff, issuer=CN=Test Intermediate\n");
    let by_rule = denying(&pki, &backend, "serial=FF");
    let by_list = ClawgateCommand::new(&pki).upstream("echo:").arg("--denylist", list).start();

    let received = arrives(&pki, &by_rule, &backend, &negative);
    assert_eq!(received.value("x-clawgate-client-serial"), Some("-ff"));
    assert_eq!(received.value("x-ssl-client-serial"), Some("-FF"));
    refuses(&pki, &by_rule, &positive);
    admits(&pki, &by_list, &negative);
    let refusal = Client::with_identity(&pki, &by_list, &positive).refusal();
    assert_eq!(refusal.alert, "certificate_revoked");

    let by_rule = denying(&pki, &backend, "serial=-00:ff");
    let line = refuses(&pki, &by_rule, &negative);
    assert_eq!(line["client_cert"]["serial"], "-ff", "{line}");
    let received = arrives(&pki, &by_rule, &backend, &positive);
    assert_eq!(received.value("x-clawgate-client-serial"), Some("ff"));
}

#[test]
fn a_long_serial_number_is_not_cut() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let serial = |last: u8| [&[0x11; 29][..], &[last]].concat();
    let of = |last| {
        let number = SerialNumber::from_slice(&serial(last));
        pki.client(Leaf::client("notes").with(|params| params.serial_number = Some(number)))
    };
    let clawgate = denying(&pki, &backend, &format!("serial={}12", "11".repeat(29)));

    let received = arrives(&pki, &clawgate, &backend, &of(0x13));
    assert_eq!(received.value("x-clawgate-client-serial"), Some(&*format!("{}13", "11".repeat(29))));
    let line = refuses(&pki, &clawgate, &of(0x12));
    assert_eq!(line["client_cert"]["serial"], format!("{}12", "11".repeat(29)));
}
