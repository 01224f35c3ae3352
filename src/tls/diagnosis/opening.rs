//! Faults of connections that did not get to the client's certificate: other protocols, PROXY headers, timeouts, early ends.

use std::time::Duration;

use super::case::{Case, NotTls, Step};
use super::server_name::left_silently;
use crate::proxy_protocol::Malformed;
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::client_hello::{MAX_HELLO, Progress};
use crate::tls::detect::End;
use crate::tls::fault::Fault;
use crate::tls::proxy_header::ProxyHeaderError;

pub(crate) fn not_tls(protocol: &NotTls, case: &Case<'_>) -> Fault {
    match protocol {
        NotTls::Probe(end) => probe(*end),
        NotTls::PlainHttp(version) => Fault::new(
            Reason::PlainHttp,
            format!("the client speaks {version} without TLS"),
            if *version == "HTTP/2" {
                "switch TLS on in the client (h2 instead of h2c, which is called prior knowledge; gRPC: no plaintext)"
            } else {
                "use https:// in the client's webhook URL"
            },
        ),
        NotTls::ProxyProtocol => Fault::new(
            Reason::ProxyProtocol,
            "the client sent a PROXY protocol header, and this listener expects none",
            "switch the PROXY protocol off in the load balancer before clawgate, or let it call an address of \
             listen.proxy_address",
        ),
        NotTls::Sslv2(version) => Fault::new(
            Reason::TlsVersion,
            format!(
                "the client offers {} in an SSL 2.0 hello; {} is needed",
                old_version(*version),
                case.parameters.version_text()
            ),
            "update the client's TLS library",
        ),
        NotTls::Other(Some(name), first) => Fault::new(
            Reason::NotTls,
            format!("not TLS: the first bytes are {first}, which looks like {name}"),
            "nothing is wrong if this is a scanner; otherwise point that service at its own port",
        ),
        NotTls::Other(None, first) => Fault::new(
            Reason::NotTls,
            format!("not TLS: the first bytes are {first}"),
            "nothing is wrong if this is a scanner; otherwise check which port the client calls",
        ),
    }
}

/// The connection ended without a byte.
fn probe(end: End) -> Fault {
    let detail = match end {
        End::Closed => "the connection was opened and closed without a byte".to_owned(),
        End::Reset => "the connection was opened and reset without a byte".to_owned(),
        End::Lost(_) => format!("no byte came: {end}"),
    };
    let hint = "nothing is wrong if this is a health check; a check of /livez on the admin listener would tell more";
    Fault::new(Reason::TcpProbe, detail, hint)
}

/// The name of a version number in an SSL 2.0 hello (RFC 6101 appendix E).
fn old_version(version: u16) -> &'static str {
    match version {
        0x0002 => "SSL 2.0",
        0x0300 => "at most SSL 3.0",
        0x0301 => "at most TLS 1.0",
        0x0302 => "at most TLS 1.1",
        _ => "a newer version",
    }
}

pub(crate) fn proxy_header(error: &ProxyHeaderError) -> Fault {
    let (detail, hint) = match error {
        ProxyHeaderError::Nothing(end) => return probe(*end),
        ProxyHeaderError::Source(ip) => (
            format!(
                "this listener accepts load balancers only, and {ip} is not in listen.proxy_sources"
            ),
            "if this is your load balancer, add its address to listen.proxy_sources (--proxy-source); clients \
             that connect directly need an address of listen.address",
        ),
        ProxyHeaderError::Malformed(Malformed::NotProxy, first) => (
            format!(
                "this listener expects a PROXY protocol header first, and the first bytes are {first}"
            ),
            "switch the PROXY protocol on in the load balancer (HAProxy: send-proxy-v2; nginx: proxy_protocol on), or \
             let it call an address of listen.address",
        ),
        ProxyHeaderError::Malformed(malformed, first) => (
            format!(
                "the PROXY protocol header cannot be read: {malformed}; its first bytes are {first}"
            ),
            "check what is between the load balancer and clawgate; clawgate reads versions 1 and 2",
        ),
        ProxyHeaderError::Ended(end, count) => (
            format!("{end} within the PROXY protocol header, after {count} bytes"),
            "look at the load balancer's own log",
        ),
    };
    Fault::new(Reason::ProxyProtocol, detail, hint)
}

/// `progress`: how much of the ClientHello had come, if it was incomplete.
pub(crate) fn ended(end: End, progress: Option<Progress>, case: &Case<'_>) -> Fault {
    let count = case.record.bytes_in;
    if let Some(progress) = progress {
        return Fault::new(
            Reason::ClientClosed,
            format!(
                "{end} in the middle of its ClientHello, after {count} bytes: {}",
                incomplete(progress)
            ),
            "look at the client's own log; common causes are its own timeout, and a device on the way that \
             cuts connections",
        );
    }
    let step = match case.record.negotiated() {
        Some(_) => "after clawgate's ServerHello",
        None => "before clawgate's ServerHello",
    };
    let detail = format!("{end} in the middle of the handshake, {step} and after {count} bytes");
    Fault::new(Reason::ClientClosed, detail, left_silently(case))
}

fn incomplete(Progress { have, of }: Progress) -> String {
    match of {
        Some(of) => format!("the ClientHello was incomplete, {have} of its {of} bytes had come"),
        None => "the ClientHello was incomplete, and so short that its length is not known".to_owned(),
    }
}

pub(crate) fn timeout(deadline: Duration, step: &Step, bytes_in: u64) -> Fault {
    let waited = match step {
        Step::FirstByte => "the client's first byte".to_owned(),
        Step::ProxyHeader => "the rest of the load balancer's PROXY header".to_owned(),
        Step::ClientHello(progress) => {
            format!("the rest of the client's ClientHello ({})", incomplete(*progress))
        }
        Step::Unclear(first) => {
            format!("more from the client, whose first bytes are not TLS so far: {first}")
        }
        Step::ClientFlight => "the client's certificate or the end of its handshake".to_owned(),
    };
    let deadline = humantime::format_duration(deadline);
    let detail =
        format!("after {deadline} clawgate still waited for {waited}; {bytes_in} bytes had come");
    let hint = match step {
        Step::FirstByte => {
            "check that the client speaks TLS: one that waits for the server's greeting (MySQL, SMTP, FTP, IMAP, \
             VNC) sends nothing; for a slow one raise limits.greeting_timeout and tls.handshake_timeout"
        }
        Step::ClientHello(_) | Step::ProxyHeader => {
            "check the network between the client and clawgate; for a slow one raise limits.greeting_timeout and \
             tls.handshake_timeout"
        }
        Step::Unclear(_) => "check which port the client calls, and that it speaks TLS there",
        Step::ClientFlight => {
            "check the network between the client and clawgate; for a slow one raise tls.handshake_timeout"
        }
    };
    Fault::new(Reason::HandshakeTimeout, detail, hint)
}

pub(super) fn hello_too_large(length: usize) -> Fault {
    let detail =
        format!("the client's ClientHello has {length} bytes, and clawgate accepts at most {MAX_HELLO}");
    let hint =
        "no TLS library sends such a large one: find out which program runs at the client's address";
    Fault::new(Reason::ProtocolError, detail, hint)
}
