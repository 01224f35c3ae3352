//! The forms in which rules are written and printed, and the messages about wrong ones.

use super::*;
use crate::policy::Guarded;
use crate::policy::decisions::Decisions;
use crate::policy::rule::Pin;

#[test]
fn an_ipv6_address_may_be_one_of_a_block_too() {
    let mut peer = peer();
    peer.names.push(San::Ip("2001:db8:1::7".parse().unwrap()));
    let admits = |rule: &str| Rules::new(read(&[rule])).ruling(&peer) == Ruling::Admitted;
    assert!(admits("ip=2001:db8:1::7") && admits("ip=2001:db8::/32") && admits("ip=::/0"));
    assert!(!admits("ip=2001:db8:1::8") && !admits("ip=2001:db8:2::/48"));
    assert!(
        matches!(error("ip=2001:db8:1::/32"), RuleError::BeyondPrefix(_, meant) if meant == "2001:db8::/32")
    );
    assert!(matches!(error("ip=2001:db8::/129"), RuleError::NotAnIp(_)));
}

#[test]
fn a_single_address_is_printed_without_a_prefix() {
    for rule in ["ip=10.1.2.3", "ip=10.0.0.0/8", "ip=2001:db8::1", "ip=2001:db8::/32"] {
        assert_eq!(read(&[rule])[0].to_string(), rule);
    }
    assert_eq!(read(&["ip=10.1.2.3/32"])[0].to_string(), "ip=10.1.2.3");
}

#[test]
fn a_wildcard_in_an_issuer_is_named_as_what_is_wrong() {
    for rule in ["issuer=*", "issuer=\"CN=*,O=Example\""] {
        assert!(matches!(error(rule), RuleError::Wildcard("issuer", _)), "{rule}");
    }
}

#[test]
fn what_stands_before_the_colon_of_a_uri_is_a_scheme() {
    for rule in ["uri=1a://x/y", "uri=://x/y", "uri=a_b://x/y", "uri=+a://x/y"] {
        assert!(matches!(error(rule), RuleError::Malformed("uri", ..)), "{rule}");
    }
    read(&["uri=a1+b-c.d://x/y", "uri=urn:x"]);
}

#[test]
fn a_serial_number_may_be_written_without_its_leading_zeros() {
    assert!(admits(&["serial=a1b"]) && admits(&["serial=A:1B"]));
    assert_eq!(read(&["serial=0", "serial=00:00"])[0], read(&["serial=00"])[0]);
    // RFC 5280 section 4.1.2.2: up to 20 octets.
    read(&[&format!("serial={}", "7f".repeat(20))]);
    assert!(matches!(error("serial=:"), RuleError::NotHex(..)));
}

#[test]
fn what_a_certificate_has_instead_is_said_of_each_kind() {
    let mut peer = peer();
    let found = |peer: &Peer, rule: &str| {
        let misses = read(&[rule])[0].misses(peer);
        misses.into_iter().map(|miss| miss.found).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(found(&peer, "ip=10.9.9.9"), "it has ip=10.1.2.3");
    assert_eq!(found(&peer, "dns=other"), "it has dns=notes.example");
    assert_eq!(found(&peer, "cn=other"), "it has cn=notes.example");
    peer.names.clear();
    peer.issuer_spki_sha256.clear();
    assert_eq!(found(&peer, "ip=10.9.9.9"), "it has no ip");
    assert_eq!(found(&peer, "dns=other"), "it has no dns; its common name is not read as one");
    let key = format!("issuer-spki={}", "00".repeat(32));
    assert_eq!(found(&peer, &key), "no key of a configured CA has been found to sign it");
    peer.cn = None;
    assert_eq!(found(&peer, "dns=other"), "it has no dns");
}

#[test]
fn rules_are_equal_when_they_say_the_same() {
    let rules = |allow: &[&str], deny: &[&str]| Rules::new(read(allow)).denying(read(deny));
    assert_eq!(rules(&["cn=a", "cn=b"], &["o=x"]), rules(&["cn=a", "cn=b"], &["o=x"]));
    assert_ne!(rules(&["cn=a"], &[]), rules(&["cn=b"], &[]));
    assert_ne!(rules(&["any"], &["cn=a"]), rules(&["any"], &["cn=b"]));
    assert_ne!(rules(&["any"], &[]), rules(&["any"], &[]).audited(true));
}

#[test]
fn a_set_of_rules_is_open_when_somebody_may_be_let_in_whom_it_does_not_name() {
    let pin = || vec![format!("spki={}", "cd".repeat(32)).parse().unwrap()];
    for (rules, is_open) in [
        (Rules::default(), true),
        (Rules::new(read(&["cn=a"])), false),
        (Rules::new(read(&["cn=a"])).audited(true), true),
        (Rules::new(read(&["cn=a", "any"])), true),
        (Rules::new(read(&["any"])).denying(read(&["cn=a"])), true),
        (Rules::default().pinned(pin()), false),
        (Rules::new(read(&["any"])).pinned(pin()), false),
        (Rules::new(read(&["cn=a"])).pinned(pin()).audited(true), false),
    ] {
        assert_eq!(rules.is_open(), is_open, "{:?}", rules.phrases());
    }
}

#[test]
fn a_line_of_one_part_is_told_from_one_of_several() {
    let rules = read(&["cn=a", "any", "cn=a, o=b"]);
    assert_eq!(rules.iter().map(Rule::is_single).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn a_denial_names_the_rule_that_refuses_if_it_is_one() {
    let rules = Rules::new(read(&["any"])).denying(read(&["ou=x", "ou=a"]));
    let Ruling::Refused(denial) = rules.ruling(&peer()) else { panic!("let in") };
    assert_eq!(denial.rule().map(ToString::to_string).as_deref(), Some("ou=a"));
    let Ruling::Refused(denial) = Rules::new(read(&["cn=x"])).ruling(&peer()) else { panic!("let in") };
    assert_eq!(denial.rule(), None);
}

#[test]
fn a_pin_that_does_not_hold_says_what_the_certificate_has() {
    let pin = |text: String| text.parse::<Pin>().unwrap();
    assert!(pin(format!("spki={}", "cd".repeat(32))).misses(&peer()).is_empty());
    let [miss] = &pin(format!("spki={}", "00".repeat(32))).misses(&peer())[..] else {
        panic!("it holds")
    };
    assert_eq!(miss.found, format!("it has spki={}", "cd".repeat(32)));
}

#[test]
fn a_client_that_rules_in_audit_mode_would_refuse_has_a_grant_with_the_denial() {
    struct TestRoute(Rules);
    impl Guarded for TestRoute {
        fn rules(&self) -> &Rules {
            &self.0
        }
    }
    let peer = peer();
    let audited = TestRoute(Rules::new(read(&["cn=other"])).audited(true));
    let grant = Decisions::default().authorize(1, &peer, &audited).unwrap();
    assert!(matches!(grant.audited_denial(), Some(Denial::Unmatched(_))));
    let open = TestRoute(Rules::new(read(&["any"])));
    assert_eq!(Decisions::default().authorize(1, &peer, &open).unwrap().audited_denial(), None);
    let closed = TestRoute(Rules::new(read(&["cn=other"])));
    assert!(Decisions::default().authorize(1, &peer, &closed).is_err());
}
