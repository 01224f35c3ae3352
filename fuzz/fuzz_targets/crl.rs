//! Revocation lists: whatever is fetched in place of one, what is taken of it can be looked up and printed.
#![no_main]

use std::path::Path;

use clawgate::pki::revocation::Crl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(crl) = Crl::read(bytes.to_vec().into(), Path::new("x.crl")) else { return };
    assert!(!crl.issuer.chars().any(char::is_control), "{:?}", crl.issuer);
    let list = webpki::BorrowedCertRevocationList::from_der(bytes).unwrap();
    let mut entries = 0;
    for entry in &list {
        entries += 1;
        assert!(crl.revoked(entry.unwrap().serial_number).is_some());
    }
    assert_eq!(crl.entries, entries);
});
