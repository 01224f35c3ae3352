//! Checks that no phrase contains a library's text, for every error that can be made here.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustls::{
    AlertDescription, CertRevocationListError, CertificateError, ContentType, EncryptedClientHelloError,
    Error, ExtendedKeyPurpose, HandshakeType, InconsistentKeys, InvalidMessage, OtherError,
    PeerIncompatible, PeerMisbehaved,
};
use rustls_pki_types::UnixTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;

/// Checks that a phrase has no name in camel case, no brackets of Debug output and no module path.
#[track_caller]
fn is_plain(phrase: &str, of: &dyn std::fmt::Debug) {
    let is_camel = |word: &str| {
        let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
        // Terms that users know: ServerHello, HelloRetryRequest, clientAuth, sha1WithRSAEncryption …
        const KNOWN: [&str; 8] = [
            "KiB",
            "ClientHello",
            "HelloRetryRequest",
            "clientAuth",
            "serverAuth",
            "sha1WithRSAEncryption",
            "rsaEncryption",
            "rsassaPss",
        ];
        let known = KNOWN.iter().any(|known| inner.trim_end_matches("'s") == *known);
        !known
            && inner
                .chars()
                .zip(inner.chars().skip(1))
                .any(|(a, b)| a.is_lowercase() && b.is_uppercase())
    };
    assert!(!phrase.is_empty(), "{of:?}");
    let camel: Vec<_> = phrase.split([' ', ',', '/']).filter(|word| is_camel(word)).collect();
    assert!(camel.is_empty(), "{camel:?} in {phrase:?} of {of:?}");
    for mark in ["{", "}", "[", "]", "::", "Some(", "os error", "https://docs"] {
        assert!(!phrase.contains(mark), "{mark} in {phrase:?} of {of:?}");
    }
    let debug = format!("{of:?}");
    let variant = debug.rsplit('(').find(|part| part.len() > 8).unwrap_or(&debug).trim_end_matches(')');
    assert!(variant.len() <= 8 || !phrase.contains(variant), "{phrase:?} of {of:?}");
}

#[test]
fn the_phrase_for_an_error_of_rustls_contains_no_library_text() {
    let other = || OtherError(Arc::new(io::Error::other("libraryText")));
    let mut errors = vec![
        Error::InappropriateMessage {
            expect_types: vec![ContentType::Handshake, ContentType::Alert],
            got_type: ContentType::ApplicationData,
        },
        Error::InappropriateMessage { expect_types: vec![], got_type: ContentType::Unknown(99) },
        Error::InappropriateHandshakeMessage {
            expect_types: vec![HandshakeType::CertificateVerify],
            got_type: HandshakeType::Finished,
        },
        Error::InappropriateHandshakeMessage {
            expect_types: vec![],
            got_type: HandshakeType::Unknown(99),
        },
        Error::InvalidEncryptedClientHello(EncryptedClientHelloError::InvalidConfigList),
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        Error::General("libraryText".to_owned()),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::PeerSentOversizedRecord,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        Error::InconsistentKeys(InconsistentKeys::Unknown),
        Error::Other(other()),
        Error::InvalidCertificate(CertificateError::Other(other())),
        Error::InvalidCertRevocationList(CertRevocationListError::Other(other())),
    ];
    errors.extend((0..=255).map(|number| Error::AlertReceived(AlertDescription::from(number))));
    errors.extend((0..=255).map(|number| Error::InappropriateHandshakeMessage {
        expect_types: vec![],
        got_type: HandshakeType::from(number),
    }));
    errors.extend(INVALID.into_iter().map(Error::from));
    errors.extend(misbehaved().into_iter().map(Error::from));
    errors.extend(incompatibilities().into_iter().map(Error::from));
    errors.extend(of_certificates().into_iter().map(Error::from));
    errors.extend(of_crls().into_iter().map(Error::from));
    for error in &errors {
        is_plain(&tls(error), error);
        let within = io::Error::new(ErrorKind::InvalidData, error.clone());
        assert_eq!(io(&within), tls(error), "the same within an error of reading");
        assert_eq!(io(&io::Error::other(within)), tls(error), "and twice within");
    }
}

const INVALID: [InvalidMessage; 27] = [
    InvalidMessage::CertificatePayloadTooLarge,
    InvalidMessage::HandshakePayloadTooLarge,
    InvalidMessage::InvalidCcs,
    InvalidMessage::InvalidContentType,
    InvalidMessage::InvalidCertificateStatusType,
    InvalidMessage::InvalidCertRequest,
    InvalidMessage::InvalidDhParams,
    InvalidMessage::InvalidEmptyPayload,
    InvalidMessage::InvalidKeyUpdate,
    InvalidMessage::InvalidServerName,
    InvalidMessage::MessageTooLarge,
    InvalidMessage::MessageTooShort,
    InvalidMessage::MissingData("ClientExtension"),
    InvalidMessage::MissingKeyExchange,
    InvalidMessage::NoSignatureSchemes,
    InvalidMessage::TrailingData("ClientHelloPayload"),
    InvalidMessage::UnexpectedMessage("HelloRetryRequest"),
    InvalidMessage::UnknownProtocolVersion,
    InvalidMessage::UnsupportedCompression,
    InvalidMessage::UnsupportedCurveType,
    InvalidMessage::EmptyTicketValue,
    InvalidMessage::IllegalEmptyList("CipherSuites"),
    InvalidMessage::IllegalEmptyValue,
    InvalidMessage::DuplicateExtension(43),
    InvalidMessage::PreSharedKeyIsNotFinalExtension,
    InvalidMessage::UnknownHelloRetryRequestExtension,
    InvalidMessage::UnknownCertificateExtension,
];

/// Makes a list of all variants; the compiler checks that none is missing.
macro_rules! all {
    ($kind:ident: $($variant:ident)*) => { vec![$($kind::$variant),*] };
}

fn misbehaved() -> Vec<PeerMisbehaved> {
    all!(PeerMisbehaved:
        AttemptedDowngradeToTls12WhenTls13IsSupported BadCertChainExtensions CipherSuiteDifferedOnRetry
        DisallowedEncryptedExtension DuplicateClientHelloExtensions DuplicateEncryptedExtensions
        DuplicateHelloRetryRequestExtensions DuplicateNewSessionTicketExtensions DuplicateServerHelloExtensions
        DuplicateServerNameTypes EarlyDataAttemptedInSecondClientHello EarlyDataExtensionWithoutResumption
        EarlyDataOfferedWithVariedCipherSuite EchAcceptanceVariedAfterRetry HandshakeHashVariedAfterRetry
        IllegalHelloRetryRequestWithEmptyCookie IllegalHelloRetryRequestWithNoChanges
        IllegalHelloRetryRequestWithOfferedGroup IllegalHelloRetryRequestWithUnofferedCipherSuite
        IllegalHelloRetryRequestWithUnofferedNamedGroup IllegalHelloRetryRequestWithUnsupportedVersion
        IllegalHelloRetryRequestWithWrongSessionId IllegalHelloRetryRequestWithInvalidEch
        IllegalMiddleboxChangeCipherSpec IllegalTlsInnerPlaintext IncorrectBinder InvalidCertCompression
        InvalidMaxEarlyDataSize InvalidKeyShare KeyEpochWithPendingFragment KeyUpdateReceivedInQuicConnection
        MessageInterleavedWithHandshakeMessage MissingBinderInPskExtension MissingKeyShare
        MissingPskExtensionInSecondClientHello MissingPskModesExtension MissingQuicTransportParameters
        OfferedDuplicateCertificateCompressions OfferedDuplicateKeyShares OfferedEarlyDataWithOldProtocolVersion
        OfferedEmptyApplicationProtocol OfferedIncorrectCompressions PskExtensionMustBeLast
        PskExtensionWithMismatchedIdsAndBinders RefusedToFollowHelloRetryRequest
        RejectedEarlyDataInterleavedWithHandshakeMessage ResumptionAttemptedWithVariedEms
        ResumptionOfferedWithVariedCipherSuite ResumptionOfferedWithVariedEms
        ResumptionOfferedWithIncompatibleCipherSuite SelectedDifferentCipherSuiteAfterRetry SelectedInvalidPsk
        SelectedTls12UsingTls13VersionExtension SelectedUnofferedApplicationProtocol SelectedUnofferedCertCompression
        SelectedUnofferedCipherSuite SelectedUnofferedCompression SelectedUnofferedKxGroup SelectedUnofferedPsk
        SelectedUnusableCipherSuiteForVersion ServerEchoedCompatibilitySessionId
        ServerHelloMustOfferUncompressedEcPoints ServerNameDifferedOnRetry ServerNameMustContainOneHostName
        SignedKxWithWrongAlgorithm SignedHandshakeWithUnadvertisedSigScheme TooManyEmptyFragments
        TooManyKeyUpdateRequests TooManyRenegotiationRequests TooManyWarningAlertsReceived TooMuchEarlyDataReceived
        UnexpectedCleartextExtension UnsolicitedCertExtension UnsolicitedEncryptedExtension UnsolicitedSctList
        UnsolicitedServerHelloExtension WrongGroupForKeyShare UnsolicitedEchExtension
    )
}

fn incompatibilities() -> Vec<PeerIncompatible> {
    let mut all = all!(PeerIncompatible:
        EcPointsExtensionRequired ExtendedMasterSecretExtensionRequired IncorrectCertificateTypeExtension
        KeyShareExtensionRequired NamedGroupsExtensionRequired NoCertificateRequestSignatureSchemesInCommon
        NoCipherSuitesInCommon NoEcPointFormatsInCommon NoKxGroupsInCommon NoSignatureSchemesInCommon
        NullCompressionRequired ServerDoesNotSupportTls12Or13 ServerSentHelloRetryRequestWithUnknownExtension
        ServerTlsVersionIsDisabledByOurConfig SignatureAlgorithmsExtensionRequired SupportedVersionsExtensionRequired
        Tls12NotOffered Tls12NotOfferedOrEnabled Tls13RequiredForQuic UncompressedEcPointsRequired
        UnsolicitedCertificateTypeExtension
    );
    all.push(PeerIncompatible::ServerRejectedEncryptedClientHello(None));
    all
}

/// AlgorithmIdentifiers: one with a name, one without, and none.
const ALGORITHMS: [&[u8]; 3] =
    [&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0], &[6, 3, 43, 101, 113], &[9]];

fn of_certificates() -> Vec<CertificateError> {
    let (time, past) = (UnixTime::since_unix_epoch, std::time::Duration::from_secs);
    let mut all = all!(CertificateError:
        BadEncoding Expired NotValidYet Revoked UnhandledCriticalExtension UnknownIssuer UnknownRevocationStatus
        ExpiredRevocationList BadSignature NotValidForName InvalidPurpose InvalidOcspResponse
        ApplicationVerificationFailure
    );
    all.extend([
        CertificateError::ExpiredContext { time: time(past(9)), not_after: time(past(8)) },
        CertificateError::NotValidYetContext { time: time(past(9)), not_before: time(past(10)) },
        CertificateError::ExpiredRevocationListContext {
            time: time(past(9)),
            next_update: time(past(8)),
        },
        CertificateError::NotValidForNameContext {
            expected: "a.example".try_into().unwrap(),
            presented: vec![
                "DnsName(\"b.example\")".to_owned(),
                "IpAddress(10.0.0.1)".to_owned(),
                "DirectoryName".to_owned(),
            ],
        },
        CertificateError::InvalidPurposeContext {
            required: ExtendedKeyPurpose::ClientAuth,
            presented: vec![ExtendedKeyPurpose::ServerAuth, ExtendedKeyPurpose::Other(vec![1, 3, 6])],
        },
    ]);
    for id in ALGORITHMS {
        let signature_algorithm_id = id.to_vec();
        all.push(CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: signature_algorithm_id.clone(),
            supported_algorithms: vec![],
        });
        all.push(CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            public_key_algorithm_id: signature_algorithm_id.clone(),
            signature_algorithm_id,
        });
    }
    let of_webpki = all!(WebpkiError:
        BadDer BadDerTime CaUsedAsEndEntity CertDistrusted CertRevoked EmptyEkuExtension EndEntityUsedAsCa
        ExtensionValueInvalid InvalidCertValidity InvalidCrlNumber InvalidNetworkMaskConstraint InvalidSerialNumber
        InvalidCrlSignatureForPublicKey InvalidSignatureForPublicKey IssuerNotCrlSigner MalformedDnsIdentifier
        MalformedExtensions MalformedNameConstraint MaximumNameConstraintComparisonsExceeded
        MaximumPathBuildCallsExceeded MaximumPathDepthExceeded MaximumSignatureChecksExceeded NameConstraintViolation
        PathLenConstraintViolated SignatureAlgorithmMismatch UnknownIssuer UnknownRevocationStatus
        UnsupportedCertVersion UnsupportedCriticalExtension UnsupportedCrlIssuingDistributionPoint
        UnsupportedCrlVersion UnsupportedDeltaCrl UnsupportedIndirectCrl UnsupportedNameType
        UnsupportedRevocationReason UnsupportedRevocationReasonsPartitioning
    );
    all.extend(of_webpki.into_iter().map(|error| CertificateError::Other(OtherError(Arc::new(error)))));
    all
}

use webpki::Error as WebpkiError;

fn of_crls() -> Vec<CertRevocationListError> {
    let mut all = all!(CertRevocationListError:
        BadSignature InvalidCrlNumber InvalidRevokedCertSerialNumber IssuerInvalidForCrl ParseError
        UnsupportedCrlVersion UnsupportedCriticalExtension UnsupportedDeltaCrl UnsupportedIndirectCrl
        UnsupportedRevocationReason
    );
    all.push(CertRevocationListError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: ALGORITHMS[0].to_vec(),
        supported_algorithms: vec![],
    });
    all
}

#[test]
fn a_phrase_has_the_names_dates_and_algorithms_of_the_error() {
    for (error, said) in [
        (
            CertificateError::NotValidForNameContext {
                expected: "a.example".try_into().unwrap(),
                presented: vec!["DnsName(\"b.example\")".to_owned(), "IpAddress(10.0.0.1)".to_owned()],
            },
            "it is not valid for the name a.example, only for b.example, 10.0.0.1",
        ),
        (
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![6, 3, 43, 101, 113],
                supported_algorithms: vec![],
            },
            "it is signed with ed448, which is not supported",
        ),
        (
            CertificateError::ExpiredContext {
                time: UnixTime::now(),
                not_after: UnixTime::since_unix_epoch(std::time::Duration::from_secs(86400)),
            },
            "it expired at 1970-01-02T00:00:00Z",
        ),
    ] {
        assert_eq!(certificate(&error), said);
    }
}

#[test]
fn an_error_of_the_operating_system_has_its_text_without_the_number() {
    for (number, said) in [
        (111, "Connection refused"),
        (104, "Connection reset by peer"),
        (2, "No such file or directory"),
    ] {
        assert_eq!(io(&io::Error::from_raw_os_error(number)), said);
    }
    let no_such_name = std::net::ToSocketAddrs::to_socket_addrs("no.such.name.invalid:1").unwrap_err();
    assert!(io(&no_such_name).starts_with("the name cannot be resolved ("), "{no_such_name}");
    assert_eq!(
        io(&io::Error::new(ErrorKind::UnexpectedEof, "tls handshake eof")),
        "the connection was closed before the message was complete"
    );
    assert_eq!(
        io(&io::Error::new(ErrorKind::InvalidData, "stream did not …")),
        "the received data is malformed"
    );
    assert_eq!(io(&io::Error::other("echo: has no connections")), "echo: has no connections");
}

#[test]
fn each_error_code_of_http2_has_a_phrase() {
    for code in 0..20 {
        let error = h2::Error::from(h2::Reason::from(code));
        let phrase = http2(&error);
        assert!(!phrase.contains(&error.to_string()), "{phrase}");
        assert!(code > 13 || phrase.contains("this side sent"), "{phrase}");
    }
}

#[test]
fn a_malformed_certificate_has_a_phrase_for_the_broken_part() {
    let key = rcgen::KeyPair::generate().unwrap();
    let whole = rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec();
    let mut phrases = std::collections::BTreeSet::new();
    for at in 0..whole.len() {
        for to in [0x00, 0x02, 0x05, 0x30, 0x7f, 0xff] {
            let mut broken = whole.clone();
            broken[at] = to;
            for der in [&broken[..], &broken[..at]] {
                if let Err(error) = X509Certificate::from_der(der) {
                    is_plain(x509(&error), &error);
                    phrases.insert(x509(&error));
                }
            }
        }
    }
    assert!(phrases.len() > 5, "{phrases:?}");
}

#[tokio::test]
async fn an_error_of_hyper_about_a_malformed_response_has_a_phrase() {
    for (answer, said) in [
        (&b""[..], "the connection was closed before the message was complete"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "its HTTP version is unknown"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "its status line is not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n", "a header field is not `name: value`"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "its Content-Length is not a number"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "the connection was closed before the message was complete"),
    ] {
        let (near, mut far) = tokio::io::duplex(4096);
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(near)).await.unwrap();
        let request = ::http::Request::new(String::new());
        let asked = client.send_request(request);
        let (error, _, ()) = tokio::join!(asked, connection, async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut head = [0; 16];
            far.read_exact(&mut head).await.unwrap();
            far.write_all(answer).await.unwrap();
            drop(far);
        });
        let error = error.unwrap_err();
        assert_eq!(http(&error), said, "{error:?}, of {:?}", error.source());
    }
}
