//! A TLS server as its clients see it: what it is, what it asks of them, what it said to this one.

use std::time::SystemTime;

use rustls::AlertDescription;
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificate::Link;
use super::checks::{Check, Outcome};
use super::connect::{Asked, Ending, Observed};
use super::facts::Facts;
use super::target::Server;
use crate::identity::name::{cut, rfc4514};
use crate::tls::diagnosis::{alert_name, gate_time, may_be_signed_by};
use crate::tls::greeting::describe;
use crate::tls::material::unix_seconds;

/// How the connection came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerVerdict {
    /// The handshake was completed, and nothing came against it.
    Accepted,
    /// The server refused.
    Refused,
    /// There was no TLS to be had.
    Failed,
}

/// What the server wants of its clients.
#[derive(Clone, Debug, Serialize)]
pub struct ClientAuth {
    /// Whether it asked for a certificate.
    pub asked: bool,
    /// The CAs it named; empty when it named none.
    pub cas: Vec<String>,
    /// The signature schemes it takes.
    pub schemes: Vec<String>,
    /// The certificate that was presented.
    pub presented: Option<String>,
}

/// All about one connection to a server.
#[derive(Clone, Debug, Serialize)]
pub struct ServerExplanation {
    /// The server as it was named.
    pub server: String,
    /// Where it was reached.
    pub address: Option<String>,
    /// The time its certificates were judged at, RFC 3339.
    pub at: String,
    /// How it came out.
    pub verdict: ServerVerdict,
    /// The alert that the server sent.
    pub alert: Option<String>,
    /// What happened, in a sentence.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// `TLSv1.3` …
    pub tls_version: Option<String>,
    /// Cipher suite.
    pub cipher: Option<String>,
    /// Key exchange group.
    pub group: Option<String>,
    /// Protocol agreed on with ALPN.
    pub alpn: Option<String>,
    /// The server's leaf certificate.
    pub certificate: Option<Facts>,
    /// The certificates it sent, in its order.
    pub chain: Vec<Link>,
    /// What a client would find of them.
    pub checks: Vec<Check>,
    /// What it wants of its clients; `None` when it did not get that far.
    pub client_auth: Option<ClientAuth>,
}

/// Explains what was seen; certificates are judged at `at`.
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
        at: gate_time(at),
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
        checks: checks(seen, at),
        client_auth: client_auth(seen),
    }
}

fn client_auth(seen: &Observed) -> Option<ClientAuth> {
    // The question comes after the server's certificate, so without one it is not known.
    seen.chain.first()?;
    let Asked { cas, schemes } = seen.asked.clone().unwrap_or_default();
    let leaf = seen.asked.as_ref().and(seen.credentials.as_ref()).and_then(|own| own.leaf());
    let presented = leaf.and_then(|der| Some(Link::read(der, "sent")?.subject));
    Some(ClientAuth { asked: seen.asked.is_some(), cas, schemes, presented })
}

/// Verdict, detail, hint.
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
            (Refused, detail, "look at the server's own log; what stands before it may have closed too")
        }
        Ending::Unreachable(error) => (
            Failed,
            format!("no connection to {server}: {error}"),
            "check name and port, that the server runs, and the firewalls in between",
        ),
        Ending::NotTls(first) if first.starts_with(b"HTTP/") => (
            Failed,
            "the server answered in plain HTTP: there is no TLS on this port".to_owned(),
            "use the port that speaks TLS, or put TLS before this one (clawgate run does that)",
        ),
        Ending::NotTls(first) => (
            Failed,
            format!("the server does not speak TLS: its first bytes are {}", describe(first)),
            "check which service listens on this port",
        ),
        Ending::Silence(0) => (
            Failed,
            "the server took the connection and said nothing to a ClientHello within 5 s".to_owned(),
            "it may not speak TLS on this port (plain HTTP waits for a request), or be overloaded",
        ),
        Ending::Silence(count) => (
            Failed,
            format!("the server stopped in the middle of the handshake, after {count} bytes"),
            "check the network in between; packets that are too large may get lost (MTU)",
        ),
        Ending::Failed(error) => (
            Failed,
            format!("the handshake failed: {error}"),
            "check what stands before the server, and which versions and suites of TLS it speaks",
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
            "the private key does not fit the certificate that was presented, or the CA was made again"
        }
        _ if asked && seen.credentials.is_some() => {
            "the certificate that was presented was refused: the server's log says why (clawgate: its line \
             handshake_failed), and so does `clawgate explain FILE` with the server's settings"
        }
        AlertDescription::UnrecognisedName => "the server knows no such name: check the host in the URL",
        AlertDescription::ProtocolVersion => "the server speaks neither TLS 1.2 nor 1.3: update it",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "there is no common cipher suite, or the server has no certificate for this name"
        }
        AlertDescription::NoApplicationProtocol => "the server speaks neither h2 nor http/1.1",
        _ => "look at the server's own log for the cause",
    }
}

/// What a client that trusts the right CA would find.
fn checks(seen: &Observed, at: i64) -> Vec<Check> {
    let Some(der) = seen.chain.first() else {
        return Vec::new();
    };
    let mut parsed = Vec::new();
    for der in &seen.chain {
        match X509Certificate::from_der(der) {
            Ok((_, x509)) => parsed.push(x509),
            Err(_) => {
                let check = Check::new("readable", Outcome::Fail, "a certificate is not X.509");
                return vec![check.mend("write the server's certificate file again")];
            }
        }
    }
    vec![name(der, &seen.server), dates(&parsed, at), purpose(&parsed), chain(&parsed), proof(seen)]
}

fn name(leaf: &CertificateDer<'_>, server: &Server) -> Check {
    let fits = |leaf: &CertificateDer<'_>| {
        EndEntityCert::try_from(leaf)?.verify_is_valid_for_subject_name(&server.name)
    };
    match fits(leaf) {
        Ok(()) => Check::new("name", Outcome::Pass, format!("covers {}", server.host)),
        Err(webpki::Error::CertNotValidForName(_)) => {
            let names = Facts::read(leaf, 0).map(|facts| facts.certificate.san.join(", "));
            let names = names.filter(|names| !names.is_empty()).unwrap_or_else(|| "no name".to_owned());
            let detail = format!("is for {}, not for {}", cut(names), server.host);
            let mend = format!("call one of these names, or have it issued for {}", server.host);
            Check::new("name", Outcome::Fail, detail).mend(mend)
        }
        Err(error) => Check::new("name", Outcome::Fail, format!("cannot be used by clients: {error}"))
            .mend("have it issued again, as X.509 v3 with subjectAltName"),
    }
}

fn dates(chain: &[X509Certificate<'_>], at: i64) -> Check {
    let bad = chain.iter().find(|x509| {
        let validity = x509.validity();
        validity.not_after.timestamp() < at || validity.not_before.timestamp() > at
    });
    let lasts = |x509: &X509Certificate<'_>| Facts::of(&CertificateDer::from(x509.as_raw()), x509, at);
    match (bad, chain.first()) {
        (Some(x509), _) => {
            let Facts { certificate, lasts, .. } = lasts(x509);
            Check::new("dates", Outcome::Fail, format!("{}: {lasts}", certificate.subject))
                .mend("renew it; if it should be valid, check the clocks")
        }
        (None, Some(leaf)) => Check::new("dates", Outcome::Pass, lasts(leaf).lasts),
        (None, None) => Check::new("dates", Outcome::Skipped, "there is no certificate"),
    }
}

fn purpose(chain: &[X509Certificate<'_>]) -> Check {
    let eku = chain.first().and_then(|leaf| leaf.extended_key_usage().ok().flatten());
    match eku {
        Some(eku) if !eku.value.server_auth => {
            let detail = "is not for servers (extendedKeyUsage lacks serverAuth)";
            Check::new("purpose", Outcome::Fail, detail)
                .mend("have it issued with extendedKeyUsage=serverAuth")
        }
        Some(_) => Check::new("purpose", Outcome::Pass, "serverAuth"),
        None => Check::new("purpose", Outcome::Pass, "any (no extendedKeyUsage)"),
    }
}

/// RFC 8446 section 4.4.2: each certificate should certify the one before it.
fn chain(chain: &[X509Certificate<'_>]) -> Check {
    for pair in chain.windows(2) {
        let by_name = pair[0].issuer().as_raw() == pair[1].subject().as_raw();
        if !by_name || !may_be_signed_by(&pair[0], pair[1].as_raw()) {
            let (child, next) = (cut(rfc4514(pair[0].subject())), cut(rfc4514(pair[1].subject())));
            let detail = format!("{child} was not issued by {next}, which follows it");
            return Check::new("chain", Outcome::Fail, detail).mend(
                "put the leaf first, then the CA that issued it, then the CA that issued that one",
            );
        }
    }
    let Some(last) = chain.last() else {
        return Check::new("chain", Outcome::Skipped, "there is no certificate");
    };
    let issuer = cut(rfc4514(last.issuer()));
    if last.issuer().as_raw() == last.subject().as_raw() {
        let detail = format!("complete up to {issuer}, which clients must trust");
        return Check::new("chain", Outcome::Pass, detail);
    }
    let detail = format!("issued by {issuer}, which clients must trust");
    if chain.len() > 1 {
        return Check::new("chain", Outcome::Pass, detail);
    }
    // Alone it may be complete: only a client that holds the CA can tell.
    let mend = format!("if {issuer} is an intermediate, append it to the server's certificate file");
    Check::new("chain", Outcome::Note, format!("only the leaf was sent; {detail}")).mend(mend)
}

fn proof(seen: &Observed) -> Check {
    match (&seen.unproven, seen.agreed.is_some()) {
        (Some(error), _) => {
            let detail = format!("the server's signature does not fit its certificate: {error}");
            Check::new("key_fits", Outcome::Fail, detail)
                .mend("give the server the key that its certificate was requested with")
        }
        (None, true) => Check::new("key_fits", Outcome::Pass, "the server holds the certificate's key"),
        (None, false) => Check::new("key_fits", Outcome::Skipped, "the handshake did not get that far"),
    }
}

impl ServerExplanation {
    /// Whether the handshake was completed, and nothing came against it.
    pub fn is_accepted(&self) -> bool {
        self.verdict == ServerVerdict::Accepted
    }
}
