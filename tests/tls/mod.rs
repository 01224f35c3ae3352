//! Handshakes that succeed, and what they negotiate.

mod authorities;
mod ca_names;
mod chains;
mod curl;
mod refusals;

use std::sync::{Arc, Mutex};

use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, ResolvesClientCert, Resumption,
    Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore, SignatureScheme, version,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::client::{Client, Connection};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate that answers by itself with what it has verified.
fn clawgate(pki: &Pki) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").start()
}

/// A request on a connection that is there already.
fn post(connection: &mut Connection) -> u16 {
    connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    connection.answer().status
}

#[test]
fn tls_1_2_and_1_3_both_serve() {
    let pki = Pki::new();
    let mut clawgate = clawgate(&pki);
    for (number, (offered, version, name)) in (1..).zip([
        (&version::TLS13, ProtocolVersion::TLSv1_3, "TLSv1.3"),
        (&version::TLS12, ProtocolVersion::TLSv1_2, "TLSv1.2"),
    ]) {
        let client = Client::with_versions(&pki, &clawgate, Some(&pki.client), &[offered]);
        let mut connection = client.connect().unwrap();

        assert_eq!(connection.stream.conn.protocol_version(), Some(version));
        assert_eq!(post(&mut connection), 200);
        assert_eq!(clawgate.event("request", number)["tls_version"], name);
    }
    assert_eq!(clawgate.all("handshake_failed").len(), 0);
}

#[test]
fn a_client_that_offers_both_versions_gets_1_3() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);

    let connection = Client::new(&pki, &clawgate).connect().unwrap();

    assert_eq!(connection.stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[test]
fn without_a_certificate_nobody_is_admitted_over_either_version() {
    let pki = Pki::new();
    let mut clawgate = clawgate(&pki);
    for (number, version) in (1..).zip([&version::TLS13, &version::TLS12]) {
        let error = Client::with_versions(&pki, &clawgate, None, &[version]).refused();

        assert!(error.to_string().contains("CertificateRequired"), "{error}");
        assert_eq!(clawgate.event("handshake_failed", number)["reason"], "client_cert_missing");
    }
    assert_eq!(clawgate.all("request").len(), 0);
}

/// A client with these groups for the key exchange, the preferred one first.
fn with_groups(
    pki: &Pki,
    clawgate: &Clawgate,
    identity: &Identity,
    groups: &[&'static dyn SupportedKxGroup],
) -> Client {
    let provider = CryptoProvider { kx_groups: groups.to_vec(), ..default_provider() };
    let mut roots = RootCertStore::empty();
    roots.add(pki.root.certificate.der().clone()).unwrap();
    let mut client = Client::with_identity(pki, clawgate, identity);
    let resolver = Arc::clone(&client.config.client_auth_cert_resolver);
    client.config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(resolver);
    client
}

#[test]
fn the_key_exchange_is_post_quantum_with_clients_that_offer_it() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let agreed = |groups: &[&'static dyn SupportedKxGroup]| {
        let mut connection = with_groups(&pki, &clawgate, &pki.client, groups).connect().unwrap();
        assert_eq!(post(&mut connection), 200);
        connection.stream.conn.negotiated_key_exchange_group().unwrap().name()
    };

    assert_eq!(agreed(&[kx_group::X25519MLKEM768, kx_group::X25519]), NamedGroup::X25519MLKEM768);
    assert_eq!(agreed(&[kx_group::X25519MLKEM768]), NamedGroup::X25519MLKEM768);
    assert_eq!(agreed(&[kx_group::X25519, kx_group::SECP256R1]), NamedGroup::X25519);
    assert_eq!(agreed(&[kx_group::SECP384R1]), NamedGroup::secp384r1);
}

/// Notes which CAs clawgate asks for, then gives the good certificate.
#[derive(Debug)]
struct Asked {
    cas: Mutex<Vec<Vec<u8>>>,
    inner: Arc<dyn ResolvesClientCert>,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, cas: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.cas.lock().unwrap() = cas.iter().map(|name| name.to_vec()).collect();
        self.inner.resolve(cas, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

#[test]
fn the_request_for_a_certificate_names_the_configured_cas() {
    let pki = Pki::new();
    let other = Ca::root("Other Root");
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--client-ca", pki.file("other.pem", other.pem()))
        .start();
    let subject = |ca: &Ca| {
        let (_, x509) = X509Certificate::from_der(ca.certificate.der()).unwrap();
        x509.subject().as_raw().to_vec()
    };
    for version in [&version::TLS13, &version::TLS12] {
        let mut client = Client::with_versions(&pki, &clawgate, Some(&pki.client), &[version]);
        let inner = Arc::clone(&client.config.client_auth_cert_resolver);
        let asked = Arc::new(Asked { cas: Mutex::default(), inner });
        client.config.client_auth_cert_resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;

        assert_eq!(client.post("/hooks/wake", "{}").status, 200);

        assert_eq!(*asked.cas.lock().unwrap(), [subject(&pki.root), subject(&other)], "{version:?}");
    }
}

#[test]
fn the_protocol_is_the_one_that_is_offered_and_http_2_where_both_are() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let agreed = |offered: &[&str]| {
        let connection = Client::new(&pki, &clawgate).alpn(offered).connect().unwrap();
        let agreed = connection.stream.conn.alpn_protocol();
        agreed.map(|name| String::from_utf8(name.to_vec()).unwrap())
    };

    assert_eq!(agreed(&["h2"]).as_deref(), Some("h2"));
    assert_eq!(agreed(&["http/1.1"]).as_deref(), Some("http/1.1"));
    assert_eq!(agreed(&["http/1.1", "h2"]).as_deref(), Some("h2"));
    assert_eq!(agreed(&["http/1.0", "http/1.1"]).as_deref(), Some("http/1.1"));
    assert_eq!(agreed(&[]), None);
}

#[test]
fn http_1_1_is_served_with_and_without_alpn() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    for (number, offered) in (1..).zip([&["http/1.1"][..], &[]]) {
        let answer = Client::new(&pki, &clawgate).alpn(offered).post("/hooks/wake", "{}");

        assert_eq!(answer.status, 200);
        assert_eq!(clawgate.event("request", number)["protocol"], "HTTP/1.1");
    }
}

/// A client's store of sessions that counts what it is given.
#[derive(Debug)]
struct Sessions {
    tls12: Mutex<usize>,
    tickets: Mutex<usize>,
    inner: ClientSessionMemoryCache,
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.inner.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.inner.kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        *self.tls12.lock().unwrap() += 1;
        self.inner.set_tls12_session(name, session);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.inner.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.inner.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        *self.tickets.lock().unwrap() += 1;
        self.inner.insert_tls13_ticket(name, ticket);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.inner.take_tls13_ticket(name)
    }
}

#[test]
fn with_resumption_off_every_connection_is_a_full_handshake_and_there_are_no_tickets() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--resumption", "off").start();
    for version in [&version::TLS13, &version::TLS12] {
        let inner = ClientSessionMemoryCache::new(8);
        let store = Arc::new(Sessions { tls12: Mutex::new(0), tickets: Mutex::new(0), inner });
        let mut client = Client::with_versions(&pki, &clawgate, Some(&pki.client), &[version]);
        client.config.resumption = Resumption::store(Arc::clone(&store) as Arc<dyn ClientSessionStore>);
        client.config.enable_early_data = true;

        for _ in 0..2 {
            let mut connection = client.clone().connect().unwrap();
            // Tickets would come before the answer.
            assert_eq!(post(&mut connection), 200);
            let tls = &mut connection.stream.conn;
            assert_eq!(tls.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
            assert!(!tls.is_early_data_accepted());
        }

        assert_eq!(
            (*store.tls12.lock().unwrap(), *store.tickets.lock().unwrap()),
            (0, 0),
            "{version:?}"
        );
    }
}

/// `identity` is admitted over both versions, and clawgate reads its name.
fn admits(pki: &Pki, clawgate: &Clawgate, identity: &Identity) {
    for version in [&version::TLS13, &version::TLS12] {
        let answer =
            Client::with_versions(pki, clawgate, Some(identity), &[version]).post("/hooks/wake", "{}");

        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["client"]["fingerprint"], identity.fingerprint());
    }
}

/// `identity` is refused over TLS 1.3 with this alert; returns the log line that says why.
fn refuses(pki: &Pki, clawgate: &Clawgate, identity: &Identity, alert: &str) -> serde_json::Value {
    let before = clawgate.events("handshake_failed").len();
    let error = Client::with_versions(pki, clawgate, Some(identity), &[&version::TLS13]).refused();
    assert!(error.to_string().contains(alert), "{error}, not {alert}");
    let failure = clawgate.event("handshake_failed", before + 1);
    assert_eq!(failure["client_cert"]["fingerprint_sha256"], identity.fingerprint());
    failure
}

#[test]
fn two_clients_at_once_are_not_taken_for_each_other() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let calls = pki.client(Leaf::client("calls"));
    let mut first = Client::new(&pki, &clawgate).connect().unwrap();
    let mut second = Client::with_identity(&pki, &clawgate, &calls).connect().unwrap();

    for _ in 0..2 {
        for (connection, cn) in [(&mut second, "calls"), (&mut first, "notes")] {
            connection
                .write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
            assert_eq!(connection.answer().json()["client"]["cn"], cn);
        }
    }
}
