//! Following HTTP/1 framing: the verdict does not depend on how the bytes are cut into reads.
#![no_main]

use clawgate::http1_guard::Guard;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let cut = usize::from(cut).min(bytes.len());
    let whole = Guard::default().follow(bytes);
    let mut guard = Guard::default();
    let pieces = guard.follow(&bytes[..cut]).and_then(|()| guard.follow(&bytes[cut..]));
    assert_eq!(whole, pieces);
});
