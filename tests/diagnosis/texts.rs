//! The texts of refusals as the operator reads them, one for each reason that scripts/demo.sh does not cause: its table,
//! with the others, is in the tests of scripts. `internal_error`, which no client should be able to cause, is in the unit
//! tests of the diagnosis. `coverage.rs` checks that no reason is left out.

use std::io::Write;
use std::net::Shutdown;

use insta::assert_snapshot;
use rcgen::{BasicConstraints, IsCa, KeyUsagePurpose, SanType};
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384;
use serde_json::Value;

use super::openssl::{extensions, issued, with_a_short_rsa_key};
use super::protocol::{Begun, alert_record};
use crate::parameters::offering;
use crate::support::client::{Client, connect};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::redact::redacted;

const DAY: i64 = 24 * 3600;

/// Reason, detail and hint of the only refusal of a clawgate.
fn text(pki: &Pki, clawgate: &Clawgate) -> String {
    let line: Value = clawgate.failure();
    let field = |name: &str| line[name].as_str().unwrap();
    let wrapped = |text: &str| {
        let indent = textwrap::Options::new(100).initial_indent("      ").subsequent_indent("      ");
        textwrap::fill(&redacted(text, pki.dir()), indent)
    };
    format!(
        "{}\n{}\n{}\n",
        field("reason"),
        wrapped(field("detail")),
        wrapped(&format!("-> {}", field("hint")))
    )
}

/// What is logged about `identity`.
fn refused(pki: &Pki, command: ClawgateCommand, identity: &Identity) -> String {
    let clawgate = command.upstream("echo:").start();
    Client::with_identity(pki, &clawgate, identity).refused();
    text(pki, &clawgate)
}

/// What is logged about a connection on which these bytes are sent, and nothing more.
fn sent(pki: &Pki, command: ClawgateCommand, bytes: &[u8], end: bool) -> String {
    let clawgate = command.upstream("echo:").start();
    let mut socket = connect(clawgate.address());
    socket.write_all(bytes).unwrap();
    if end {
        socket.shutdown(Shutdown::Write).unwrap();
    }
    text(pki, &clawgate)
}

#[test]
fn refusals_of_chains_rules_and_crls() {
    let pki = Pki::new();
    let command = || ClawgateCommand::new(&pki);
    let mut expired = Ca::params("Late Intermediate");
    expired.not_after = time::OffsetDateTime::now_utc() - time::Duration::days(2);
    let expired = pki.root.intermediate_of(expired);
    let mut mute = Ca::params("Mute Intermediate");
    mute.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let mute = pki.root.intermediate_of(mute);
    let client = || Leaf::client("calls").serial(0x1234).valid(-DAY, DAY);
    let mut altered = pki.client(client());
    *altered.chain[0].last_mut().unwrap() ^= 1;
    let malformed =
        Identity { chain: vec![b"not a certificate".to_vec()], key: pki.client(client()).key };
    let crl = pki.file("old.crl", pki.intermediate.crl(&[], -4230));

    assert_snapshot!([
        refused(&pki, command(), &client().issued_by(&expired, &[&expired])),
        refused(&pki, command(), &client().issued_by(&mute, &[&mute])),
        refused(&pki, command(), &altered),
        refused(&pki, command(), &malformed),
        refused(&pki, command().arg("--allow", "cn=notes"), &pki.client(client())),
        refused(&pki, command().arg("--crl", crl), &pki.client(client())),
        refused(&pki, command().arg("--crl-policy", "strict"), &pki.client(client())),
    ].concat(), @r#"
    client_chain_expired
          the intermediate CN=Late Intermediate (serial SERIAL) expired 2 days ago, at DATE
          -> have the CA renew the intermediate, and put the new one into the client's certificate file
    client_chain_invalid
          O=Example,CN=calls (serial 1234) was issued by way of the intermediate CN=Mute Intermediate
          (serial SERIAL), which may not sign certificates (its keyUsage lacks keyCertSign)
          -> have the CA's certificate issued again with keyUsage=keyCertSign,cRLSign
    client_cert_bad_signature
          the signature on O=Example,CN=calls (serial 1234) is not its issuer's, CN=Test Intermediate:
          the certificate was altered after it was signed
          -> send the certificate file as the CA issued it; this one is damaged, or was tampered with
    client_cert_malformed
          certificate 1 of those sent is not X.509: it is not a DER-encoded certificate
          -> send the certificate file as the CA issued it; this one is damaged
    client_not_allowed
          O=Example,CN=calls (serial 1234) verifies, but no rule of clients.allow matches it; nearest is
          [cn=notes]: cn=notes is asked for, but it has cn=calls (its alternative names:
          dns:calls.example)
          -> add a rule for it to clients.allow (--allow), if it is to be admitted, e.g.
          dns=calls.example
    crl_expired
          the CRL of the CA CN=Test Intermediate, which issued O=Example,CN=calls (serial 1234), is out
          of date: the next one was due 70 minutes ago, at DATE (old.crl)
          -> fetch the CA's current CRL and give it to clawgate; no restart is needed
    crl_unavailable
          O=Example,CN=calls (serial 1234) was issued by CN=Test Intermediate, for which there is no
          CRL, and clients.crl_policy is "strict"
          -> add that CA's CRL to clients.crl, or set clients.crl_policy to "if-present"
    "#);
}

#[test]
fn refusals_of_kinds_keys_signatures_and_sizes() {
    let pki = Pki::new();
    let command = || ClawgateCommand::new(&pki);
    extensions(&pki);
    let weak = issued(&pki, Leaf::client("calls"), &["-sha1", "-extfile", "ext.cnf"]);
    let ca = Leaf::client("calls").serial(0x1234);
    let ca = ca.with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let name = |number: u32| SanType::DnsName(format!("n{number}.example").try_into().unwrap());
    let many_names = Leaf::client("calls").serial(0x1234).sans((0..513).map(name).collect());
    // rustls cannot have so short a key, so the client is OpenSSL.
    let short_key = command().upstream("echo:").start();
    with_a_short_rsa_key(&pki, &short_key, "-tls1_3");

    assert_snapshot!([
        refused(&pki, command(), &pki.client(ca)),
        refused(&pki, command(), &weak),
        text(&pki, &short_key),
        refused(&pki, command(), &pki.client(many_names)),
    ].concat(), @r"
    client_cert_is_ca
          O=Example,CN=calls (serial 1234) is a CA certificate, used as the client's own
          -> issue a certificate for the client with that CA (basicConstraints=CA:FALSE), and use it
    client_cert_weak_signature
          O=Example,CN=calls (serial 07) is signed with SHA-1 with ECDSA
          -> have it issued again with SHA-256 (openssl: -sha256)
    client_cert_key_unsupported
          CN=small (serial 07) has a key of the kind RSA 1024
          -> use ECDSA (P-256, P-384, P-521), RSA of 2048 to 8192 bits, or Ed25519
    client_cert_too_large
          the client's certificate is too large: it has 513 subject alternative names, and clawgate
          accepts at most 512
          -> have a smaller certificate issued, with no more names than the client needs
    ");
}

#[test]
fn refusals_of_hellos_alerts_and_limits() {
    let pki = Pki::new();
    let command = || ClawgateCommand::new(&pki).upstream("echo:");
    let one_suite = command().arg("--cipher-suite", "TLS_AES_128_GCM_SHA256").start();
    offering(&pki, &one_suite, &[TLS13_AES_256_GCM_SHA384], &[]).refused();
    let strict = command().arg("--strict-sni", "true").start();
    Client::new(&pki, &strict).named("other.example").refused();
    // The client sends a fatal alert in the clear (handshake_failure) instead of its certificate.
    let alerted = command().start();
    let mut begun = Begun::new(Client::new(&pki, &alerted), &alerted).answered();
    begun.send(&alert_record(2, 40));
    let full = command().arg("--max-connections", "2").start();
    let _held = [(); 3].map(|()| connect(full.address()));

    assert_snapshot!([&one_suite, &strict, &alerted, &full].map(|clawgate| text(&pki, clawgate)).concat(), @r"
    no_common_algorithms
          no common cipher suite; the client offers suites TLS_AES_256_GCM_SHA384, groups X25519MLKEM768
          X25519 secp256r1 secp384r1, schemes ECDSA_NISTP384_SHA384 ECDSA_NISTP256_SHA256
          ECDSA_NISTP521_SHA512 ED25519 RSA_PSS_SHA512 RSA_PSS_SHA384 RSA_PSS_SHA256 RSA_PKCS1_SHA512
          RSA_PKCS1_SHA384 RSA_PKCS1_SHA256 ML_DSA_44 ML_DSA_65 ML_DSA_87
          -> allow in the client's TLS settings what clawgate accepts: one of the suites
          TLS_AES_128_GCM_SHA256, one of the groups X25519MLKEM768 X25519 secp256r1 secp384r1, and the
          kind of key in clawgate's certificate
    unknown_sni
          the client asked for other.example, and clawgate's certificate is good for dns:localhost,
          ip:127.0.0.1
          -> call clawgate by one of these names, have the name added to its certificate, or set
          tls.strict_sni to false
    client_alert
          the client ended the handshake with the alert handshake_failure
          -> look at the client's own log for the cause
    overloaded
          clawgate has 2 open connections, which is the limit
          -> look for clients that open connections and do not close them; if there are none, raise
          limits.connections
    ");
}

#[test]
fn refusals_of_connections() {
    let pki = Pki::new();
    let command = || ClawgateCommand::new(&pki);
    let hello = b"\x16\x03\x01\x00\xff\x01\x00\x00\xfb\x03\x03";
    let alpn = command().upstream("echo:").start();
    let unknown_protocol = Client::new(&pki, &alpn).alpn(&["spdy/1"]).refused();

    assert!(unknown_protocol.to_string().contains("NoApplicationProtocol"), "{unknown_protocol}");
    assert_snapshot!([
        text(&pki, &alpn),
        sent(&pki, command(), b"PROXY TCP4 192.0.2.1 192.0.2.2 4096 8192\r\n", true),
        sent(&pki, command(), hello, true),
        sent(&pki, command().arg("--handshake-timeout", "200ms"), hello, false),
        sent(&pki, command(), b"\x16\x03\x01\x00\x05\x0f\x00\x00\x01\x00", true),
    ].concat(), @r"
    alpn_mismatch
          the client offers the protocols spdy/1 (ALPN); clawgate speaks h2 and http/1.1
          -> let the client offer http/1.1 or h2, or no ALPN at all
    proxy_protocol
          the client sent a PROXY protocol header, and this listener expects none
          -> switch the PROXY protocol off in the load balancer before clawgate, or let it call an
          address of listen.proxy_address
    client_closed
          the client closed the connection in the middle of its ClientHello, after 11 bytes: the
          ClientHello was incomplete, 6 of its 255 bytes had come
          -> look at the client's own log; common causes are its own timeout, and a device on the way
          that cuts connections
    handshake_timeout
          after 200ms clawgate still waited for the rest of the client's ClientHello (the ClientHello
          was incomplete, 6 of its 255 bytes had come); 11 bytes had come
          -> check the network between the client and clawgate; for a slow one raise
          limits.greeting_timeout and tls.handshake_timeout
    protocol_error
          the client broke the TLS protocol: a message ends before one of its fields is complete
          -> check what is between the client and clawgate: a device there may alter or mix TLS records
    ");
}
