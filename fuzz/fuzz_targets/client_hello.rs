//! Reading the facts of a ClientHello: whatever is read is safe to print.
#![no_main]

use clawgate::tls::client_hello::{Parsed, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Parsed::Whole(facts) = parse(bytes) {
        let ja4 = facts.ja4();
        let texts = facts.sni.iter().chain(&facts.alpn).chain(&facts.versions);
        for text in texts.chain([&ja4]) {
            assert!(!text.chars().any(char::is_control), "{text:?}");
            assert!(text.len() < 2048);
        }
    }
});
