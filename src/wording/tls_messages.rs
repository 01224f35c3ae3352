use rustls::{ContentType, HandshakeType, InvalidMessage, PeerMisbehaved};

/// The part of a message that cannot be read.
pub(super) fn invalid(error: &InvalidMessage) -> String {
    let known = match error {
        InvalidMessage::CertificatePayloadTooLarge => "the certificates are larger than 64 KiB",
        InvalidMessage::HandshakePayloadTooLarge => "a handshake message is too long",
        InvalidMessage::InvalidCcs => "a change_cipher_spec record has the wrong content",
        InvalidMessage::InvalidContentType => {
            "the received data is not a TLS record: its content type is unknown"
        }
        InvalidMessage::InvalidCertificateStatusType => "the type of a certificate status is unknown",
        InvalidMessage::InvalidCertRequest => "the context of the certificate request is not valid",
        InvalidMessage::InvalidDhParams => "the Diffie-Hellman parameters cannot be read",
        InvalidMessage::InvalidEmptyPayload => "a record is empty, which is not allowed",
        InvalidMessage::InvalidKeyUpdate => "a key_update message has an unknown value",
        InvalidMessage::InvalidServerName => "the requested server name (SNI) is not a host name",
        InvalidMessage::MessageTooLarge => "a record is larger than TLS allows",
        InvalidMessage::MessageTooShort => "a message is shorter than its header says",
        InvalidMessage::MissingData(_) => "a message ends before one of its fields is complete",
        InvalidMessage::MissingKeyExchange => "the key exchange is missing",
        InvalidMessage::NoSignatureSchemes => "the list of signature schemes is empty",
        InvalidMessage::TrailingData(_) => "a message has extra bytes at its end",
        InvalidMessage::UnexpectedMessage(_) => "the type of a message is not expected there",
        InvalidMessage::UnknownProtocolVersion => "the TLS version of a record is unknown",
        InvalidMessage::UnsupportedCompression => "compression is required, which is not supported",
        InvalidMessage::UnsupportedCurveType => "the description of an elliptic curve is not supported",
        InvalidMessage::UnsupportedKeyExchangeAlgorithm(_) => {
            "the key exchange algorithm is not supported"
        }
        InvalidMessage::EmptyTicketValue => "a ticket is empty",
        InvalidMessage::IllegalEmptyList(_) => "a list in a message is empty, which is not allowed",
        InvalidMessage::IllegalEmptyValue => "a value in a message is empty, which is not allowed",
        InvalidMessage::DuplicateExtension(number) => {
            return format!("a message has the extension {number} twice");
        }
        InvalidMessage::PreSharedKeyIsNotFinalExtension => {
            "the extension pre_shared_key is not the last one"
        }
        InvalidMessage::UnknownHelloRetryRequestExtension => {
            "a HelloRetryRequest has an unknown extension"
        }
        InvalidMessage::UnknownCertificateExtension => "a TLS extension of a certificate is unknown",
        // An error that a later version of rustls adds.
        _ => "a message cannot be read",
    };
    known.to_owned()
}

/// The rule of TLS that the peer violated.
pub(super) fn misbehaved(why: &PeerMisbehaved) -> &'static str {
    use PeerMisbehaved as Why;
    match why {
        Why::AttemptedDowngradeToTls12WhenTls13IsSupported => {
            "TLS 1.2 was chosen although both sides support TLS 1.3: the handshake may have been altered in transit"
        }
        Why::BadCertChainExtensions | Why::UnsolicitedCertExtension => {
            "a certificate has a TLS extension that was not requested"
        }
        Why::CipherSuiteDifferedOnRetry | Why::SelectedDifferentCipherSuiteAfterRetry => {
            "another cipher suite was chosen after the HelloRetryRequest"
        }
        Why::DisallowedEncryptedExtension
        | Why::UnsolicitedEncryptedExtension
        | Why::UnexpectedCleartextExtension
        | Why::UnsolicitedServerHelloExtension
        | Why::UnsolicitedEchExtension => "an extension was not offered, or is in the wrong message",
        Why::DuplicateClientHelloExtensions
        | Why::DuplicateEncryptedExtensions
        | Why::DuplicateHelloRetryRequestExtensions
        | Why::DuplicateNewSessionTicketExtensions
        | Why::DuplicateServerHelloExtensions => "a message has an extension twice",
        Why::DuplicateServerNameTypes => "the requested server name (SNI) has two names of one type",
        Why::ServerNameMustContainOneHostName => "the requested server name (SNI) is not one host name",
        Why::ServerNameDifferedOnRetry => {
            "another server name (SNI) was requested after the HelloRetryRequest"
        }
        Why::EarlyDataAttemptedInSecondClientHello
        | Why::EarlyDataExtensionWithoutResumption
        | Why::EarlyDataOfferedWithVariedCipherSuite
        | Why::OfferedEarlyDataWithOldProtocolVersion
        | Why::InvalidMaxEarlyDataSize
        | Why::RejectedEarlyDataInterleavedWithHandshakeMessage
        | Why::TooMuchEarlyDataReceived => "early data was not used as TLS requires",
        Why::EchAcceptanceVariedAfterRetry | Why::IllegalHelloRetryRequestWithInvalidEch => {
            "the encrypted ClientHello was both accepted and rejected"
        }
        Why::HandshakeHashVariedAfterRetry => "the second ClientHello does not match the first",
        Why::IllegalHelloRetryRequestWithEmptyCookie
        | Why::IllegalHelloRetryRequestWithNoChanges
        | Why::IllegalHelloRetryRequestWithOfferedGroup
        | Why::IllegalHelloRetryRequestWithUnofferedCipherSuite
        | Why::IllegalHelloRetryRequestWithUnofferedNamedGroup
        | Why::IllegalHelloRetryRequestWithUnsupportedVersion
        | Why::IllegalHelloRetryRequestWithWrongSessionId => "the HelloRetryRequest is not valid",
        Why::RefusedToFollowHelloRetryRequest => {
            "the second ClientHello does not follow the HelloRetryRequest"
        }
        Why::IllegalMiddleboxChangeCipherSpec => "a change_cipher_spec record is not allowed there",
        Why::IllegalTlsInnerPlaintext => "an encrypted record has only padding",
        Why::IncorrectBinder
        | Why::MissingBinderInPskExtension
        | Why::PskExtensionWithMismatchedIdsAndBinders => {
            "the binder of a ticket or pre-shared key is missing or wrong"
        }
        Why::MissingPskExtensionInSecondClientHello
        | Why::MissingPskModesExtension
        | Why::PskExtensionMustBeLast
        | Why::SelectedInvalidPsk
        | Why::SelectedUnofferedPsk => "a ticket or pre-shared key is not used as TLS requires",
        Why::InvalidCertCompression
        | Why::OfferedDuplicateCertificateCompressions
        | Why::SelectedUnofferedCertCompression => "the certificate compression was not negotiated",
        Why::InvalidKeyShare => "the key share cannot be used",
        Why::MissingKeyShare => "the requested key share is missing",
        Why::OfferedDuplicateKeyShares => "two key shares have the same group",
        Why::WrongGroupForKeyShare => "the key share has another group than the requested one",
        Why::KeyEpochWithPendingFragment => "the keys change in the middle of a message",
        Why::KeyUpdateReceivedInQuicConnection | Why::MissingQuicTransportParameters => {
            "a rule for TLS in QUIC was violated"
        }
        Why::MessageInterleavedWithHandshakeMessage => {
            "another record arrived in the middle of a handshake message"
        }
        Why::OfferedEmptyApplicationProtocol => "an ALPN protocol with an empty name is offered",
        Why::OfferedIncorrectCompressions => "TLS 1.3 does not allow the offered compression",
        Why::ResumptionAttemptedWithVariedEms | Why::ResumptionOfferedWithVariedEms => {
            "a resumed session does not have the same use of the extended master secret as before"
        }
        Why::ResumptionOfferedWithVariedCipherSuite
        | Why::ResumptionOfferedWithIncompatibleCipherSuite => {
            "a session is resumed with another cipher suite"
        }
        Why::SelectedTls12UsingTls13VersionExtension => {
            "TLS 1.2 was chosen with the extension that is for TLS 1.3"
        }
        Why::SelectedUnofferedApplicationProtocol => "the chosen ALPN protocol was not offered",
        Why::SelectedUnofferedCipherSuite | Why::SelectedUnusableCipherSuiteForVersion => {
            "the chosen cipher suite was not offered for this version"
        }
        Why::SelectedUnofferedCompression => "the chosen compression was not offered",
        Why::SelectedUnofferedKxGroup => "the chosen key exchange group was not offered",
        Why::ServerEchoedCompatibilitySessionId => "the session id must not be sent back",
        Why::ServerHelloMustOfferUncompressedEcPoints => "the uncompressed point format is not offered",
        Why::SignedKxWithWrongAlgorithm | Why::SignedHandshakeWithUnadvertisedSigScheme => {
            "the handshake is signed with a scheme that was not offered, or that the key cannot use"
        }
        Why::TooManyEmptyFragments => "there are too many empty records",
        Why::TooManyKeyUpdateRequests => "new keys were requested too often",
        Why::TooManyRenegotiationRequests => "another handshake was requested too often",
        Why::TooManyWarningAlertsReceived => "too many warning alerts arrived",
        Why::UnsolicitedSctList => "a list of certificate timestamps was not requested",
        // An error that a later version of rustls adds.
        _ => "an unknown rule of TLS was violated",
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
