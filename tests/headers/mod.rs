//! Headers that are removed, added and forwarded unchanged.

mod claims;

use rcgen::{DnType, SanType};

use crate::support::backend::{Backend, Received};
use crate::support::client::{Answer, Client};
use crate::support::pki::{Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;

/// Sends a POST with these fields from `identity` through a clawgate with `arguments`; what arrived.
fn arrives(pki: &Pki, identity: &Identity, arguments: &[(&str, &str)], fields: &str) -> Received {
    let backend = Backend::ok();
    let mut command = ClawgateCommand::new(pki).upstream(backend.url());
    for (flag, value) in arguments {
        command = command.arg(flag, *value);
    }
    let clawgate = command.start();
    let request =
        format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n{fields}\r\n{{}}");
    let answer = Client::with_identity(pki, &clawgate, identity).send(&request);
    assert_eq!(answer.status, 200, "{answer:?}");
    backend.first()
}

/// The same from the good client without further arguments.
fn passes(fields: &str) -> Received {
    let pki = Pki::new();
    arrives(&pki, &pki.client, &[], fields)
}

/// The names of all fields that arrived, in lower case.
fn names(received: &Received) -> Vec<String> {
    let fields = received.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    fields.map(|(name, _)| name.to_ascii_lowercase()).collect()
}

#[test]
fn clawgates_own_fields_are_there_once_with_what_was_verified() {
    let pki = Pki::new();
    let client = pki.client(Leaf::client("notes").serial(0x1234_abcd));
    let forged: String = ["CN", "Subject", "Issuer", "Serial", "Fingerprint", "San"]
        .iter()
        .map(|name| format!("X-Clawgate-Client-{name}: forged\r\nx_clawgate_client_{name}: forged\r\n"))
        .chain(["X-Clawgate-Principal: forged\r\nx_clawgate_principal: forged\r\n".to_owned()])
        .collect();

    let received = arrives(&pki, &client, &[], &forged);

    assert_eq!(received.values("x-clawgate-client-cn"), ["notes"]);
    assert_eq!(received.values("x-clawgate-client-subject"), ["O=Example,CN=notes"]);
    assert_eq!(received.values("x-clawgate-client-issuer"), ["CN=Test Intermediate"]);
    assert_eq!(received.values("x-clawgate-client-serial"), ["1234abcd"]);
    assert_eq!(received.values("x-clawgate-client-fingerprint"), [client.fingerprint()]);
    assert_eq!(received.values("x-clawgate-client-san"), ["dns:notes.example"]);
    let principal = format!("certificate=\"{}\"", client.fingerprint());
    assert_eq!(received.values("x-clawgate-principal"), [principal]);
    let own = names(&received).iter().filter(|name| name.contains("clawgate")).count();
    assert_eq!(own, 7, "{}", received.head);
}

#[test]
fn connection_cannot_name_away_what_clawgate_sets() {
    let pki = Pki::new();
    let token = pki.file("token", "the-hook-token");
    let fields = "Connection: X-Clawgate-Client-CN, Authorization, X-Request-Id, Host, Content-Length\r\n\
                  Authorization: Bearer forged\r\n";

    let arguments = [("--hook-token-file", token.to_str().unwrap())];
    let received = arrives(&pki, &pki.client, &arguments, fields);

    assert_eq!(received.values("x-clawgate-client-cn"), ["notes"]);
    assert_eq!(received.values("authorization"), ["Bearer the-hook-token"]);
    assert_eq!(received.values("x-request-id").len(), 1);
    assert_eq!(received.values("host"), ["localhost"]);
    assert_eq!(received.body, b"{}");
}

#[test]
fn the_request_id_is_clawgates_own_and_that_of_the_log() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let request = "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\n\
                   Content-Length: 0\r\n\r\n";

    Client::new(&pki, &clawgate).send(request);

    assert_eq!(backend.first().values("x-request-id"), [clawgate.request()["id"].as_str().unwrap()]);
}

#[test]
fn signatures_and_other_fields_pass_byte_for_byte() {
    let lines = [
        "x-hub-signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "stripe-signature: t=1492774577,  v1=5257a869e7,\tv1=aa ,v0=6ffbb59b2300aae6",
        "x-slack-signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "x-slack-request-timestamp: 1531420618",
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp: 1614265330",
        "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=  v1a,hnO3f9T8Ytu9HwrXslvumlU==",
        "svix-id: msg_1",
        "svix-timestamp: 1614265330",
        "svix-signature: v1,AA== v1,BB==",
        "x-github-delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "idempotency-key: \"a;b\"",
        "x-openclaw-idempotency-key: k",
        "content-type: application/json;  charset=utf-8",
        "user-agent: it's (me); \"quoted\", <angled>",
        "via: 1.1 relay",
        "x-empty: ",
    ];
    let received = passes(&format!("{}\r\n", lines.join("\r\n")));
    for line in lines {
        assert!(received.head.contains(&format!("\r\n{line}\r\n")), "{line:?} in {}", received.head);
    }
}

#[test]
fn repeated_fields_pass_one_by_one_in_their_order() {
    let received = passes("X-Two: b\r\nX-Other: x\r\nX-Two: a, c\r\nx-two: \r\nX-TWO: b\r\n");
    assert_eq!(received.values("x-two"), ["b", "a, c", "", "b"]);
}

#[test]
fn what_is_for_the_next_hop_only_does_not_arrive() {
    let received = passes(
        "Connection: X-Mine, keep-alive\r\nConnection: X-Yours\r\nX-Mine: a\r\nX-Yours: b\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\n\
         TE: trailers\r\nTrailer: X-Late\r\nHTTP2-Settings: AAMAAABk\r\nX-Ours: c\r\n",
    );
    let made = ["x-request-id", "traceparent"];
    let own = |name: &String| !name.starts_with("x-clawgate-") && !made.contains(&name.as_str());
    let mut left: Vec<_> = names(&received).into_iter().filter(own).collect();
    left.sort();
    assert_eq!(left, ["content-length", "host", "x-ours"]);
}

#[test]
fn trailers_of_a_request_are_dropped() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let request = "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nTrailer: X-Late\r\n\
                   Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX-Late: late\r\n\
                   X-Clawgate-Client-CN: late\r\n\r\n";

    // Trailers that got through would be read as the head of the next request.
    for _ in 0..2 {
        connection.write(request.as_bytes());
        assert_eq!(connection.answer().status, 200);
    }

    for received in backend.received() {
        assert_eq!(received.request_line(), "POST /hooks/wake HTTP/1.1");
        assert_eq!(received.connection, 0);
        assert_eq!(received.body, b"{}");
        assert!(!received.head.contains("late"), "{}", received.head);
        assert_eq!(received.value("te"), None);
        assert_eq!(received.value("trailer"), None);
    }
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn the_hosts_name_arrives_as_the_client_wrote_it() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    for host in ["Hooks.Example:8443", "127.0.0.1", "[::1]:8443", "localhost."] {
        let request = format!("POST /hooks/wake HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(Client::new(&pki, &clawgate).send(&request).status, 200);
        assert_eq!(backend.received().last().unwrap().values("host"), [host]);
    }
}

#[test]
fn the_hook_token_takes_the_place_of_whatever_the_client_gave() {
    let pki = Pki::new();
    let token = pki.file("token", "the-hook-token\n");
    let arguments = [("--hook-token-file", token.to_str().unwrap())];
    for fields in [
        "",
        "Authorization: Bearer mine\r\n",
        "Authorization: Bearer one\r\nauthorization: Basic eDp5\r\n",
        "X-OpenClaw-Token: mine\r\nX_OpenClaw_Token: mine\r\n",
        "Authorization: Bearer mine\r\nx-openclaw-token: mine\r\nX-OpenClaw-Token: mine\r\n",
    ] {
        let received = arrives(&pki, &pki.client, &arguments, fields);
        assert_eq!(received.values("authorization"), ["Bearer the-hook-token"], "{fields:?}");
        assert!(!names(&received).iter().any(|name| name.contains("openclaw")), "{fields:?}");
    }
}

#[test]
fn without_a_hook_token_the_clients_own_credentials_pass() {
    let received = passes("Authorization: Bearer  mine\r\nx-openclaw-token: mine too\r\n");
    assert_eq!(received.values("authorization"), ["Bearer  mine"]);
    assert_eq!(received.values("x-openclaw-token"), ["mine too"]);
}

#[test]
fn names_of_a_certificate_cannot_break_out_of_their_fields() {
    let pki = Pki::new();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let cn = "Zo\u{eb}, \"a\\b\"\r\nX-Evil: 1";
    let named = Leaf::client("x").with(|params| params.distinguished_name.push(DnType::CommonName, cn));
    let leaf = named.sans(vec![
        uri("spiffe://a,dns:evil.example"),
        uri("x:\"q\"\\\r\nX-Evil: 1"),
        SanType::DnsName("notes.example".try_into().unwrap()),
    ]);
    let client = pki.client(leaf);

    let received = arrives(&pki, &client, &[], "");

    assert_eq!(
        received.value("x-clawgate-client-cn"),
        Some(r#"Zo\C3\AB, "a\5Cb"\0D\0AX-Evil: 1"#),
        "{}",
        received.head
    );
    assert_eq!(
        received.value("x-clawgate-client-subject"),
        Some(r#"O=Example,CN=Zo\C3\AB\, \"a\\b\"\0D\0AX-Evil: 1"#)
    );
    assert_eq!(
        received.value("x-clawgate-client-san"),
        Some(r#"uri:spiffe://a\2Cdns:evil.example,uri:x:"q"\5C\0D\0AX-Evil: 1,dns:notes.example"#)
    );
    assert!(!names(&received).contains(&"x-evil".to_owned()));
}

#[test]
fn names_that_do_not_fit_are_left_out_whole() {
    let pki = Pki::new();
    let name = |i: usize| format!("{}{i}.example", "n".repeat(50));
    let sans = (0..40).map(|i| SanType::DnsName(name(i).try_into().unwrap())).collect();
    let client = pki.client(Leaf::client(&"c".repeat(600)).sans(sans));

    let received = arrives(&pki, &client, &[], "X-Clawgate-Client-CN: forged\r\n");

    let list = received.value("x-clawgate-client-san").unwrap();
    assert!(list.len() <= 1024, "{}", list.len());
    let all: Vec<_> = (0..40).map(|i| format!("dns:{}", name(i))).collect();
    let given: Vec<_> = list.split(',').collect();
    assert!(given.len() > 10 && given.len() < 40);
    assert_eq!(given, all[..given.len()]);
    // Half a name would be another name.
    assert_eq!(received.value("x-clawgate-client-cn"), None);
}

#[test]
fn an_answers_fields_pass_but_for_those_of_the_hop() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.write(
            b"HTTP/1.1 418 I'm a teapot\r\nConnection: X-Hop, keep-alive\r\nKeep-Alive: timeout=5\r\n\
              X-Hop: a\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nSet-Cookie: a=b; Path=/\r\n\
              X-Spaced: a,  b\r\nSet-Cookie: c=d\r\nRetry-After: 1\r\nServer: claw\r\n\
              X-Forwarded-For: kept\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Length: 2\r\n\r\nhi",
        );
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let Answer { status, mut headers, body } = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert_eq!((status, body.as_slice()), (418, &b"hi"[..]));
    headers.sort();
    let fields = [
        ("content-length", "2"),
        ("date", "Mon, 23 Nov 2026 12:00:00 GMT"),
        ("retry-after", "1"),
        ("server", "claw"),
        ("set-cookie", "a=b; Path=/"),
        ("set-cookie", "c=d"),
        ("x-forwarded-for", "kept"),
        ("x-spaced", "a,  b"),
    ];
    assert_eq!(headers, fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
