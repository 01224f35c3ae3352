//! `hash`, `ip_prefix` and `truncate`.

use super::{changes, refusal, shaped};
use crate::shaping::{Kind, NotShapeable, Rule};

#[test]
fn a_hash_is_the_first_half_of_an_hmac_after_the_id_of_the_key() {
    let body = r#"{"email":"ada@example.org","x":"ada@example.org"}"#;
    assert_eq!(
        shaped("hash /email", body),
        r#"{"email":"k1329791b:cWS-QclE3ms3apWm13Gnrg","x":"ada@example.org"}"#
    );
}

#[test]
fn blanks_case_and_escapes_make_no_difference_to_a_hash() {
    for same in
        [" Ada@Example.ORG ", r"\u0061da@example.org", r"ada@example.org\n", "\u{a0}ADA@example.org"]
    {
        let shaped = shaped("hash /e", &format!(r#"{{"e":"{same}"}}"#));
        assert_eq!(shaped, r#"{"e":"k1329791b:cWS-QclE3ms3apWm13Gnrg"}"#, "{same}");
    }
    assert_eq!(shaped("hash /e", r#"{"e":"MÜLLER"}"#), r#"{"e":"k1329791b:etAaPPBh6VffemDHw5iDHg"}"#);
}

#[test]
fn a_number_is_hashed_as_it_is_written() {
    let expected = r#"["k1329791b:zlLDL_7YUb7HhD1JYGaWpw"]"#;
    assert_eq!(shaped("hash /*", "[9007199254740993]"), expected);
    assert_eq!(shaped("hash /*", r#"["9007199254740993"]"#), expected);
    assert_ne!(shaped("hash /*", "[9007199254740992]"), expected);
}

#[test]
fn null_and_empty_strings_have_no_hash_and_no_network() {
    for rule in ["hash /*", "ip_prefix /*", "truncate /* 1"] {
        assert_eq!(shaped(rule, r#"[null,""]"#), r#"[null,""]"#);
    }
    assert_eq!(shaped("hash /*", r#"[" \t"]"#), r#"[" \t"]"#);
}

#[test]
fn what_a_rule_cannot_be_applied_to_is_refused() {
    let values = [("{}", Kind::Object), (r#"["a"]"#, Kind::Array), ("true", Kind::Boolean)];
    for (value, kind) in values {
        for (line, rule) in [
            ("hash /a", Rule::Hash),
            ("ip_prefix /a", Rule::IpPrefix),
            ("truncate /a 3", Rule::Truncate),
        ] {
            let pointer = "/a".into();
            let wrong = NotShapeable::WrongKind { rule, pointer, kind };
            assert_eq!(refusal(line, &format!(r#"{{"a":{value}}}"#)), wrong);
        }
    }
    for line in ["ip_prefix /a", "truncate /a 3"] {
        let wrong = refusal(line, r#"{"a":12345}"#);
        assert!(matches!(wrong, NotShapeable::WrongKind { kind: Kind::Number, .. }), "{wrong}");
    }
}

#[test]
fn half_of_a_surrogate_pair_is_no_value_for_a_hash() {
    for line in ["hash /a", "ip_prefix /a"] {
        let wrong = refusal(line, r#"{"a":"x\ud800"}"#);
        assert!(matches!(wrong, NotShapeable::NotUnicode { .. }), "{wrong}");
    }
}

#[test]
fn an_address_becomes_the_first_one_of_its_network() {
    for (address, network) in [
        ("203.0.113.77", "203.0.113.0"),
        ("203.0.113.77:8080", "203.0.113.0"),
        (" 203.0.113.77 ", "203.0.113.0"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("[2001:db8:aaaa:bbbb::1]:443", "2001:db8:aaaa::"),
        ("2001:DB8:AAAA::", "2001:db8:aaaa::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2002:cb00:714d::1", "2002:cb00:7100::"),
        ("::1", "::"),
    ] {
        let body = format!(r#"["{address}"]"#);
        assert_eq!(shaped("ip_prefix /0", &body), format!(r#"["{network}"]"#));
    }
}

#[test]
fn the_first_address_of_a_network_is_no_change() {
    assert_eq!(changes("ip_prefix /*", r#"["203.0.113.0","2001:db8:aaaa::"]"#), []);
}

#[test]
fn what_is_no_address_is_refused() {
    for other in
        ["localhost", "203.0.113", "203.0.113.07", "203.0.113.7/32", "1.2.3.4, 5.6.7.8", "fe80::1%eth0"]
    {
        let wrong = refusal("ip_prefix /ip", &format!(r#"{{"ip":"{other}"}}"#));
        assert_eq!(wrong, NotShapeable::NotAnAddress("/ip".into()));
        assert!(!format!("{wrong} {}", wrong.hint()).contains(other));
    }
}

#[test]
fn a_string_is_cut_to_its_length_in_characters() {
    let body = |text: &str| format!(r#"["{text}"]"#);
    for (text, length, cut) in [
        ("abcdef", 3, "abc"),
        ("abc", 3, "abc"),
        ("abc", 4, "abc"),
        ("abc", 0, ""),
        ("üöä", 2, "üö"),
        (r"\u00fc\n\\\/x", 4, r"\u00fc\n\\\/"),
        (r"\ud83d\udc4bx", 1, r"\ud83d\udc4b"),
        (r"\ud83dx\udc4b", 2, r"\ud83dx"),
        (r"\ud83d\ud83d\udc4bx", 2, r"\ud83d\ud83d\udc4b"),
        (r#"\"\"\""#, 1, r#"\""#),
    ] {
        assert_eq!(shaped(&format!("truncate /0 {length}"), &body(text)), body(cut), "{text}");
    }
}

#[test]
fn a_string_that_is_short_enough_is_no_change() {
    assert_eq!(changes("truncate /* 3", r#"["abc","\u0061\u0062\u0063"]"#), []);
    assert_eq!(changes("truncate /* 2", r#"["abc","ab","x"]"#), [("truncate /*".into(), 1)]);
}

#[test]
fn of_several_rules_for_one_value_the_first_in_the_order_decides() {
    let body = r#"["203.0.113.77","abcdef"]"#;
    assert_eq!(shaped("ip_prefix /0\ntruncate /* 3", body), r#"["203.0.113.0","abc"]"#);
    assert_eq!(shaped("truncate /1 2\ntruncate /* 4", body), r#"["203.","ab"]"#);
    assert_eq!(
        shaped("hash /1\ntruncate /* 4", r#"["x","ada@example.org"]"#),
        r#"["x","k1329791b:cWS-QclE3ms3apWm13Gnrg"]"#
    );
}

#[test]
fn values_are_replaced_within_what_keep_leaves() {
    let body = r#"{"user":{"email":"ada@example.org","x":1},"y":2}"#;
    assert_eq!(
        shaped("keep /user/email\nhash /user/email", body),
        r#"{"user":{"email":"k1329791b:cWS-QclE3ms3apWm13Gnrg"}}"#
    );
    assert_eq!(
        shaped("keep /user\nhash /user/email", body),
        r#"{"user":{"email":"k1329791b:cWS-QclE3ms3apWm13Gnrg","x":1}}"#
    );
}
