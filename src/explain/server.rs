//! A TLS server as its clients see it: its certificate, what it requires of them, and how it answered this client.

use std::time::SystemTime;

use rustls::AlertDescription;
use serde::Serialize;

use super::connect::{CertificateRequest, Ending, Observed};
use super::facts::Facts;
use super::link::Link;
use crate::checks::{self, Roots};
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::time::time_text;
use crate::identity::time::unix_seconds;
use crate::tls::detect::describe_with_name;
use crate::wording::alert_name;

/// The outcome of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerVerdict {
    /// The handshake was completed, and no refusal came.
    Accepted,
    /// The server refused.
    Refused,
    /// There was no TLS connection for another reason.
    Failed,
}

/// What the server requires of its clients.
#[derive(Clone, Debug, Serialize)]
pub struct ClientAuth {
    /// Whether it asked for a certificate.
    pub asked: bool,
    /// The CAs that it named; empty when it named none.
    pub cas: Vec<String>,
    /// The signature schemes that it accepts.
    pub schemes: Vec<String>,
    /// The certificate that was presented.
    pub presented: Option<String>,
}

/// The report about one connection to a server.
#[derive(Clone, Debug, Serialize)]
pub struct ServerExplanation {
    /// The server, as the operator named it.
    pub server: String,
    /// The address at which it was reached.
    pub address: Option<String>,
    /// The time as of which its certificates were verified, RFC 3339.
    pub at: String,
    /// The outcome.
    pub verdict: ServerVerdict,
    /// The alert that the server sent.
    pub alert: Option<String>,
    /// The result in one sentence.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// TLS version, such as `TLSv1.3`.
    pub tls_version: Option<String>,
    /// Cipher suite.
    pub cipher: Option<String>,
    /// Key exchange group.
    pub group: Option<String>,
    /// Protocol negotiated with ALPN.
    pub alpn: Option<String>,
    /// The server's leaf certificate.
    pub certificate: Option<Facts>,
    /// The certificates it sent, in its order.
    pub chain: Vec<Link>,
    /// The checks that a client would make.
    pub checks: Vec<Finding>,
    /// What it requires of its clients; `None` when the handshake ended before that was known.
    pub client_auth: Option<ClientAuth>,
}

/// Explains a connection. Certificates are verified as of `at`.
pub fn server(seen: &Observed, at: SystemTime) -> ServerExplanation {
    let at = unix_seconds(at);
    let (verdict, detail, hint) = outcome(seen);
    let (tls_version, cipher, group) = match seen.agreed.clone() {
        Some((version, cipher, group)) => (Some(version), Some(cipher), group),
        None => (None, None, None),
    };
    ServerExplanation {
        server: seen.server.to_string(),
        address: seen.address.map(|address| address.to_string()),
        at: time_text(at),
        verdict,
        alert: match seen.ending {
            Ending::Alert(alert, _) => Some(alert_name(alert)),
            _ => None,
        },
        detail,
        hint,
        tls_version,
        cipher,
        group,
        alpn: seen.alpn.clone(),
        certificate: seen.chain.first().and_then(|der| Facts::read(der, at)),
        chain: seen.chain.iter().filter_map(|der| Link::read(der, "sent")).collect(),
        checks: checks(seen, &Roots::default().with_system(), at),
        client_auth: client_auth(seen),
    }
}

fn client_auth(seen: &Observed) -> Option<ClientAuth> {
    // The request for a client certificate belongs to the same flight as the server's certificate. If that did not
    // come, it is not known whether the server asks for one.
    seen.chain.first()?;
    let CertificateRequest { cas, schemes } = seen.asked.clone().unwrap_or_default();
    let leaf = seen.asked.as_ref().and(seen.credentials.as_ref()).and_then(|own| own.leaf());
    let presented = leaf.and_then(|der| Some(Link::read(der, "sent")?.subject));
    Some(ClientAuth { asked: seen.asked.is_some(), cas, schemes, presented })
}

/// Verdict, detail and hint.
fn outcome(seen: &Observed) -> (ServerVerdict, String, Option<String>) {
    use ServerVerdict::{Accepted, Failed, Refused};
    let server = &seen.server;
    let (verdict, detail, hint) = match &seen.ending {
        Ending::Open => (
            Accepted,
            "the handshake was completed and no alert came (no request was sent)".to_owned(),
            "",
        ),
        Ending::Alert(alert, late) => {
            let when = if *late { " after the handshake" } else { "" };
            let detail = format!("the server sent the alert {}{when}", alert_name(*alert));
            (Refused, detail, alert_hint(*alert, seen))
        }
        Ending::Closed(late) => {
            let when = if *late { "right after" } else { "in the middle of" };
            let detail = format!("the server closed the connection {when} the handshake");
            (
                Refused,
                detail,
                "look at the server's own log; a proxy in front of it may also have closed the connection",
            )
        }
        Ending::Unreachable(error) => (
            Failed,
            format!("no connection to {server}: {error}"),
            "check the name and the port, whether the server is running, and the firewalls on the path",
        ),
        Ending::NotTls(first) if first.starts_with(b"HTTP/") => (
            Failed,
            "the server answered in plain HTTP: there is no TLS on this port".to_owned(),
            "use the TLS port, or put a TLS proxy in front of this port (clawgate run is one)",
        ),
        Ending::NotTls(first) => (
            Failed,
            format!("the server does not speak TLS: its first bytes are {}", describe_with_name(first)),
            "check which service listens on this port",
        ),
        Ending::Silence(0) => (
            Failed,
            "the server accepted the connection, but did not answer the ClientHello within 5 s"
                .to_owned(),
            "it may not speak TLS on this port (a plain HTTP server waits for a request), or it may be overloaded",
        ),
        Ending::Silence(count) => (
            Failed,
            format!("the server stopped in the middle of the handshake, after {count} bytes"),
            "check the network on the path; packets that are too large may get lost (MTU)",
        ),
        Ending::Failed(error) => (
            Failed,
            format!("the handshake failed: {error}"),
            "check for a proxy in front of the server, and which TLS versions and cipher suites it supports",
        ),
    };
    (verdict, detail, Some(hint.to_owned()).filter(|hint| !hint.is_empty()))
}

fn alert_hint(alert: AlertDescription, seen: &Observed) -> &'static str {
    let asked = seen.asked.is_some();
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::HandshakeFailure
        | AlertDescription::BadCertificate
            if asked && seen.credentials.is_none() =>
        {
            "present a client certificate: --client-cert FILE --client-key FILE"
        }
        AlertDescription::DecryptError if asked => {
            "the private key does not match the presented certificate, or the CA was created again with another key"
        }
        _ if asked && seen.credentials.is_some() => {
            "the presented certificate was refused: the server's log says why (clawgate: the line \
             handshake_failed), and so does `clawgate explain FILE` with the server's settings"
        }
        AlertDescription::UnrecognisedName => {
            "the server does not know this name: check the host in the URL"
        }
        AlertDescription::ProtocolVersion => "the server speaks neither TLS 1.2 nor 1.3: update it",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "there is no common cipher suite, or the server has no certificate for this name"
        }
        AlertDescription::NoApplicationProtocol => "the server speaks neither h2 nor http/1.1",
        _ => "see the server's own log for the cause",
    }
}

/// The checks that a client would make.
fn checks(seen: &Observed, roots: &Roots, at: i64) -> Vec<Finding> {
    if seen.chain.is_empty() {
        return Vec::new();
    }
    let subject = Subject::new(Area::Certificate, &seen.server);
    let server = checks::Server {
        subject: &subject,
        chain: &seen.chain,
        name: Some(&seen.server.name),
        is_own: false,
        at,
    };
    let mut found = server.findings(roots);
    found.push(proof(&subject, seen));
    found
}

/// Whether the server has shown that it holds its certificate's key.
pub fn proof(subject: &Subject, seen: &Observed) -> Finding {
    let name = Check::KeyFits;
    match (seen.is_unproven, seen.agreed.is_some()) {
        (true, _) => subject.fail(
            name,
            "the server's signature in the handshake does not match its certificate",
            "give the server the key that its certificate was requested with",
        ),
        (false, true) => subject.pass(name, "the server holds the certificate's key"),
        (false, false) => subject.skipped(name, "the handshake did not get that far"),
    }
}

impl ServerExplanation {
    /// Whether the handshake was completed, and no refusal came.
    pub fn is_accepted(&self) -> bool {
        self.verdict == ServerVerdict::Accepted
    }
}
