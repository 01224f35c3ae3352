//! A PROXY header before each request to the upstream, parsed by code that is not clawgate's.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use rcgen::DnType;
use serde_json::{Value, json};

use super::haproxy::Haproxy;
use super::{V1, v2_ipv6};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{relay, unused_port};

/// Answers each request with what the header before it said, TLVs and all.
const READER: &str = r#"
import contextlib, ipaddress, json, socket, struct, sys, threading

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82f63b78 if crc & 1 else crc >> 1
    return crc ^ 0xffffffff

def some(connection, count=65536):
    piece = connection.recv(count)
    if not piece:
        raise EOFError
    return piece

def exactly(connection, count):
    data = b""
    while len(data) < count:
        data += some(connection, count - len(data))
    return data

def tlvs(data):
    found = []
    while data:
        kind, length = struct.unpack(">BH", data[:3])
        assert len(data) >= 3 + length
        found.append((kind, data[3:3 + length]))
        data = data[3 + length:]
    return found

NAMES = {1: "alpn", 2: "authority", 5: "unique_id", 0x21: "version", 0x22: "cn", 0x23: "cipher",
         0x24: "sig_alg", 0x25: "key_alg"}

def header(connection):
    head = exactly(connection, 16)
    assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n", head
    command, family, length = struct.unpack(">BBH", head[12:])
    block = exactly(connection, length)
    size = {0x11: 4, 0x21: 16}[family]
    source, destination = block[:size], block[size:2 * size]
    ports = struct.unpack(">HH", block[2 * size:2 * size + 4])
    said = {
        "command": command, "source": [str(ipaddress.ip_address(source)), ports[0]],
        "destination": [str(ipaddress.ip_address(destination)), ports[1]],
    }
    for kind, value in tlvs(block[2 * size + 4:]):
        if kind == 3:
            whole = head + block
            said["crc"] = crc32c(whole.replace(value, b"\0" * 4)) == int.from_bytes(value, "big")
        elif kind == 0x20:
            said["client"], said["verify"] = struct.unpack(">BI", value[:5])
            said.update((NAMES[kind], text.decode()) for kind, text in tlvs(value[5:]))
        else:
            said[NAMES[kind]] = value.decode()
    return said

def serve(connection, number):
    # clawgate may end the connection at any time, also before it has sent anything.
    with connection, contextlib.suppress(ConnectionError, EOFError):
        said = header(connection) | {"connection": number}
        rest = b""
        count = 0
        while True:
            while b"\r\n\r\n" not in rest:
                rest += some(connection)
            head, rest = rest.split(b"\r\n\r\n", 1)
            count += 1
            fields = [line.split(b":", 1) for line in head.split(b"\r\n")[1:]]
            fields = {name.lower().decode(): value.strip().decode() for name, value in fields}
            while len(rest) < int(fields.get("content-length", 0)):
                rest += some(connection)
            rest = rest[int(fields.get("content-length", 0)):]
            if "transfer-encoding" in fields:
                while b"0\r\n\r\n" not in rest:
                    rest += some(connection)
                rest = rest.split(b"0\r\n\r\n", 1)[1]
            told = said | {"requests": count, "id": fields["x-request-id"], "wants": fields.get("connection"),
                           "who": fields.get("x-clawgate-client-cn")}
            body = json.dumps(told).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for number in range(1000):
    threading.Thread(target=serve, args=(listener.accept()[0], number), daemon=True).start()
"#;

/// The upstream that reads headers.
struct Reader {
    child: Child,
    address: SocketAddr,
}

impl Reader {
    fn start() -> Self {
        let mut command = Command::new("python3");
        let mut child = command.args(["-c", READER]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = format!("127.0.0.1:{}", line.trim()).parse().unwrap();
        Self { child, address }
    }

    fn clawgate(&self, pki: &Pki) -> Clawgate {
        command(pki, &format!("http://{}", self.address)).start()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(pki: &Pki, upstream: &str) -> ClawgateCommand {
    ClawgateCommand::new(pki).arg("--upstream", upstream).arg("--upstream-proxy-protocol", "v2")
}

const POST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn the_proxy_header_has_addresses_name_and_tls_of_the_client() {
    let pki = Pki::new();
    let reader = Reader::start();
    let clawgate = reader.clawgate(&pki);
    let client = pki.client(Leaf::client("x").with(|params| {
        params.distinguished_name.push(DnType::CommonName, "Zo\u{eb}, notes");
    }));
    let client = Client::with_identity(&pki, &clawgate, &client).named("localhost").alpn(&["http/1.1"]);
    let mut connection = client.connect().unwrap();
    connection.write(POST);
    let told = connection.answer().json();

    let at = |address: SocketAddr| json!([address.ip().to_string(), address.port()]);
    assert_eq!(told["command"], 0x21);
    assert_eq!(told["source"], at(connection.stream.sock.local_addr().unwrap()));
    assert_eq!(told["destination"], at(clawgate.address()));
    assert_eq!(told["crc"], true);
    assert_eq!(told["alpn"], "http/1.1");
    assert_eq!(told["authority"], "localhost");
    let id = told["unique_id"].as_str().unwrap();
    assert_eq!(told["id"], format!("{id}-1"));
    assert_eq!((&told["client"], &told["verify"]), (&json!(7), &json!(0)));
    assert_eq!(told["version"], "TLSv1.3");
    assert_eq!(told["cn"], "Zo\u{eb}, notes");
    let suite = connection.stream.conn.negotiated_cipher_suite().unwrap();
    let suite = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
    assert_eq!(told["cipher"], suite);
    assert_eq!(told["sig_alg"], "ecdsa-with-SHA256");
    assert_eq!(told["key_alg"], "EC256");
}

#[test]
fn what_is_not_known_is_not_said() {
    let pki = Pki::new();
    let reader = Reader::start();
    let clawgate = reader.clawgate(&pki);
    let nameless = pki.client(Leaf::client("x").with(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
    }));
    let client = Client::with_versions(&pki, &clawgate, Some(&nameless), &[&rustls::version::TLS12]);
    let told = client.named("127.0.0.1").post("/hooks/wake", "{}").json();
    assert_eq!(told["version"], "TLSv1.2");
    for name in ["cn", "alpn", "authority"] {
        assert_eq!(told.get(name), None, "{told}");
    }
}

#[test]
fn a_resumed_session_showed_its_certificate_before() {
    let pki = Pki::new();
    let reader = Reader::start();
    let clawgate = reader.clawgate(&pki);
    let client = Client::new(&pki, &clawgate);
    let read = |client: &Client| client.clone().post("/hooks/wake", "{}").json()["client"].clone();
    assert_eq!(read(&client), 7);
    assert!(clawgate.event("request", 1)["resumed"].is_null());
    assert_eq!(read(&client), 5);
    assert_eq!(clawgate.event("request", 2)["resumed"], true);
}

#[test]
fn no_connection_carries_requests_of_two_clients_or_two_requests() {
    let pki = Arc::new(Pki::new());
    let reader = Reader::start();
    let clawgate = Arc::new(reader.clawgate(&pki));
    let threads: Vec<_> = ["one", "two", "three", "four"]
        .map(|cn| {
            let (pki, clawgate) = (Arc::clone(&pki), Arc::clone(&clawgate));
            thread::spawn(move || {
                let client = pki.client(Leaf::client(cn));
                let mut connection = Client::with_identity(&pki, &clawgate, &client).connect().unwrap();
                (0..10)
                    .map(|_| {
                        connection.write(POST);
                        let told = connection.answer().json();
                        assert_eq!((&told["cn"], &told["who"]), (&cn.into(), &cn.into()));
                        assert_eq!(told["wants"], "close");
                        told
                    })
                    .collect::<Vec<Value>>()
            })
        })
        .into_iter()
        .collect();
    let told: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let mut connections: Vec<_> = told.iter().map(|told| told["connection"].as_u64().unwrap()).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!((told.len(), connections.len()), (40, 40));
    assert!(told.iter().all(|told| told["requests"] == 1));
}

#[test]
fn streams_of_one_http2_connection_have_a_connection_each_with_the_same_header() {
    let pki = Pki::new();
    let reader = Reader::start();
    let clawgate = reader.clawgate(&pki);
    let http2 = Http2::connect(Client::new(&pki, &clawgate));
    let ask = |number| {
        let uri = format!("https://localhost/hooks/{number}");
        http2.ask(http::Request::post(uri).body(Pieces::of([b"{}"])).unwrap())
    };
    let asked: Vec<_> = (0..8).map(ask).collect();
    let told: Vec<_> = asked.into_iter().map(|asked| http2.answer(asked).unwrap().json()).collect();

    let mut connections: Vec<_> = told.iter().map(|told| told["connection"].as_u64().unwrap()).collect();
    connections.sort_unstable();
    assert_eq!(connections, (0..8).collect::<Vec<_>>());
    let source = told[0]["source"].clone();
    for told in &told {
        assert_eq!((&told["alpn"], &told["source"]), (&"h2".into(), &source));
        assert_eq!(told["unique_id"], told["id"].as_str().unwrap().rsplit_once('-').unwrap().0);
    }
}

#[test]
fn what_a_balancer_says_of_the_client_goes_on() {
    let pki = Pki::new();
    let reader = Reader::start();
    let clawgate = command(&pki, &format!("http://{}", reader.address))
        .arg("--listen-proxy", "127.0.0.1:0")
        .arg("--proxy-source", "127.0.0.1")
        .start();
    let told = |header: &[u8]| {
        Client::new(&pki, &clawgate).through(clawgate.proxied(), header).post("/hooks/wake", "{}").json()
    };
    let v4 = told(V1);
    assert_eq!(v4["source"], json!(["203.0.113.7", 40000]));
    assert_eq!(v4["destination"], json!(["198.51.100.1", 443]));
    let v6 = told(&v2_ipv6());
    assert_eq!(v6["source"], json!(["2001:db8::7", 40000]));
    assert_eq!(v6["destination"], json!(["2001:db8::1", 443]));
}

#[test]
fn the_proxy_header_precedes_tls_to_an_https_upstream() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let tls = relay::tls(&pki.server, backend.address());
    // HAProxy takes the header off and passes on what is behind it.
    let front = unused_port();
    let sections =
        format!("listen front\n  mode tcp\n  bind {front} accept-proxy\n  server tls {tls}\n");
    let Some(_haproxy) = Haproxy::start(&pki, &sections, front.address()) else { return };
    let clawgate = command(&pki, &format!("https://localhost:{}", front.address().port()))
        .arg("--upstream-ca", pki.file("upstream-ca.pem", pki.root.pem()))
        .start();
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn haproxy_as_the_upstream_reads_all_of_it() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let front = unused_port();
    let sections = format!(
        "listen front\n  mode http\n  bind {front} accept-proxy\n  http-request set-header X-Src %[src]:%[src_port]\n  \
         http-request set-header X-Authority %[fc_pp_authority]\n  \
         http-request set-header X-Unique-Id %[fc_pp_unique_id]\n  server back {}\n",
        backend.address()
    );
    let Some(_haproxy) = Haproxy::start(&pki, &sections, front.address()) else { return };
    let clawgate = command(&pki, &format!("http://{front}")).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    for number in 1..=2 {
        connection.write(POST);
        assert_eq!(connection.answer().status, 200);
        let received = backend.received().pop().unwrap();
        let client = connection.stream.sock.local_addr().unwrap().to_string();
        assert_eq!(received.value("x-src"), Some(client.as_str()));
        assert_eq!(received.value("x-authority"), Some("localhost"));
        let id = received.value("x-unique-id").unwrap();
        assert_eq!(received.value("x-request-id"), Some(format!("{id}-{number}").as_str()));
    }
}

#[test]
fn an_upstream_that_is_away_is_unavailable_as_without_a_header() {
    let pki = Pki::new();
    let unused = unused_port();
    let clawgate = command(&pki, &format!("http://{unused}")).start();
    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    assert_eq!((answer.status, answer.reason().as_str()), (503, "upstream_unavailable"));
}

#[test]
fn the_doctor_calls_such_an_upstream_with_a_header_of_its_own() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let front = unused_port();
    let sections = format!(
        "listen front\n  mode http\n  bind {front} accept-proxy\n  server back {}\n",
        backend.address()
    );
    let Some(_haproxy) = Haproxy::start(&pki, &sections, front.address()) else { return };
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare("doctor")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
        .arg("--listen", "127.0.0.1:0")
        .arg("--upstream", format!("http://{front}"))
        .arg("--upstream-proxy-protocol", "v2")
        .env("CLAWGATE_ADMIN", "off")
        .output();
    // HAProxy passes on nothing that comes without a header.
    let lines: Vec<_> =
        backend.received().iter().map(|received| received.request_line().to_owned()).collect();
    assert!(lines.iter().any(|line| line.contains(" /hooks/")), "{lines:?}");
}
