//! Each reason is produced by a test.

use clawgate::telemetry::HandshakeReason;

/// The tests' own text: that a test asserts on a reason is checked in it.
const FILES: [(&str, &str); 10] = [
    ("certificates", include_str!("certificates.rs")),
    ("greeting", include_str!("greeting.rs")),
    ("issuers", include_str!("issuers.rs")),
    ("log", include_str!("log.rs")),
    ("openssl", include_str!("openssl.rs")),
    ("own_side", include_str!("own_side.rs")),
    ("possession", include_str!("possession.rs")),
    ("protocol", include_str!("protocol.rs")),
    ("waiting", include_str!("waiting.rs")),
    ("tls/refusals", include_str!("../tls/refusals.rs")),
];

/// Reasons no client can bring about.
const NEVER: [(HandshakeReason, &str); 1] = [
    // The diagnosis' unit tests produce it.
    (HandshakeReason::InternalError, "no client may be able to"),
];

/// Whether some test contains `reason` as a string.
fn is_produced(reason: &str) -> bool {
    let quoted = format!("\"{reason}\"");
    let tests = |text: &'static str| text.split("#[test]").skip(1);
    FILES.iter().flat_map(|(_, text)| tests(text)).any(|test| test.contains(&quoted))
}

#[test]
fn every_reason_is_produced_by_a_test_or_excused() {
    for reason in HandshakeReason::ALL {
        let excused = NEVER.iter().any(|(excused, _)| excused == reason);
        let code = reason.as_str();
        assert_eq!(
            is_produced(code),
            !excused,
            "{code}: write a test for it, or strike it off the list"
        );
    }
}
