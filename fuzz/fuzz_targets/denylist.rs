//! Denylists: whatever is in the file, no line of it is passed over, and what is kept can be printed.
#![no_main]

use std::path::Path;

use clawgate::pki::denylist::Denylist;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let is_hidden = |c: char| (c.is_control() && c != '\t') || "\u{2028}\u{2029}\u{feff}".contains(c);
    let is_meant = |line: &str| {
        let line = line.trim();
        line.contains(is_hidden) || !line.is_empty() && !line.starts_with('#')
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<_> =
        text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect();
    let meant = lines.iter().filter(|line| is_meant(line)).count();
    match Denylist::parse(text, Path::new("denylist")) {
        Ok(list) => assert_eq!(list.is_empty(), meant == 0),
        Err(errors) => {
            assert!(errors.len() <= meant);
            for error in errors {
                assert!(is_meant(lines[error.line - 1]));
                assert!(!error.to_string().chars().any(char::is_control), "{error}");
            }
        }
    }
});
