//! Reading a PROXY header: more bytes never change an answer, and the header is never longer than its
//! bytes.
#![no_main]

use clawgate::proxy_protocol::{MAX_HEADER, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    if let Ok(Some((_, length))) = whole {
        assert!(length <= bytes.len() && length <= MAX_HEADER);
        assert_eq!(parse(&bytes[..length]), whole);
        assert_eq!(parse(&bytes[..length - 1]), Ok(None));
    }
    for end in 0..bytes.len().min(300) {
        match parse(&bytes[..end]) {
            Ok(None) => {}
            early => assert_eq!(early, whole),
        }
    }
    // It does not wait for more than it would read.
    assert!(whole != Ok(None) || bytes.len() < MAX_HEADER);
});
