mod forms;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::Guarded;
use super::decisions::Decisions;
use super::error::RuleError;
use super::rule::Rule;
use super::rules::{Denial, Rules, Ruling};
use crate::identity::{Certificate, Peer, San, Validity};

fn peer() -> Peer {
    let sans = vec![
        San::Dns("Notes.example".into()),
        San::Uri("SPIFFE://Trust.example/ns/Prod/sa/notes".into()),
        San::Email("Bot@Mail.example".into()),
        San::Ip("10.1.2.3".parse().unwrap()),
    ];
    Peer {
        certificate: Certificate {
            subject: "CN=notes".into(),
            issuer: "CN=ca,O=Example".into(),
            serial: "0a1b".into(),
            not_before: String::new(),
            not_after: String::new(),
            san: vec![],
            fingerprint_sha256: "ab".repeat(32),
            key: "Ed25519".into(),
            eku: vec![],
            validity: Validity { from: 0, until: 0 },
        },
        cn: Some("notes.example".into()),
        o: vec!["Example, Ltd".into()],
        ou: vec!["a".into(), "b".into()],
        names: sans.iter().map(San::canonical).collect(),
        sans,
        spki_sha256: "cd".repeat(32),
        issuer_spki_sha256: vec!["ef".repeat(32)],
    }
}

fn read(rules: &[&str]) -> Vec<Rule> {
    rules.iter().map(|rule| rule.parse().unwrap_or_else(|error| panic!("{rule}: {error}"))).collect()
}

fn admits(allow: &[&str]) -> bool {
    Rules::new(read(allow)).ruling(&peer()) == Ruling::Admitted
}

fn error(text: &str) -> RuleError {
    text.parse::<Rule>().unwrap_err()
}

#[test]
fn any_line_suffices_and_all_of_a_line_must_hold() {
    assert!(admits(&[]));
    assert!(admits(&["cn=other", "cn=notes.example"]));
    assert!(admits(&[r#"cn=notes.example, o="Example, Ltd""#]));
    assert!(admits(&["ou=a, ou=b"]));
    assert!(!admits(&["cn=notes.example, o=Other"]));
    assert!(!admits(&["ou=a, ou=c"]));
}

#[test]
fn a_deny_line_wins_over_every_allow_line() {
    let rules = Rules::new(read(&["cn=notes.example", "any"])).denying(read(&["cn=x", "ou=b, ou=a"]));
    let Ruling::Refused(Denial::Rule(rule)) = rules.ruling(&peer()) else { panic!("let in") };
    assert_eq!(rule.to_string(), "ou=b, ou=a");
}

#[test]
fn once_there_is_a_rule_nobody_is_let_in_but_by_one() {
    let rules = Rules::new(vec![]).denying(read(&["cn=other"]));
    let Ruling::Refused(Denial::Unmatched(allowed)) = rules.ruling(&peer()) else { panic!("let in") };
    assert_eq!(allowed.nearest(&peer()), None);
    let rules = Rules::new(read(&["any"])).denying(read(&["cn=other"]));
    assert_eq!(rules.ruling(&peer()), Ruling::Admitted);
}

#[test]
fn rules_on_trial_let_in_whom_they_would_refuse_and_say_why() {
    let rules = Rules::new(read(&["cn=other"])).audited(true);
    assert!(matches!(rules.ruling(&peer()), Ruling::Audited(Denial::Unmatched(_))));
    let rules = Rules::new(read(&["any"])).denying(read(&["ou=a"])).audited(true);
    assert!(matches!(rules.ruling(&peer()), Ruling::Audited(Denial::Rule(_))));
    assert_eq!(Rules::new(read(&["any"])).audited(true).ruling(&peer()), Ruling::Admitted);
}

#[test]
fn a_pin_must_hold_besides_the_rules_on_trial_or_not() {
    let pin = |text: String| vec![text.parse().unwrap()];
    let (this, other) =
        (format!("spki={}", "cd".repeat(32)), format!("fingerprint={}", "cd".repeat(32)));
    for audit in [false, true] {
        let rules = |pins| Rules::new(vec![]).pinned(pins).audited(audit);
        assert_eq!(rules(pin(this.clone())).ruling(&peer()), Ruling::Admitted);
        assert_eq!(rules(pin(other.clone())).ruling(&peer()), Ruling::Refused(Denial::Unpinned));
    }
    let both = Rules::new(read(&["cn=other"])).pinned(pin(this));
    assert!(matches!(both.ruling(&peer()), Ruling::Refused(Denial::Unmatched(_))));
    assert!(matches!("cn=notes".parse::<super::rule::Pin>(), Err(RuleError::NotAPin(_))));
}

#[test]
fn names_are_compared_within_their_kind() {
    assert!(admits(&["dns=notes.EXAMPLE"]));
    assert!(!admits(&["email=notes@notes.example", "o=notes.example", "ou=notes.example"]));
    let mut nameless = peer();
    (nameless.sans, nameless.names) = (vec![], vec![]);
    let rules = Rules::new(read(&["dns=notes.example"]));
    assert!(matches!(rules.ruling(&nameless), Ruling::Refused(_)), "the cn is no DNS name");
}

#[test]
fn case_matters_where_the_standards_say_so() {
    assert!(admits(&["uri=spiffe://TRUST.example/ns/Prod/sa/notes"]));
    assert!(!admits(&["uri=spiffe://trust.example/ns/prod/sa/notes"]));
    assert!(admits(&["email=Bot@MAIL.example"]));
    assert!(!admits(&["email=bot@mail.example"]));
    assert!(!admits(&["cn=Notes.example"]));
}

#[test]
fn an_address_may_be_one_of_a_block() {
    assert!(admits(&["ip=10.1.2.3"]) && admits(&["ip=10.0.0.0/8"]) && admits(&["ip=0.0.0.0/0"]));
    assert!(!admits(&["ip=10.1.2.4", "ip=10.1.2.0/31", "ip=::/0"]));
    assert!(
        matches!(error("ip=10.1.2.3/8"), RuleError::BeyondPrefix(_, meant) if meant == "10.0.0.0/8")
    );
    for wrong in ["ip=localhost", "ip=10.0.0.0/33", "ip=10.0.0.0/x", "ip=::ffff:10.0.0.1", "ip=10.*"] {
        assert!(matches!(error(wrong), RuleError::NotAnIp(_)), "{wrong}");
    }
}

#[test]
fn an_issuer_is_known_by_its_name_or_by_its_key() {
    assert!(admits(&[r#"issuer="cn=ca, O=Example""#]));
    assert!(!admits(&[r#"issuer="O=Example,CN=ca""#]));
    assert!(admits(&[&format!("issuer-spki={}", "ef".repeat(32))]));
    assert!(!admits(&[&format!("issuer-spki={}", "cd".repeat(32))]));
    assert!(matches!(error("issuer=CA"), RuleError::Issuer(_)));
    assert!(matches!(error("issuer=CN=*"), RuleError::Wildcard("issuer", _)));
}

#[test]
fn hashes_and_serials_are_taken_as_openssl_prints_them() {
    assert!(admits(&[&format!("fingerprint={}", ["AB"; 32].join(":"))]));
    assert!(admits(&[&format!("spki={}", "cd".repeat(32))]));
    assert!(admits(&["serial=00:0A:1B"]));
    assert!(!admits(&["serial=0a1c"]));
}

#[test]
fn a_rule_that_cannot_mean_what_it_says_is_refused() {
    for text in ["notes", "cn=", "", "cn=a,", "=a", r#"cn="""#, "any="] {
        assert!(matches!(error(text), RuleError::NotAPair(_)), "{text}");
    }
    assert!(matches!(error("CN=x"), RuleError::UnknownMatcher(name) if name == "CN"));
    assert_eq!(error("any, cn=a"), RuleError::AnyAndMore);
    assert_eq!(error("cn=a, dns=b, cn=c"), RuleError::Twice("cn"));
    assert!(matches!(error("fingerprint=abc"), RuleError::NotHex(..)));
    assert!(matches!(error("serial=*"), RuleError::NotHex(..)));
    assert!(matches!(error("uri=spiffe://x/**"), RuleError::DoubleWildcard(_)));
    for text in [
        "dns=bücher.example",
        "dns=https://a.example",
        "dns=a..b",
        "uri=notes",
        "uri=spiffe://*/x",
        "uri=spiffe://*",
        "uri=spiffe://x/*?q",
        "uri=spiffe://x/a b",
        "email=notes",
        "email=@example",
        "email=a@",
    ] {
        assert!(matches!(error(text), RuleError::Malformed(..)), "{text}: {:?}", error(text));
    }
}

#[test]
fn the_nearest_rule_is_told_with_what_it_lacks() {
    let refused = |allow: &[&str]| {
        let Ruling::Refused(denial) = Rules::new(read(allow)).ruling(&peer()) else { panic!("let in") };
        denial.of("clients", &peer())
    };
    let text = refused(&["cn=other", "cn=note.example", "cn=x, dns=y"]);
    assert_eq!(
        text,
        "no rule of clients.allow matches it; nearest is [cn=note.example]: cn=note.example is asked for, \
         but it has cn=notes.example"
    );
    let text = refused(&["cn=other", "cn=notes.example, ou=c, o=x", "dns=notes.example, ou=c"]);
    assert!(
        text.contains("[dns=notes.example, ou=c]: ou=c is asked for, but it has ou=a, ou=b"),
        "{text}"
    );
}

/// Lines that are rules, and many that are almost rules.
fn any_line() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => select(vec!["cn", "o", "dns", "uri", "email", "ip", "issuer", "serial", "spki", "any"])
            .prop_map(str::to_owned),
        1 => "[ -~]{0,4}",
    ];
    let value = prop_oneof![
        "[a-z*.]{0,8}",
        "spiffe://[a-z]{1,3}(/[a-z*]{0,3}){0,3}",
        "[a-z*.\"]{1,3}@[a-z*.]{1,5}",
        "\"([^\"\\\\]|\\\\[,\"\\\\*]){0,6}\"",
        "CN=[a-z,+=\\\\ ]{0,6}",
        "[0-9.:/]{1,8}",
        ".{0,8}",
    ];
    vec((name, "[ ]?=?[ ]?", value), 1..4).prop_map(|parts| {
        let parts = parts.iter().map(|(name, equals, value)| format!("{name}{equals}{value}"));
        parts.collect::<Vec<_>>().join(",")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn whatever_is_read_is_printed_so_that_it_is_read_as_the_same(line in any_line()) {
        if let Ok(rule) = line.parse::<Rule>() {
            let printed = rule.to_string();
            prop_assert_eq!(printed.parse::<Rule>(), Ok(rule.clone()), "{}", printed);
            prop_assert_eq!(rule.matches(&peer()), rule.misses(&peer()).is_empty());
        }
    }

    #[test]
    fn a_value_of_any_characters_can_be_written(value in "[^\\pC]{1,12}") {
        let mut peer = peer();
        peer.o = vec![value.clone()];
        let quoted: String =
            value.chars().flat_map(|c| [(",\"\\*".contains(c)).then_some('\\'), Some(c)]).flatten().collect();
        let rule: Rule = format!("o=\"{quoted}\"").parse().unwrap();
        prop_assert!(rule.matches(&peer), "{}", rule);
        peer.o = vec![format!("{value}x")];
        prop_assert!(!rule.matches(&peer));
    }
}

/// A resource that counts how often its rules are read.
#[derive(Debug)]
struct Counted {
    rules: Rules,
    asked: std::cell::Cell<usize>,
}

impl Counted {
    fn new(allow: &[&str]) -> Self {
        Self { rules: Rules::new(read(allow)), asked: Default::default() }
    }
}

impl Guarded for Counted {
    fn rules(&self) -> &Rules {
        self.asked.set(self.asked.get() + 1);
        &self.rules
    }
}

#[test]
fn a_decision_is_made_once_for_each_resource_and_generation() {
    let (open, closed) = (Counted::new(&["any"]), Counted::new(&["cn=other"]));
    let (decisions, peer) = (Decisions::default(), peer());
    let ask = |generation, resource: &Counted| {
        let before = resource.asked.replace(0);
        let granted = decisions.authorize(generation, &peer, resource).is_ok();
        // Each call checks whether there are any rules.
        let decided = resource.asked.replace(before) > 1;
        (granted, decided)
    };

    assert_eq!((ask(1, &open), ask(1, &closed)), ((true, true), (false, true)));
    for _ in 0..3 {
        assert_eq!((ask(1, &open), ask(1, &closed)), ((true, false), (false, false)));
    }
    assert_eq!((ask(2, &closed), ask(2, &closed)), ((false, true), (false, false)));
    assert_eq!(ask(2, &open), (true, true));
}

#[test]
fn of_another_generation_nothing_is_remembered() {
    let (decisions, peer) = (Decisions::default(), peer());
    let mut resource = Counted::new(&["any"]);
    assert!(decisions.authorize(1, &peer, &resource).is_ok());

    resource.rules = Rules::new(read(&["cn=other"]));

    assert!(decisions.authorize(2, &peer, &resource).is_err());
}

#[test]
fn a_refusal_is_put_into_words_once() {
    let (decisions, peer) = (Decisions::default(), peer());
    let closed = Counted::new(&["cn=other"]);
    let words = || {
        let decision = decisions.authorize(1, &peer, &closed).unwrap_err();
        decision.words("route", &peer).as_ptr()
    };

    assert_eq!(words(), words());
}
