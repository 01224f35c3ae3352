//! Each reason is produced by a test, and its text is in a snapshot.

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

/// The tests with snapshots of texts. A reason is a line of its own there, or in the last column of the demo's table.
const SNAPSHOTS: [&str; 3] = [
    include_str!("texts.rs"),
    include_str!("../scripts.rs"),
    include_str!("../../src/tls/diagnosis/tests.rs"),
];

/// Reasons without a snapshot, and why.
const WITHOUT_SNAPSHOT: [(HandshakeReason, &str); 0] = [];

fn has_snapshot(reason: &str) -> bool {
    let is_row = |line: &str| {
        line.strip_prefix("    ok  ").is_some_and(|row| row.ends_with(&format!(" {reason}")))
    };
    SNAPSHOTS.iter().flat_map(|text| text.lines()).any(|line| line.trim() == reason || is_row(line))
}

#[test]
fn the_text_of_every_reason_is_in_a_snapshot_or_excused() {
    for reason in HandshakeReason::ALL {
        let excused = WITHOUT_SNAPSHOT.iter().any(|(excused, _)| excused == reason);
        let code = reason.as_str();
        assert_eq!(
            has_snapshot(code),
            !excused,
            "{code}: add a snapshot to texts.rs, or strike it off the list"
        );
    }
}
