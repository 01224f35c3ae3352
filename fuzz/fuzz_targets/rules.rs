//! Rules over whatever DER a client makes up: each is printed as it is read, the index of a list finds what a look at
//! each finds, and what is said of a refusal is safe to print.
#![no_main]

use std::sync::LazyLock;

use clawgate::identity::Peer;
use clawgate::policy::{Rule, Rules, Ruling};
use libfuzzer_sys::fuzz_target;
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls_pki_types::CertificateDer;

static LEAF: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut leaf = CertificateParams::new(vec!["a.example".to_owned(), "10.0.0.1".to_owned()]).unwrap();
    leaf.subject_alt_names.push(SanType::URI("spiffe://x/ns/a/sa/b".try_into().unwrap()));
    leaf.subject_alt_names.push(SanType::Rfc822Name("a@b.example".try_into().unwrap()));
    leaf.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
});

fuzz_target!(|input: (String, Vec<(u16, u8)>)| {
    let (text, edits) = input;
    let rules: Vec<Rule> = text.lines().filter_map(|line| line.parse().ok()).collect();
    for rule in &rules {
        assert_eq!(rule.to_string().parse().as_ref(), Ok(rule), "{rule}");
    }
    let mut der = LEAF.clone();
    for (at, value) in edits {
        let at = usize::from(at) % der.len();
        der[at] = value;
    }
    let Some(peer) = Peer::read(&CertificateDer::from(der)) else { return };
    for rule in &rules {
        assert_eq!(rule.matches(&peer), rule.misses(&peer).is_empty(), "{rule}");
    }
    let first = rules.iter().find(|rule| rule.matches(&peer)).cloned();
    let list = Rules::new(rules);
    assert_eq!(list.matching(&peer).cloned(), first);
    if let Ruling::Refused(denial) = list.ruling(&peer) {
        let text = denial.of("clients", &peer);
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
});
