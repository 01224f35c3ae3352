//! Sources and templates of signed strings: what is read is printed so that it is read as the same.
#![no_main]

use clawgate::signature::{Source, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(template) = text.parse::<Template>() {
        assert_eq!(template.to_string().parse().as_ref(), Ok(&template), "{text}");
    }
    if let Ok(source) = text.parse::<Source>() {
        assert_eq!(source.to_string().parse().as_ref(), Ok(&source), "{text}");
        let template = Template::from(source);
        assert_eq!(template.to_string().parse().as_ref(), Ok(&template), "{text}");
    }
});
