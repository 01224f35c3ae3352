//! The collector of spans: its faults are warnings.

use super::{Diagnosis, Setup, any, openclaw, says, secret};
use crate::support::backend::Backend;
use crate::support::unused_port;

/// The report on a running clawgate that sends spans to `endpoint`.
fn examined(endpoint: &str) -> Diagnosis {
    let backend = openclaw();
    let setup = Setup::new(backend.url()).with("--trace-endpoint", endpoint);
    let clawgate = setup.clawgate();
    setup.examined(clawgate.address())
}

fn answering(status: &'static str) -> Backend {
    Backend::each(move |exchange, _| exchange.answer(status, "text/plain", ""))
}

#[test]
fn one_that_takes_an_empty_batch_with_its_token_is_good() {
    let collector = answering("200 OK");
    let setup = Setup::new("echo:").with("--trace-endpoint", collector.url());
    let token = secret(&setup.pki, "collector-token", "s3cret");
    let setup = setup.with("--trace-token-file", token.display().to_string());

    let found = setup.examined(any());

    says(&found.text("collector/batch", "pass"), &["accepts spans"]);
    let received = collector.first();
    assert_eq!(received.request_line(), "POST /v1/traces HTTP/1.1");
    assert_eq!(received.value("content-type"), Some("application/x-protobuf"));
    assert_eq!((received.value("authorization"), received.body.len()), (Some("Bearer s3cret"), 0));
}

#[test]
fn one_that_asks_for_a_token_is_a_warning() {
    let text = examined(&answering("401 Unauthorized").url()).only_warning("collector/token");

    says(&text, &["401", "trace.token_file"]);
}

#[test]
fn a_wrong_path_is_a_warning() {
    let text = examined(&answering("404 Not Found").url()).only_warning("collector/batch");

    says(&text, &["404", "trace.endpoint", "/v1/traces"]);
}

#[test]
fn one_that_does_not_run_is_a_warning() {
    let free = unused_port();

    let text = examined(&format!("http://{free}")).only_warning("collector/connect");

    says(&text, &["cannot be called", "refused", "4318"]);
}

#[test]
fn a_port_without_http_is_a_warning() {
    let collector = Backend::script(|mut exchange| exchange.write(b"SSH-2.0-x\r\n"));

    let text = examined(&collector.url()).only_warning("collector/protocol");

    says(&text, &["does not speak HTTP", "gRPC"]);
}
