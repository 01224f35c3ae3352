//! Files of certificates, keys and CRLs: whatever is in one, each block of it is an item, or the file is refused.
#![no_main]

use clawgate::pki::pem::Contents;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Contents::parse(bytes) {
        Ok(contents) => {
            // One in DER has no boundary.
            let begins = bytes.windows(11).filter(|window| window == b"-----BEGIN ").count();
            let items = contents.items().len();
            assert!(items == begins || (items == 1 && bytes[0] == 0x30), "{items} items of {begins} blocks");
            let lines: Vec<_> = contents.items().iter().filter_map(|item| item.line).collect();
            assert!(lines.is_sorted());

        }
        Err(error) => assert!(!error.what.chars().any(char::is_control), "{error}"),
    }
});
