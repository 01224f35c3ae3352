//! Faults that do not come from the chain: detail and hint for each.

use rustls::{AlertDescription, Error, PeerIncompatible};

use super::case::Case;
use crate::telemetry::{HandshakeReason as Reason, Limit};
use crate::tls::client_hello::ClientHello;
use crate::tls::fault::Fault;
use crate::tls::parameters::Parameters;
use crate::wording::{alert_name, incompatible, tls};

pub(crate) fn missing(case: &Case<'_>) -> Fault {
    let give = "give the client its certificate and key (curl: --cert client.pem --key client.key)";
    // Measured by scripts/client-errors.sh.
    let keys = "OpenSSL sends none if the key is of a kind that was not asked for (Ed448, secp256k1, RSA-PSS, DSA)";
    let (asked, hint) = if case.trust.pinned.is_empty() {
        let hint = format!(
            "{give}. If it has them: Go, Java and GnuTLS (wget) send no certificate unless one of these CAs issued it, or issued \
             an intermediate that is in the client's file; {keys}"
        );
        (format!("one of these CAs was asked for: {}", case.trust.names()), hint)
    } else {
        (
            "certificates of any CA were asked for, because clients.pinned is set".to_owned(),
            format!("{give}. If it has them: {keys}"),
        )
    };
    Fault::new(Reason::ClientCertMissing, format!("the client sent no certificate; {asked}"), hint)
}

pub(crate) fn tls_version(case: &Case<'_>) -> Fault {
    let offered = case.hello.map(|hello| hello.versions.join(", "));
    let offered =
        offered.filter(|list| !list.is_empty()).unwrap_or_else(|| "an older version".to_owned());
    let detail = format!("the client offers {offered}; {} is needed", case.parameters.version_text());
    let mut hint = "update the client's TLS library, or change the limit in its settings".to_owned();
    // A version that clawgate could speak.
    if let Some(hello) = case.hello.filter(|hello| Parameters::default().shares_version(hello)) {
        let offered = hello.versions.join(", ");
        hint.push_str(&format!(
            "; clawgate supports {offered}, but tls.min_version, tls.cipher_suites or tls.groups exclude it"
        ));
    }
    Fault::new(Reason::TlsVersion, detail, hint)
}

pub(crate) fn no_common_algorithms(why: &PeerIncompatible, case: &Case<'_>) -> Fault {
    let what = match why {
        PeerIncompatible::NoCipherSuitesInCommon => "cipher suite",
        // A client that only has suites with RSA key exchange offers no groups.
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired
            if case.hello.is_some_and(|hello| hello.groups.is_empty()) =>
        {
            "cipher suite with forward secrecy (ECDHE)"
        }
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "key exchange group"
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => "signature scheme",
        other => {
            let detail = format!("no common TLS parameters: {}", incompatible(other));
            return with_offers(detail, case);
        }
    };
    with_offers(format!("no common {what}"), case)
}

/// Adds what client and clawgate offer.
fn with_offers(detail: String, case: &Case<'_>) -> Fault {
    let detail = format!("{detail}; the client offers {}", offers(case.hello));
    let (suites, groups) = (case.parameters.suite_names(), case.parameters.group_names());
    let hint = format!(
        "allow in the client's TLS settings what clawgate accepts: one of the suites {}, one of the groups {}, and \
         the kind of key in clawgate's certificate",
        suites.join(" "),
        groups.join(" ")
    );
    Fault::new(Reason::NoCommonAlgorithms, detail, hint)
}

fn offers(hello: Option<&ClientHello>) -> String {
    let Some(hello) = hello else {
        return "what could not be read".to_owned();
    };
    let list = |names: Vec<String>| {
        if names.is_empty() {
            return "none".to_owned();
        }
        names.iter().take(16).map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    format!(
        "suites {}, groups {}, schemes {}",
        list(hello.suite_names()),
        list(hello.group_names()),
        list(hello.scheme_names())
    )
}

pub(crate) fn alpn_mismatch(case: &Case<'_>) -> Fault {
    let offered = case.hello.map(|hello| hello.alpn.join(", ")).unwrap_or_default();
    let detail =
        format!("the client offers the protocols {offered} (ALPN); clawgate speaks h2 and http/1.1");
    Fault::new(Reason::AlpnMismatch, detail, "let the client offer http/1.1 or h2, or no ALPN at all")
}

pub(crate) fn overloaded(limit: Limit, allowed: usize) -> Fault {
    let detail = match limit {
        Limit::ConnectionsPerSource => {
            format!("{allowed} connections from this address are open already, which is the limit")
        }
        Limit::ConnectionsPerIdentity => {
            format!("{allowed} connections with this certificate are open already, which is the limit")
        }
        Limit::HandshakeRate => {
            format!("{allowed} connections came from this address within a second, which is the limit")
        }
        Limit::Handshakes => {
            format!(
                "{allowed} handshakes were in progress, which is the limit, and this one was the oldest"
            )
        }
        Limit::HandshakeBytes => format!(
            "the handshakes in progress hold {allowed} bytes, which is the limit, and this one was the oldest of those with more than 4 KiB"
        ),
        _ => format!("clawgate has {allowed} open connections, which is the limit"),
    };
    let setting = if limit == Limit::HandshakeBytes { Limit::Handshakes } else { limit }.as_str();
    let hint = format!(
        "look for clients that open connections and do not close them; if there are none, raise limits.{setting}"
    );
    Fault::new(Reason::Overloaded, detail, hint)
}

pub(crate) fn client_alert(alert: AlertDescription) -> Fault {
    let detail = format!("the client ended the handshake with the alert {}", alert_name(alert));
    Fault::new(Reason::ClientAlert, detail, "look at the client's own log for the cause")
}

/// rustls's buffers for the time before the end of a handshake are full.
pub(crate) fn full() -> Fault {
    Fault::new(
        Reason::ProtocolError,
        "the client sent more data than clawgate buffers before the end of the handshake",
        "find out which program runs at the client's address: it sends data without waiting for the server's answer",
    )
}

pub(crate) fn malformed(error: &Error) -> Fault {
    let detail = format!("the client's certificate cannot be read: {}", tls(error));
    let hint = "send the certificate file as the CA issued it; this one is damaged";
    Fault::new(Reason::ClientCertMalformed, detail, hint)
}

pub(crate) fn too_large() -> Fault {
    let hint = "send the leaf and its intermediates only";
    Fault::new(Reason::ClientCertTooLarge, "the client's certificates are over 64 KiB", hint)
}

pub(crate) fn internal(error: &Error) -> Fault {
    Fault::new(
        Reason::InternalError,
        format!("clawgate itself failed: {}", tls(error)),
        "report this as a bug",
    )
}

pub(crate) fn protocol_error(error: &Error) -> Fault {
    let detail = format!("the client broke the TLS protocol: {}", tls(error));
    let hint =
        "check what is between the client and clawgate: a device there may alter or mix TLS records";
    Fault::new(Reason::ProtocolError, detail, hint)
}
