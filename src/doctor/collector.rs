//! Checks the collector of spans: whether it can be reached and accepts a batch. The batch is empty.
//!
//! These checks report warnings, never failures, because clawgate serves requests without a collector.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::time::timeout;
use zeroize::Zeroizing;

use super::probe::{Reply, exchange};
use crate::config::{Settings, TraceSettings};
use crate::finding::{Area, Check, Finding, Subject};
use crate::upstream::Connector;
use crate::wording;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn findings(settings: &Settings) -> Option<Finding> {
    let trace = settings.startup.trace.as_ref()?;
    let place = Subject::new(Area::Collector, trace.shown());
    Some(match call(trace).await {
        Ok(reply) => judge(&place, &reply),
        Err(error) => {
            let hint = if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                "name the CA of its certificate in trace.ca, and call it by a name that the certificate has"
            } else {
                "start it, or set trace.endpoint to its address for OTLP over HTTP (usually port 4318)"
            };
            place.warning(Check::Connect, format!("it cannot be called: {}", wording::io(&error)), hint)
        }
    })
}

fn judge(place: &Subject, reply: &Reply) -> Finding {
    let Reply::Http(answer) = reply else {
        let (detail, hint) = match reply {
            Reply::Silence => ("it does not answer within 5 s", "check its load and its log"),
            _ => (
                "it does not speak HTTP/1.1",
                "set trace.endpoint to its port for OTLP over HTTP (4318), not over gRPC (4317); https:// where it \
                 has TLS",
            ),
        };
        return place.warning(Check::Protocol, detail, hint);
    };
    let status = answer.status;
    let detail = format!("it answers {status}");
    match status.as_u16() {
        200..=299 => place.pass(Check::Batch, "accepts spans"),
        401 | 403 => {
            let hint = "put the token that it requires into the file trace.token_file";
            place.warning(Check::Token, detail, hint)
        }
        404 | 405 => {
            let hint = "check trace.endpoint: clawgate appends /v1/traces to it";
            place.warning(Check::Batch, detail, hint)
        }
        _ => place.warning(Check::Batch, detail, "check its log"),
    }
}

async fn call(trace: &TraceSettings) -> io::Result<Reply> {
    let connector = Connector::new(trace.collector.clone(), trace.secure.as_ref());
    let connector = connector.map_err(io::Error::other)?;
    let stream = timeout(TIMEOUT, connector.dial(&[])).await;
    let stream = stream.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?;
    Ok(exchange(stream, &request(trace), TIMEOUT).await)
}

fn request(trace: &TraceSettings) -> Zeroizing<Vec<u8>> {
    let address = trace.collector.to_string();
    let host = address.split_once("://").map_or(&*address, |(_, host)| host);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: clawgate-doctor\r\nConnection: close\r\n\
         Content-Type: application/x-protobuf\r\nContent-Length: 0\r\n",
        trace.path
    );
    let token = trace.token.as_ref().map_or(&b""[..], |token| token.authorization().as_bytes());
    let (field, end): (&[u8], &[u8]) =
        if token.is_empty() { (b"", b"\r\n") } else { (b"Authorization: ", b"\r\n\r\n") };
    // One allocation: a growing buffer would leave copies of the token in memory that are not wiped.
    Zeroizing::new([head.as_bytes(), field, token, end].concat())
}
