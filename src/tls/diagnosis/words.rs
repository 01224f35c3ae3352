//! The sentences: what is wrong and how to mend it, for every reason that is not read off the chain.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, Error, PeerIncompatible};

use super::chain::Fault;
use super::{Case, NotTls, Step};
use crate::identity::name::printable;
use crate::observe::{HandshakeReason as Reason, Limit};
use crate::proxy_protocol::Malformed;
use crate::tls::client_hello::{ClientHello, MAX_HELLO};
use crate::tls::introduction::NoIntroduction;
use crate::tls::parameters::Parameters;

pub(super) fn not_tls(greeting: &NotTls, case: &Case<'_>) -> Fault {
    match greeting {
        NotTls::Probe => Fault::new(
            Reason::TcpProbe,
            "the connection was opened and closed without a byte",
            "nothing is wrong if this is a health check; one that asks /livez on the admin listener tells more",
        ),
        NotTls::PlainHttp => Fault::new(
            Reason::PlainHttp,
            "the sender speaks HTTP without TLS",
            "use https:// in the sender's webhook URL",
        ),
        NotTls::ProxyProtocol => Fault::new(
            Reason::ProxyProtocol,
            "a PROXY protocol header came, and none is expected here",
            "switch the PROXY protocol off in the load balancer before the gate, or let it call an address of \
             listen.proxy_address",
        ),
        NotTls::Sslv2 => Fault::new(
            Reason::TlsVersion,
            format!("the sender offers SSL 2.0; {} is needed", case.parameters.version_text()),
            "update the sender's TLS library",
        ),
        NotTls::Other(Some(name), first) => Fault::new(
            Reason::NotTls,
            format!("not TLS: the first bytes are {first}, which looks like {name}"),
            "nothing is wrong if this is a scanner; else point that service at its own port",
        ),
        NotTls::Other(None, first) => Fault::new(
            Reason::NotTls,
            format!("not TLS: the first bytes are {first}"),
            "nothing is wrong if this is a scanner; else check which port the sender calls",
        ),
    }
}

pub(super) fn not_introduced(why: &NoIntroduction) -> Fault {
    let (detail, hint) = match why {
        NoIntroduction::Source(ip) => (
            format!(
                "only load balancers may call here, and {ip} is none of those in listen.proxy_sources"
            ),
            "if that is a load balancer of yours, add its address to listen.proxy_sources (--proxy-source); senders \
             that call by themselves need an address of listen.address",
        ),
        NoIntroduction::Malformed(Malformed::NotProxy, first) => (
            format!("a PROXY protocol header is expected here first, and the first bytes are {first}"),
            "switch the PROXY protocol on in the load balancer (HAProxy: send-proxy-v2; nginx: proxy_protocol on), or \
             let it call an address of listen.address",
        ),
        NoIntroduction::Malformed(malformed, first) => (
            format!(
                "the PROXY protocol header cannot be read: {malformed}; its first bytes are {first}"
            ),
            "check what stands between the load balancer and the gate; versions 1 and 2 are taken",
        ),
        NoIntroduction::Closed(count) => (
            format!("the connection ended within the PROXY protocol header, after {count} bytes"),
            "look at the load balancer's own log",
        ),
    };
    Fault::new(Reason::ProxyProtocol, detail, hint)
}

pub(super) fn missing(case: &Case<'_>) -> Fault {
    let asked = if case.trust.pinned.is_empty() {
        format!("one of these CAs was asked for: {}", case.trust.names())
    } else {
        "any was asked for, since some are pinned".to_owned()
    };
    let detail = format!("the sender sent no certificate; {asked}");
    let hint = "give the sender its certificate and key (curl: --cert client.pem --key client.key); one that has them \
                and still sends none holds a certificate of another CA, or a key of a kind that was not offered \
                (Ed448, secp256k1, RSA-PSS, DSA)";
    Fault::new(Reason::ClientCertMissing, detail, hint)
}

pub(super) fn server_cert_rejected(alert: AlertDescription, case: &Case<'_>) -> Fault {
    let detail =
        format!("the sender refused the gate's certificate with the alert {}", alert_name(alert));
    let names = case.server_names;
    let hint = match alert {
        AlertDescription::UnknownCA | AlertDescription::CertificateUnknown => {
            "the sender does not trust the CA of the gate's certificate: give it that CA's certificate (curl: \
             --cacert ca.pem), or give the gate a certificate of a CA that it trusts; check also that \
             tls.certificate holds the intermediates"
                .to_owned()
        }
        AlertDescription::DecryptError => {
            "the signature on the gate's certificate does not fit the CA that the sender holds: the CA was made \
             again; give the sender the present CA's certificate (curl: --cacert ca.pem)"
                .to_owned()
        }
        AlertDescription::CertificateExpired => {
            "renew the certificate in tls.certificate; if it is valid, the sender's clock is wrong".to_owned()
        }
        _ => format!("the gate's certificate is good for {names}; check that the sender calls one of these names"),
    };
    Fault::new(Reason::ServerCertRejected, detail, hint)
}

pub(super) fn tls_version(case: &Case<'_>) -> Fault {
    let offered = case.hello.map(|hello| hello.versions.join(", "));
    let offered =
        offered.filter(|list| !list.is_empty()).unwrap_or_else(|| "an older version".to_owned());
    let detail = format!("the sender offers {offered}; {} is needed", case.parameters.version_text());
    let mut hint = "update the sender's TLS library, or lift the limit it was set to".to_owned();
    // A version that the gate could speak.
    if let Some(hello) = case.hello.filter(|hello| Parameters::default().shares_version(hello)) {
        let offered = hello.versions.join(", ");
        hint.push_str(&format!(
            "; the gate could take {offered}, if tls.min_version, tls.cipher_suites and tls.groups let it"
        ));
    }
    Fault::new(Reason::TlsVersion, detail, hint)
}

pub(super) fn no_common_algorithms(why: &PeerIncompatible, case: &Case<'_>) -> Fault {
    let what = match why {
        PeerIncompatible::NoCipherSuitesInCommon => "cipher suite",
        // Suites with the RSA key exchange of old need no groups, so none are offered.
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
        _ => "way to go on",
    };
    let detail = format!("no common {what} ({why:?}); the sender offers {}", offers(case.hello));
    let (suites, groups) = (case.parameters.suite_names(), case.parameters.group_names());
    let hint = format!(
        "allow one of what the gate takes in the sender's TLS settings: suites {}, groups {}, and the kind of key of \
         the gate's certificate",
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

pub(super) fn alpn_mismatch(case: &Case<'_>) -> Fault {
    let offered = case.hello.map(|hello| hello.alpn.join(", ")).unwrap_or_default();
    let detail =
        format!("the sender offers the protocols {offered} (ALPN); the gate speaks h2 and http/1.1");
    Fault::new(Reason::AlpnMismatch, detail, "let the sender offer http/1.1 or h2, or no ALPN at all")
}

pub(super) fn closed(case: &Case<'_>) -> Fault {
    let detail = format!(
        "the sender closed the connection in the middle of the handshake, after {} bytes",
        case.evidence.bytes_in
    );
    let hint = format!(
        "look at the sender's own log; a name it does not find in the gate's certificate (good for {}) is a common \
         cause, its own timeout another",
        case.server_names
    );
    Fault::new(Reason::ClientClosed, detail, hint)
}

pub(super) fn unknown_sni(case: &Case<'_>) -> Fault {
    let sni = case.hello.and_then(|hello| hello.sni.as_deref()).unwrap_or_default();
    let detail = format!(
        "the sender asked for {sni}, and the gate's certificate is good for {}",
        case.server_names
    );
    let hint = "call the gate by one of these names, have the name added to its certificate, or set tls.strict_sni to false";
    Fault::new(Reason::UnknownSni, detail, hint)
}

pub(super) fn overloaded(limit: Limit, allowed: usize) -> Fault {
    let detail = match limit {
        Limit::ConnectionsPerSource => {
            format!("{allowed} connections are open from this address already, and no more are taken")
        }
        Limit::ConnectionsPerIdentity => {
            format!("{allowed} connections of this certificate are open already, and no more are taken")
        }
        Limit::HandshakeRate => {
            format!("{allowed} connections came from this address in a second, and no more are taken")
        }
        Limit::Handshakes => {
            format!("{allowed} handshakes are under way, and this one was the oldest of them")
        }
        Limit::HandshakeBytes => format!(
            "the handshakes under way hold {allowed} bytes, and of those that hold more than 4 KiB this one was the oldest"
        ),
        _ => format!("the gate has {allowed} connections open already, and takes no more"),
    };
    let setting = if limit == Limit::HandshakeBytes { Limit::Handshakes } else { limit }.as_str();
    let hint = format!(
        "look for senders that open connections and do not close them; if all are honest, raise limits.{setting}"
    );
    Fault::new(Reason::Overloaded, detail, hint)
}

pub(super) fn client_alert(alert: AlertDescription) -> Fault {
    let detail = format!("the sender ended the handshake with the alert {}", alert_name(alert));
    Fault::new(Reason::ClientAlert, detail, "look at the sender's own log for the cause")
}

pub(super) fn io(error: &io::Error) -> Fault {
    let detail = format!(
        "reading or writing failed in the middle of the handshake: {}",
        printable(&error.to_string())
    );
    Fault::new(Reason::ProtocolError, detail, "check what stands between the sender and the gate")
}

pub(super) fn timeout(deadline: Duration, step: Step, bytes_in: u64) -> Fault {
    let waited = match step {
        Step::FirstByte => "the sender's first byte",
        Step::ProxyHeader => "the rest of the load balancer's PROXY header",
        Step::ClientHello => "the rest of the sender's ClientHello",
        Step::SenderFlight => "the sender's certificate or the end of its handshake",
    };
    let detail =
        format!("after {deadline:?} the gate still waited for {waited}; {bytes_in} bytes had come");
    let hint =
        "check the network between the sender and the gate; for a slow one raise tls.handshake_timeout";
    Fault::new(Reason::HandshakeTimeout, detail, hint)
}

pub(super) fn malformed(error: &Error) -> Fault {
    let detail = format!("the sender's certificate cannot be read: {error}");
    let hint = "send the certificate file as the CA issued it; this one is damaged";
    Fault::new(Reason::ClientCertMalformed, detail, hint)
}

pub(super) fn too_large() -> Fault {
    let hint = "send the leaf and its intermediates only";
    Fault::new(Reason::ClientCertTooLarge, "the sender's certificates are over 64 KiB", hint)
}

pub(super) fn internal(error: &Error) -> Fault {
    Fault::new(Reason::InternalError, format!("the gate itself failed: {error}"), "report this as a bug")
}

pub(super) fn protocol_error(error: &Error) -> Fault {
    let detail = format!("the sender broke the TLS protocol: {}", printable(&error.to_string()));
    let hint =
        "check what stands between the sender and the gate: something that alters or mixes TLS records";
    Fault::new(Reason::ProtocolError, detail, hint)
}

pub(super) fn hello_too_large(length: usize) -> Fault {
    let detail = format!("the client's ClientHello has {length} bytes, and {MAX_HELLO} are taken");
    let hint = "no TLS library sends such a large one: look at what runs there";
    Fault::new(Reason::ProtocolError, detail, hint)
}

/// An alert by its name in RFC 8446 section 6.
pub fn alert_name(alert: AlertDescription) -> String {
    // The enum's names are those of the RFC in camel case.
    let mut name = String::new();
    let debug = format!("{alert:?}").replace("CA", "Ca").replace("PSK", "Psk").replace("ised", "ized");
    for (i, c) in debug.char_indices() {
        if c.is_ascii_uppercase() && i > 0 {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}
