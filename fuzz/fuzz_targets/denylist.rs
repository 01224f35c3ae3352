//! Denylists: whatever is in the file, no line of it is passed over, and what is kept can be printed.
#![no_main]

use std::path::Path;

use clawgate::tls::denylist::Denylist;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let is_meant = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    let text = text.trim_start_matches('\u{feff}');
    let meant = text.lines().filter(|line| is_meant(line)).count();
    match Denylist::parse(text, Path::new("denylist")) {
        Ok(list) => assert_eq!(list.is_empty(), meant == 0),
        Err(errors) => {
            assert!(errors.len() <= meant);
            for error in errors {
                assert!(is_meant(text.lines().nth(error.line - 1).unwrap()));
                assert!(!error.what.chars().any(char::is_control), "{error}");
            }
        }
    }
});
