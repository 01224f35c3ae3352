//! Attributes of a span, as the semantic conventions for HTTP and TLS define them.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use http::Request;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;

use super::support::{Collector, attributes};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::Pki;

fn status(span: &Span) -> (StatusCode, String) {
    let status = span.status.clone().unwrap();
    (status.code(), status.message)
}

#[test]
fn a_span_says_who_asked_for_what_and_how_that_went_without_the_query() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream(backend.url()).start();
    let request =
        "POST /hooks/wake?delivery=s3cret HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

    assert_eq!(Client::new(&pki, &clawgate).send(request).status, 200);
    clawgate.stop();

    let line = clawgate.request();
    let spans = collector.spans();
    let [server, client] = &spans[..] else { panic!("not two spans: {spans:#?}") };
    assert_eq!((server.kind(), &*server.name), (SpanKind::Server, "POST /hooks/"));
    let (host, number) = line["peer"].as_str().unwrap().rsplit_once(':').unwrap();
    let number: u16 = number.parse().unwrap();
    let expected = json!({
        "http.request.method": "POST",
        "url.scheme": "https",
        "url.path": "/hooks/wake",
        "http.route": "/hooks/",
        "http.response.status_code": 200,
        "http.request.body.size": 2,
        "http.response.body.size": 11,
        "network.protocol.version": "1.1",
        "network.peer.address": host,
        "network.peer.port": number,
        "client.address": host,
        "client.port": number,
        "server.address": "localhost",
        "server.port": clawgate.address().port(),
        "tls.protocol.name": "tls",
        "tls.protocol.version": "1.3",
        "tls.resumed": false,
        "tls.client.subject": "O=Example,CN=notes",
        "tls.client.hash.sha256": pki.client.fingerprint().to_uppercase(),
        "tls.client.server_name": "localhost",
        "clawgate.request.id": line["id"],
        "clawgate.authenticated_by": "certificate",
    });
    assert_eq!(json!(attributes(&server.attributes)), expected);
    assert_eq!(status(server).0, StatusCode::Unset);

    assert_eq!((client.kind(), &*client.name), (SpanKind::Client, "POST"));
    let expected = json!({
        "http.request.method": "POST",
        "url.full": format!("{}/hooks/wake", backend.url()),
        "server.address": "127.0.0.1",
        "server.port": backend.address().port(),
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    });
    assert_eq!(json!(attributes(&client.attributes)), expected);
}

#[test]
fn a_span_of_a_signed_request_has_the_scheme_and_the_key_and_no_certificate() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let secret = "a secret of the sender, long enough";
    let file = pki.file("github-2026", secret);
    let toml = format!(
        "[listen]\nsigned_address = \"127.0.0.1:0\"\n[[route]]\npath = \"/hooks/github\"\n\
         authenticate = \"signature\"\n[route.verify]\nscheme = \"github\"\nsecret_file = {file:?}\n"
    );
    let command = collector.clawgate(&pki).upstream("echo:");
    let mut clawgate = command.arg("--config", pki.file("clawgate.toml", toml)).start();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = HEXLOWER.encode(hmac::sign(&key, b"{}").as_ref());
    let request = format!(
        "POST /hooks/github HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256={signature}\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    );

    assert_eq!(Client::without_certificate(&pki, &clawgate).send(&request).status, 200);
    clawgate.stop();

    let spans = collector.spans();
    let found = attributes(&spans[0].attributes);
    assert_eq!(found["clawgate.authenticated_by"], "signature");
    assert_eq!(found["clawgate.signature.scheme"], "github");
    assert_eq!(found["clawgate.signature.key"], "github-2026");
    assert_eq!(found.get("tls.client.subject"), None);
}

#[test]
fn a_request_over_http_2_says_so() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream("echo:").start();

    let http2 = Http2::connect(Client::new(&pki, &clawgate));
    let request = Request::post("https://localhost/hooks/wake").body(Pieces::none()).unwrap();
    assert_eq!(http2.send(request).status, 200);
    drop(http2);
    clawgate.stop();

    // clawgate's own answer is no call to an upstream.
    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(attributes(&spans[0].attributes)["network.protocol.version"], "2");
}

#[test]
fn what_clawgate_refuses_has_the_reason_and_no_call_and_is_the_clients_error() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream(backend.url()).start();

    assert_eq!(Client::new(&pki, &clawgate).post("/other", "{}").status, 404);
    clawgate.stop();

    let spans = collector.spans();
    let [server] = &spans[..] else { panic!("not one span: {spans:#?}") };
    let found = attributes(&server.attributes);
    assert_eq!((&*server.name, status(server).0), ("POST", StatusCode::Unset));
    assert_eq!((&found["error.type"], &found["url.path"]), (&json!("no_route"), &json!("/other")));
    assert_eq!(found.get("http.route"), None);
}

#[test]
fn an_upstream_that_is_not_there_is_an_error_of_the_call_and_of_clawgate() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream("http://127.0.0.1:1").start();

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 503);
    clawgate.stop();

    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let detail = clawgate.request()["detail"].as_str().unwrap().to_owned();
    for span in &spans {
        assert_eq!(status(span), (StatusCode::Error, detail.clone()));
        assert_eq!(attributes(&span.attributes)["error.type"], "upstream_unavailable");
    }
    assert_eq!(attributes(&spans[0].attributes)["http.response.status_code"], 503);
    assert_eq!(attributes(&spans[1].attributes).get("http.response.status_code"), None);
}

#[test]
fn what_the_upstream_refuses_is_an_error_of_the_call_alone() {
    let backend = Backend::each(|exchange, _| exchange.answer("401 Unauthorized", "text/plain", ""));
    let (pki, collector) = (Pki::new(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream(backend.url()).start();

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 401);
    clawgate.stop();

    let spans = collector.spans();
    let codes: Vec<_> = spans.iter().map(|span| status(span).0).collect();
    assert_eq!(codes, [StatusCode::Unset, StatusCode::Error]);
    assert_eq!(attributes(&spans[1].attributes)["error.type"], "401");
}

#[test]
fn an_answer_that_breaks_off_is_an_error_though_its_status_was_good() {
    let backend = Backend::script(|mut exchange| {
        exchange.request();
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let (pki, collector) = (Pki::new(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream(backend.url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(super::request("").as_bytes());
    client.rest();
    clawgate.stop();

    let spans = collector.spans();
    assert_eq!(status(&spans[0]).0, StatusCode::Error);
    assert_eq!(attributes(&spans[0].attributes)["error.type"], "upstream_closed");
    assert_eq!(attributes(&spans[0].attributes)["http.response.status_code"], 200);
    assert_eq!(status(&spans[1]).0, StatusCode::Unset);
}

#[test]
fn an_unknown_method_does_not_become_the_name_of_a_span() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream("echo:").arg("--method", "BREW").start();

    let request = "BREW /hooks/pot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(Client::new(&pki, &clawgate).send(request).status, 200);
    clawgate.stop();

    let spans = collector.spans();
    let found = attributes(&spans[0].attributes);
    assert_eq!((&*spans[0].name, &found["http.request.method"]), ("HTTP /hooks/", &json!("_OTHER")));
    assert_eq!(found["http.request.method_original"], "BREW");
}
