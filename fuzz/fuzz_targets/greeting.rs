//! Naming what a connection opens with: any bytes are named sooner or later, and safely described.
#![no_main]

use clawgate::tls::detect::{Detected, classify, describe};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = classify(bytes);
    assert!(describe(bytes).bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    // A name once given does not change with what follows, except that a ClientHello is completed.
    for end in 0..bytes.len() {
        match classify(&bytes[..end]) {
            // Some forms are known by their later bytes only.
            None | Some(Detected::NotTls(None)) => {}
            Some(Detected::Tls(_)) => assert!(matches!(whole, Some(Detected::Tls(_)))),
            early => assert_eq!(early, whole),
        }
    }
});
