use rustls::{ContentType, HandshakeType, InvalidMessage, PeerMisbehaved};

/// The part of a message that cannot be read.
pub(super) fn invalid(error: &InvalidMessage) -> String {
    let known = match error {
        InvalidMessage::CertificatePayloadTooLarge => "the certificates have more than 64 KiB",
        InvalidMessage::HandshakePayloadTooLarge => "a handshake message is longer than any is taken",
        InvalidMessage::InvalidCcs => "a change_cipher_spec record holds something else",
        InvalidMessage::InvalidContentType => {
            "what came is no TLS record: it begins with none of the content types of TLS"
        }
        InvalidMessage::InvalidCertificateStatusType => {
            "a certificate status is of a type that is not known"
        }
        InvalidMessage::InvalidCertRequest => {
            "the request for a certificate has a context that it may not have"
        }
        InvalidMessage::InvalidDhParams => "the Diffie-Hellman parameters cannot be read",
        InvalidMessage::InvalidEmptyPayload => "a record is empty that may not be",
        InvalidMessage::InvalidKeyUpdate => {
            "a key_update message asks for neither of the two things that it may"
        }
        InvalidMessage::InvalidServerName => "the server name that was asked for (SNI) is no host name",
        InvalidMessage::MessageTooLarge => "a record is larger than TLS allows",
        InvalidMessage::MessageTooShort => "a message is shorter than its header says",
        InvalidMessage::MissingData(_) => "a message ends within one of its fields",
        InvalidMessage::MissingKeyExchange => "the key exchange is missing",
        InvalidMessage::NoSignatureSchemes => "the list of signature schemes is empty",
        InvalidMessage::TrailingData(_) => "bytes follow after the end of a message",
        InvalidMessage::UnexpectedMessage(_) => "a message is of a type that has no place there",
        InvalidMessage::UnknownProtocolVersion => "a record has a version that no TLS has",
        InvalidMessage::UnsupportedCompression => "compression is demanded, which TLS has no more",
        InvalidMessage::UnsupportedCurveType => {
            "an elliptic curve is described in a way that is not supported"
        }
        InvalidMessage::UnsupportedKeyExchangeAlgorithm(_) => {
            "the key exchange is of a kind that is not supported"
        }
        InvalidMessage::EmptyTicketValue => "a ticket is empty",
        InvalidMessage::IllegalEmptyList(_) => "a list in a message is empty that may not be",
        InvalidMessage::IllegalEmptyValue => "a value in a message is empty that may not be",
        InvalidMessage::DuplicateExtension(number) => {
            return format!("a message has the extension {number} twice");
        }
        InvalidMessage::PreSharedKeyIsNotFinalExtension => {
            "the extension pre_shared_key is not the last one"
        }
        InvalidMessage::UnknownHelloRetryRequestExtension => {
            "a HelloRetryRequest has an extension that is not known"
        }
        InvalidMessage::UnknownCertificateExtension => {
            "a certificate has an extension of TLS that is not known"
        }
        // An error that a later version of rustls adds.
        _ => "a message cannot be read",
    };
    known.to_owned()
}

/// The rule of TLS that was broken.
pub(super) fn misbehaved(why: &PeerMisbehaved) -> &'static str {
    use PeerMisbehaved as Why;
    match why {
        Why::AttemptedDowngradeToTls12WhenTls13IsSupported => {
            "TLS 1.2 was chosen where both ends have TLS 1.3: somebody on the way may have altered the handshake"
        }
        Why::BadCertChainExtensions | Why::UnsolicitedCertExtension => {
            "a certificate has an extension of TLS that was not asked for"
        }
        Why::CipherSuiteDifferedOnRetry | Why::SelectedDifferentCipherSuiteAfterRetry => {
            "another cipher suite was chosen after the HelloRetryRequest"
        }
        Why::DisallowedEncryptedExtension
        | Why::UnsolicitedEncryptedExtension
        | Why::UnexpectedCleartextExtension
        | Why::UnsolicitedServerHelloExtension
        | Why::UnsolicitedEchExtension => {
            "an extension was answered that was not offered, or in the wrong message"
        }
        Why::DuplicateClientHelloExtensions
        | Why::DuplicateEncryptedExtensions
        | Why::DuplicateHelloRetryRequestExtensions
        | Why::DuplicateNewSessionTicketExtensions
        | Why::DuplicateServerHelloExtensions => "a message has an extension twice",
        Why::DuplicateServerNameTypes => {
            "the server name that was asked for (SNI) has two names of one type"
        }
        Why::ServerNameMustContainOneHostName => {
            "the server name that was asked for (SNI) is not one host name"
        }
        Why::ServerNameDifferedOnRetry => {
            "another server name (SNI) was asked for after the HelloRetryRequest"
        }
        Why::EarlyDataAttemptedInSecondClientHello
        | Why::EarlyDataExtensionWithoutResumption
        | Why::EarlyDataOfferedWithVariedCipherSuite
        | Why::OfferedEarlyDataWithOldProtocolVersion
        | Why::InvalidMaxEarlyDataSize
        | Why::RejectedEarlyDataInterleavedWithHandshakeMessage
        | Why::TooMuchEarlyDataReceived => "early data was used in a way that it may not be",
        Why::EchAcceptanceVariedAfterRetry | Why::IllegalHelloRetryRequestWithInvalidEch => {
            "the encrypted ClientHello was answered in two ways"
        }
        Why::HandshakeHashVariedAfterRetry => "the second ClientHello does not follow from the first",
        Why::IllegalHelloRetryRequestWithEmptyCookie
        | Why::IllegalHelloRetryRequestWithNoChanges
        | Why::IllegalHelloRetryRequestWithOfferedGroup
        | Why::IllegalHelloRetryRequestWithUnofferedCipherSuite
        | Why::IllegalHelloRetryRequestWithUnofferedNamedGroup
        | Why::IllegalHelloRetryRequestWithUnsupportedVersion
        | Why::IllegalHelloRetryRequestWithWrongSessionId => {
            "the HelloRetryRequest asks for something that it may not"
        }
        Why::RefusedToFollowHelloRetryRequest => {
            "the second ClientHello does not do what the HelloRetryRequest asked for"
        }
        Why::IllegalMiddleboxChangeCipherSpec => "a change_cipher_spec record came where none may",
        Why::IllegalTlsInnerPlaintext => "an encrypted record holds nothing but padding",
        Why::IncorrectBinder
        | Why::MissingBinderInPskExtension
        | Why::PskExtensionWithMismatchedIdsAndBinders => {
            "a ticket or shared key is not proven (its binder is missing or wrong)"
        }
        Why::MissingPskExtensionInSecondClientHello
        | Why::MissingPskModesExtension
        | Why::PskExtensionMustBeLast
        | Why::SelectedInvalidPsk
        | Why::SelectedUnofferedPsk => "a ticket or shared key is used in a way that it may not be",
        Why::InvalidCertCompression
        | Why::OfferedDuplicateCertificateCompressions
        | Why::SelectedUnofferedCertCompression => {
            "the compression of certificates is not as was agreed"
        }
        Why::InvalidKeyShare => "the key share cannot be used",
        Why::MissingKeyShare => "the key share that was asked for is missing",
        Why::OfferedDuplicateKeyShares => "there are two key shares of one group",
        Why::WrongGroupForKeyShare => "the key share is of another group than was asked for",
        Why::KeyEpochWithPendingFragment => "the keys change within a message",
        Why::KeyUpdateReceivedInQuicConnection | Why::MissingQuicTransportParameters => {
            "a rule for TLS within QUIC was broken"
        }
        Why::MessageInterleavedWithHandshakeMessage => "another record came within a handshake message",
        Why::OfferedEmptyApplicationProtocol => "a protocol with an empty name is offered (ALPN)",
        Why::OfferedIncorrectCompressions => {
            "compression is offered in a way that TLS 1.3 does not allow"
        }
        Why::ResumptionAttemptedWithVariedEms | Why::ResumptionOfferedWithVariedEms => {
            "a session is resumed without the extended master secret that it had, or with one that it had not"
        }
        Why::ResumptionOfferedWithVariedCipherSuite
        | Why::ResumptionOfferedWithIncompatibleCipherSuite => {
            "a session is resumed with another cipher suite"
        }
        Why::SelectedTls12UsingTls13VersionExtension => "TLS 1.2 was chosen in the way of TLS 1.3",
        Why::SelectedUnofferedApplicationProtocol => "a protocol was chosen that was not offered (ALPN)",
        Why::SelectedUnofferedCipherSuite | Why::SelectedUnusableCipherSuiteForVersion => {
            "a cipher suite was chosen that was not offered for this version"
        }
        Why::SelectedUnofferedCompression => "a compression was chosen that was not offered",
        Why::SelectedUnofferedKxGroup => "a key exchange group was chosen that was not offered",
        Why::ServerEchoedCompatibilitySessionId => "a session id was sent back that may not be",
        Why::ServerHelloMustOfferUncompressedEcPoints => {
            "no form of the points of elliptic curves is left"
        }
        Why::SignedKxWithWrongAlgorithm | Why::SignedHandshakeWithUnadvertisedSigScheme => {
            "the handshake is signed with a scheme that was not offered, or that the key is not for"
        }
        Why::TooManyEmptyFragments => "there are too many empty records",
        Why::TooManyKeyUpdateRequests => "new keys were asked for too often",
        Why::TooManyRenegotiationRequests => "another handshake was asked for too often",
        Why::TooManyWarningAlertsReceived => "there were too many warnings",
        Why::UnsolicitedSctList => "a list of certificate timestamps came that was not asked for",
        // An error that a later version of rustls adds.
        _ => "a rule of TLS was broken that has no name here",
    }
}

/// The names of records in RFC 8446 section 5.1, such as `a handshake record or an alert record`.
pub(super) fn content_types(types: &[ContentType]) -> String {
    let name = |kind: &ContentType| match kind {
        ContentType::ChangeCipherSpec => "a change_cipher_spec record".to_owned(),
        ContentType::Alert => "an alert record".to_owned(),
        ContentType::Handshake => "a handshake record".to_owned(),
        ContentType::ApplicationData => "a record with application data".to_owned(),
        ContentType::Heartbeat => "a heartbeat record".to_owned(),
        other => format!("a record of type {}", u8::from(*other)),
    };
    either(types.iter().map(name))
}

/// The names of handshake messages in RFC 8446 section 4 and RFC 5246 section 7.4.
pub(super) fn handshake_types(types: &[HandshakeType]) -> String {
    let name = |kind: &HandshakeType| match u8::from(*kind) {
        0 => "a hello_request".to_owned(),
        1 => "a client_hello".to_owned(),
        2 => "a server_hello".to_owned(),
        4 => "a new_session_ticket".to_owned(),
        5 => "an end_of_early_data".to_owned(),
        6 => "a hello_retry_request".to_owned(),
        8 => "an encrypted_extensions".to_owned(),
        11 => "a certificate".to_owned(),
        12 => "a server_key_exchange".to_owned(),
        13 => "a certificate_request".to_owned(),
        14 => "a server_hello_done".to_owned(),
        15 => "a certificate_verify".to_owned(),
        16 => "a client_key_exchange".to_owned(),
        20 => "a finished".to_owned(),
        22 => "a certificate_status".to_owned(),
        24 => "a key_update".to_owned(),
        25 => "a compressed_certificate".to_owned(),
        other => format!("a type {other}"),
    };
    format!("{} message", either(types.iter().map(name)))
}

fn either(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") }
}
