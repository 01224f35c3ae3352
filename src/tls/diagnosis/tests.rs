//! The function alone, with causes that no socket is needed for and some that no client can bring about.

use std::io;

use insta::assert_snapshot;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{InvalidMessage, PeerMisbehaved};
use rustls_pki_types::CertificateDer;

use super::*;
use crate::identity::San;
use crate::pki::Ca;
use crate::pki::TrustStore;
use crate::pki::{Budget, SignatureCache};
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::client_hello::{ClientHello, Progress};
use crate::tls::handshake_record::HandshakeRecord;
use crate::tls::parameters::Parameters;

/// A moment at which rcgen's certificates (1975 to 4096) are valid.
const NOW: i64 = 1_800_000_000;

/// A trust with one CA, and the chain of one client of it.
struct Scene {
    trust: TrustStore,
    chain: Vec<CertificateDer<'static>>,
}

impl Scene {
    fn new() -> Self {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Unit CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name.push(DnType::CommonName, "unit");
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let leaf = leaf.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).unwrap();
        let cas = vec![Ca::read(ca_certificate.der()).unwrap()];
        let trust = TrustStore { cas, ..TrustStore::default() };
        Self { trust, chain: vec![leaf.der().clone()] }
    }

    fn diagnose(
        &self,
        cause: &Cause,
        record: &HandshakeRecord,
        hello: Option<&ClientHello>,
    ) -> Diagnosis {
        let trust = &self.trust;
        let (server_names, parameters) = (&[San::Dns("unit".to_owned())][..], &Parameters::default());
        let case = Case { cause, hello, record, trust, server_names, parameters };
        let diagnosis = diagnose(&case);
        assert!(!diagnosis.fault.detail.is_empty() && !diagnosis.fault.hint.is_empty(), "{diagnosis:?}");
        diagnosis
    }

    /// The verdict on a chain that the verifier refused with `error`.
    fn refused(&self, chain: &[CertificateDer<'static>], error: impl Into<Error>) -> Diagnosis {
        let error = error.into();
        let cache = SignatureCache::default();
        let budget = Budget::new(Budget::REFUSAL, &cache);
        let refused = Some(Refusal::Chain(chain_faults(chain, &error, &self.trust, NOW, &budget)));
        let mut record = HandshakeRecord::default();
        record.presented = Some(Presented::new(chain.to_vec(), refused));
        self.diagnose(&Cause::Tls(error), &record, None)
    }

    fn of(&self, error: impl Into<Error>) -> Reason {
        self.diagnose(&Cause::Tls(error.into()), &HandshakeRecord::default(), None).fault.reason
    }
}

#[test]
fn an_error_without_a_certificate_has_its_reason() {
    let scene = Scene::new();
    for (error, reason) in [
        (Error::NoCertificatesPresented, Reason::ClientCertMissing),
        (Error::NoApplicationProtocol, Reason::AlpnMismatch),
        (PeerIncompatible::Tls12NotOfferedOrEnabled.into(), Reason::TlsVersion),
        (PeerIncompatible::NoCipherSuitesInCommon.into(), Reason::NoCommonAlgorithms),
        (PeerIncompatible::NoKxGroupsInCommon.into(), Reason::NoCommonAlgorithms),
        (PeerIncompatible::SignatureAlgorithmsExtensionRequired.into(), Reason::NoCommonAlgorithms),
        (InvalidMessage::HandshakePayloadTooLarge.into(), Reason::ClientCertTooLarge),
        (InvalidMessage::CertificatePayloadTooLarge.into(), Reason::ClientCertTooLarge),
        (InvalidMessage::InvalidContentType.into(), Reason::ProtocolError),
        (PeerMisbehaved::UnsolicitedEncryptedExtension.into(), Reason::ProtocolError),
        (Error::DecryptError, Reason::ProtocolError),
        (Error::PeerSentOversizedRecord, Reason::ProtocolError),
        (CertificateError::BadEncoding.into(), Reason::ClientCertMalformed),
        (Error::General("x".into()), Reason::InternalError),
        (Error::FailedToGetRandomBytes, Reason::InternalError),
        (Error::EncryptError, Reason::InternalError),
    ] {
        assert_eq!(scene.of(error.clone()), reason, "{error:?}");
    }
}

#[test]
fn the_text_for_an_error_of_clawgate_itself_asks_for_a_report() {
    let cause = Cause::Tls(Error::FailedToGetRandomBytes);
    let Diagnosis { fault: Fault { reason, detail, hint, .. }, .. } =
        Scene::new().diagnose(&cause, &HandshakeRecord::default(), None);
    assert_snapshot!(format!("{}\n{detail}\n-> {hint}", reason.as_str()), @r"
    internal_error
    clawgate itself failed: the system provides no random numbers
    -> report this as a bug
    ");
}

#[test]
fn an_old_hello_is_a_matter_of_version_whatever_else_it_lacks() {
    let scene = Scene::new();
    let hello = ClientHello { versions: vec!["TLSv1.1".into()], ..ClientHello::default() };
    let cause = Cause::Tls(PeerIncompatible::SignatureAlgorithmsExtensionRequired.into());

    let diagnosis = scene.diagnose(&cause, &HandshakeRecord::default(), Some(&hello));

    assert_eq!(diagnosis.fault.reason, Reason::TlsVersion);
    assert!(diagnosis.fault.detail.contains("TLSv1.1"), "{diagnosis:?}");
}

#[test]
fn each_alert_of_a_client_has_its_name_and_its_reason() {
    use Reason::{ClientAlert, ClientClosed, ServerCertRejected, TlsVersion};
    let scene = Scene::new();
    // RFC 8446 section 6, RFC 5246 section 7.2.
    for (number, name, reason) in [
        (0, "close_notify", ClientClosed),
        (10, "unexpected_message", ClientAlert),
        (20, "bad_record_mac", ClientAlert),
        (22, "record_overflow", ClientAlert),
        (40, "handshake_failure", ClientAlert),
        (42, "bad_certificate", ServerCertRejected),
        (43, "unsupported_certificate", ServerCertRejected),
        (44, "certificate_revoked", ServerCertRejected),
        (45, "certificate_expired", ServerCertRejected),
        (46, "certificate_unknown", ServerCertRejected),
        (47, "illegal_parameter", ClientAlert),
        (48, "unknown_ca", ServerCertRejected),
        (49, "access_denied", ClientAlert),
        (50, "decode_error", ClientAlert),
        (51, "decrypt_error", ServerCertRejected),
        (70, "protocol_version", TlsVersion),
        (71, "insufficient_security", ClientAlert),
        (80, "internal_error", ClientAlert),
        (86, "inappropriate_fallback", ClientAlert),
        (90, "user_canceled", ClientClosed),
        (109, "missing_extension", ClientAlert),
        (110, "unsupported_extension", ClientAlert),
        (112, "unrecognized_name", ClientAlert),
        (113, "bad_certificate_status_response", ServerCertRejected),
        (115, "unknown_psk_identity", ClientAlert),
        (116, "certificate_required", ClientAlert),
        (120, "no_application_protocol", ClientAlert),
    ] {
        let cause = Cause::Tls(Error::AlertReceived(AlertDescription::from(number)));
        let diagnosis = scene.diagnose(&cause, &HandshakeRecord::default(), None);
        assert_eq!(diagnosis.alert_received.as_deref(), Some(name));
        assert_eq!(diagnosis.fault.reason, reason, "{name}");
        assert_eq!(diagnosis.alert_sent, None, "an alert is not answered");
    }
}

#[test]
fn a_problem_with_a_crl_is_never_the_clients_fault() {
    let scene = Scene::new();
    let chain = &scene.chain;
    for (error, reason) in [
        (CertificateError::UnknownRevocationStatus, Reason::CrlUnavailable),
        (CertificateError::ExpiredRevocationList, Reason::CrlExpired),
    ] {
        let diagnosis = scene.refused(chain, error);
        assert_eq!(diagnosis.fault.reason, reason);
        assert!(diagnosis.fault.detail.contains("CN=unit"), "{diagnosis:?}");
    }
    let error = Error::InvalidCertRevocationList(rustls::CertRevocationListError::BadSignature);
    assert_eq!(scene.refused(chain, error).fault.reason, Reason::CrlUnavailable);
}

#[test]
fn the_verifiers_word_stands_when_the_chain_shows_no_fault() {
    let scene = Scene::new();
    for (error, reason) in [
        (CertificateError::UnknownIssuer, Reason::ClientCertUnknownCa),
        (CertificateError::BadSignature, Reason::ClientCertBadSignature),
        (CertificateError::Expired, Reason::ClientCertExpired),
        (CertificateError::NotValidYet, Reason::ClientCertNotYetValid),
        (CertificateError::InvalidPurpose, Reason::ClientCertWrongPurpose),
        (CertificateError::Revoked, Reason::ClientCertRevoked),
    ] {
        assert_eq!(scene.refused(&scene.chain, error).fault.reason, reason);
    }
}

#[test]
fn a_connection_that_ends_in_the_handshake_says_how_and_where() {
    let scene = Scene::new();
    let ended = |end, progress| {
        let ended =
            scene.diagnose(&Cause::Ended(end, progress), &HandshakeRecord::of_first_bytes(7), None);
        assert_eq!(ended.fault.reason, Reason::ClientClosed);
        ended.fault.detail
    };
    assert_eq!(
        ended(End::Closed, None),
        "the client closed the connection in the middle of the handshake, before clawgate's ServerHello and after 7 bytes"
    );
    assert_eq!(
        ended(End::Reset, Some(Progress { have: 2, of: None })),
        "the client reset the connection in the middle of its ClientHello, after 7 bytes: the ClientHello was \
         incomplete, and so short that its length is not known"
    );
    assert_eq!(
        ended(End::Lost(io::ErrorKind::TimedOut), Some(Progress { have: 95, of: Some(512) })),
        "the connection was lost (timed out) in the middle of its ClientHello, after 7 bytes: the ClientHello was \
         incomplete, 95 of its 512 bytes had come"
    );
}

#[test]
fn an_alert_that_was_not_seen_leaving_is_not_claimed() {
    let scene = Scene::new();
    let cause = Cause::Tls(Error::NoCertificatesPresented);
    let mut record = HandshakeRecord::default();
    assert_eq!(scene.diagnose(&cause, &record, None).alert_sent, None);

    // Encrypted: its length tells that it was one, the cause which.
    record.sent(&[&[23, 3, 3, 0, 19][..], &[0x5a; 19]].concat());
    let sent = scene.diagnose(&cause, &record, None).alert_sent;
    assert_eq!(sent.as_deref(), Some("certificate_required"));

    // In the clear, after other records, in two writes: what was sent is what counts.
    record.sent(&[21, 3, 3, 0]);
    record.sent(&[2, 2, 40]);
    let sent = scene.diagnose(&cause, &record, None).alert_sent;
    assert_eq!(sent.as_deref(), Some("handshake_failure"));
}

proptest! {
    #[test]
    fn no_bytes_in_place_of_certificates_make_it_panic_or_blame_clawgate(
        chain in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 1..4),
    ) {
        let scene = Scene::new();
        let chain: Vec<_> = chain.into_iter().map(CertificateDer::from).collect();
        let diagnosis = scene.refused(&chain, CertificateError::BadEncoding);
        prop_assert_eq!(diagnosis.fault.reason, Reason::ClientCertMalformed);
    }

    #[test]
    fn a_certificate_with_any_byte_changed_is_never_blamed_on_clawgate(at in 0usize..300, to in any::<u8>()) {
        let scene = Scene::new();
        let mut der = scene.chain[0].to_vec();
        let at = at % der.len();
        der[at] = to;
        let chain = [CertificateDer::from(der), scene.chain[0].clone()];
        let diagnosis = scene.refused(&chain, CertificateError::BadSignature);
        prop_assert_eq!(diagnosis.fault.reason.class(), crate::telemetry::ReasonClass::Client);
        prop_assert!(!diagnosis.fault.detail.contains(char::is_control));
    }
}
