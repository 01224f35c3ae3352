//! Faults about the server name that a client asked for, and the names in clawgate's certificate.

use rustls::AlertDescription;

use super::case::Case;
use crate::identity::San;
use crate::identity::name::cut;
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::client_hello::ClientHello;
use crate::tls::fault::Fault;
use crate::wording::alert_name;

/// The server name that a client asked for (SNI, RFC 6066 section 3), beside the names of clawgate's certificates.
enum RequestedName<'a> {
    /// One of them.
    Ours(&'a str),
    /// None of them.
    Other(&'a str),
    /// None. The extension has no room for an IP address, so a client that calls one names no server.
    Nothing,
}

impl<'a> RequestedName<'a> {
    fn of(hello: Option<&'a ClientHello>, names: &[San]) -> Self {
        match hello.and_then(|hello| hello.sni.as_deref()) {
            Some(name) if names.iter().any(|own| own.covers(name)) => Self::Ours(name),
            Some(name) => Self::Other(name),
            None => Self::Nothing,
        }
    }

    fn detail(&self, names: &str) -> String {
        match self {
            Self::Ours(name) => {
                format!("it asked for {name}, and clawgate's certificate has that name ({names})")
            }
            Self::Other(name) => {
                format!("it asked for {name}, and clawgate's certificate is good for {names} only")
            }
            Self::Nothing => {
                format!("it asked for no server name, and clawgate's certificate is good for {names}")
            }
        }
    }

    /// What to do if the name is the cause.
    fn hint(&self, names: &str) -> Option<String> {
        match self {
            Self::Ours(_) => None,
            Self::Other(name) => Some(format!(
                "call clawgate by a name of its certificate ({names}), or have {name} added to the certificate in \
                 tls.certificate"
            )),
            Self::Nothing => Some(format!(
                "a client that calls an IP address needs that address in clawgate's certificate, which is good for {names}"
            )),
        }
    }
}

/// A sentence that compares the name that a client asked for with the names in clawgate's certificates.
pub fn about_name(hello: Option<&ClientHello>, names: &[San]) -> String {
    RequestedName::of(hello, names).detail(&list(names))
}

/// `names` as one phrase.
fn list(names: &[San]) -> String {
    let names: Vec<_> = names.iter().map(San::to_string).collect();
    if names.is_empty() { "no name".to_owned() } else { cut(names.join(", ")) }
}

const TRUST: &str = "give the client the certificate of clawgate's CA (curl: --cacert ca.pem), or give clawgate a \
                     certificate of a CA that the client trusts; check also that tls.certificate holds the intermediates";

pub(crate) fn server_cert_rejected(alert: AlertDescription, case: &Case<'_>) -> Fault {
    let (asked, names) = (RequestedName::of(case.hello, case.server_names), list(case.server_names));
    let detail = format!(
        "the client refused clawgate's certificate with the alert {}; {}",
        alert_name(alert),
        asked.detail(&names)
    );
    let name = asked.hint(&names);
    let hint = match (alert, name) {
        (AlertDescription::UnknownCA, _) if !matches!(asked, RequestedName::Other(_)) => {
            format!("the client does not trust the CA of clawgate's certificate: {TRUST}")
        }
        (AlertDescription::UnknownCA, Some(name)) => {
            format!("the client does not trust the CA of clawgate's certificate: {TRUST}; and {name}")
        }
        (AlertDescription::DecryptError, _) => {
            "the signature on clawgate's certificate does not match the CA certificate that the client has: the CA was \
             recreated with a new key; give the client its current certificate (curl: --cacert ca.pem)"
                .to_owned()
        }
        (AlertDescription::CertificateExpired, _) => {
            "renew the certificate in tls.certificate; if it is valid, the client's clock is wrong".to_owned()
        }
        (_, Some(name)) => format!("{name}; if the name is right, {TRUST}"),
        // Go and Java clients send this alert for every fault of a certificate.
        (_, None) => format!("the name is right, so the client may not trust the CA: {TRUST}"),
    };
    Fault::new(Reason::ServerCertRejected, detail, hint)
}

/// The hint for a client that got the certificate and closed the connection without an alert.
pub(super) fn left_silently(case: &Case<'_>) -> String {
    let (asked, names) = (RequestedName::of(case.hello, case.server_names), list(case.server_names));
    let cause = asked.hint(&names).unwrap_or_else(|| {
        format!(
            "{}: a CA that the client does not trust is a common cause (curl: --cacert ca.pem)",
            asked.detail(&names)
        )
    });
    format!("look at the client's own log; {cause}; its own timeout is another cause")
}

pub(crate) fn unknown_sni(case: &Case<'_>) -> Fault {
    let sni = case.hello.and_then(|hello| hello.sni.as_deref()).unwrap_or_default();
    let names = list(case.server_names);
    let detail = format!("the client asked for {sni}, and clawgate's certificate is good for {names}");
    let hint = "call clawgate by one of these names, have the name added to its certificate, or set tls.strict_sni to false";
    Fault::new(Reason::UnknownSni, detail, hint)
}
