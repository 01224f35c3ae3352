//! For random certificates and rules, the indexed rules decide as a simple evaluator without an index does.

use clawgate::identity::Peer;
use clawgate::policy::{Denial, Pin, Rule, Rules, Ruling};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType, SerialNumber,
};

use crate::support::pki::Ca;

/// What a certificate says, in the words of the test.
#[derive(Clone, Debug)]
struct Said {
    cn: Option<String>,
    o: Option<String>,
    ou: Option<String>,
    /// Kind and value.
    sans: Vec<(&'static str, String)>,
    serial: u8,
    /// Which of two CAs.
    ca: usize,
}

/// A part of a rule: kind, and value with `*` for wildcards.
type Part = (&'static str, String);

fn label() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "aB", "aab"]).prop_map(str::to_owned)
}

fn wild_label() -> impl Strategy<Value = String> {
    prop_oneof![1 => label(), 1 => select(vec!["*", "a*", "*b", "*a*", "a*b"]).prop_map(str::to_owned)]
}

fn joined<S: Strategy<Value = String>>(
    label: impl Fn() -> S,
    separator: &'static str,
) -> impl Strategy<Value = String> {
    vec(label(), 1..3).prop_map(move |labels| labels.join(separator))
}

/// A value of some kind of name.
fn name<S: Strategy<Value = String> + 'static>(label: fn() -> S) -> impl Strategy<Value = Part> {
    let of = |kind: &'static str| move |value: String| (kind, value);
    let host = move || joined(label, ".");
    let authority = select(vec!["spiffe://x", "SPIFFE://X", "https://user@x.y:1"]);
    let path = vec(prop_oneof![3 => label().boxed(), 1 => Just(String::new()).boxed()], 0..3);
    let uri =
        (authority, path, select(vec!["", "", "", "?a", "#b"])).prop_map(|(authority, path, end)| {
            let path: String = path.iter().map(|segment| format!("/{segment}")).collect();
            // A rule has no wildcard beside a query or fragment.
            let end = if path.contains('*') { "" } else { end };
            format!("{authority}{path}{end}")
        });
    let email = (joined(label, "."), host()).prop_map(|(local, host)| format!("{local}@{host}"));
    prop_oneof![host().prop_map(of("dns")), uri.prop_map(of("uri")), email.prop_map(of("email"))]
}

fn ip() -> impl Strategy<Value = String> {
    select(vec!["10.0.0.1", "10.0.1.1", "10.9.0.1", "11.0.0.1", "fd00::1", "fd00::2"])
        .prop_map(str::to_owned)
}

/// Free text; what a rule must quote is in it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        joined(label, "."),
        select(vec!["a, b", "a\"b", "a\\", " a", "a=b", "*", "a;b"]).prop_map(str::to_owned)
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let san = prop_oneof![4 => name(label), 1 => ip().prop_map(|ip| ("ip", ip))];
    let text = || option::of(text());
    (text(), text(), text(), vec(san, 0..4), 1..5_u8, 0..2_usize)
        .prop_map(|(cn, o, ou, sans, serial, ca)| Said { cn, o, ou, sans, serial, ca })
}

fn part() -> impl Strategy<Value = Part> {
    let pattern = || joined(wild_label, ".");
    prop_oneof![
        4 => name(wild_label),
        2 => pattern().prop_map(|value| ("cn", value)),
        1 => pattern().prop_map(|value| ("o", value)),
        1 => pattern().prop_map(|value| ("ou", value)),
        // Exact text, with all that needs a quote; no wildcard.
        1 => (select(vec!["cn", "o", "ou"]), text()).prop_map(|(kind, value)| (kind, value.replace('*', "x"))),
        1 => ip().prop_map(|value| ("ip", value)),
        1 => select(vec!["10.0.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "fd00::/64"])
            .prop_map(|value| ("ip", value.to_owned())),
        1 => (1..5_u8).prop_map(|serial| ("serial", format!("0{serial}"))),
        1 => select(vec!["CN=One,O=CA", "CN=Two,O=CA"]).prop_map(|value| ("issuer", value.to_owned())),
        1 => select(vec!["one", "two"]).prop_map(|value| ("issuer-spki", value.to_owned())),
        1 => Just(("any", String::new())),
    ]
}

/// Parts that may stand together.
fn line() -> impl Strategy<Value = Vec<Part>> {
    vec(part(), 1..3).prop_map(|mut parts| {
        if parts.iter().any(|(kind, _)| *kind == "any") {
            return vec![("any", String::new())];
        }
        let mut seen = Vec::new();
        parts.retain(|(kind, _)| {
            let single = matches!(*kind, "cn" | "serial" | "issuer");
            let again = single && seen.contains(kind);
            seen.push(*kind);
            !again
        });
        parts
    })
}

/// The line as somebody would write it.
fn written(line: &[Part], key: &impl Fn(&str) -> String) -> String {
    let part = |(kind, value): &Part| {
        if *kind == "any" {
            return "any".to_owned();
        }
        let value = if *kind == "issuer-spki" { key(value) } else { value.clone() };
        if value.contains([',', '"', '\\', ' ']) {
            return format!("{kind} = \"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        }
        format!("{kind}={value}")
    };
    line.iter().map(part).collect::<Vec<_>>().join(" , ")
}

/// Whether `part` holds, in the plainest way to say it.
fn holds((kind, wanted): &Part, said: &Said) -> bool {
    let mut have = said.sans.iter().filter(|(of, _)| of == kind).map(|(_, value)| value);
    match *kind {
        "any" => true,
        "cn" => said.cn.as_ref().is_some_and(|cn| same_labels(wanted, cn, '.')),
        "o" => said.o.as_ref().is_some_and(|o| same_label(wanted, o)),
        "ou" => said.ou.as_ref().is_some_and(|ou| same_label(wanted, ou)),
        "dns" => have.any(|name| same_labels(&wanted.to_lowercase(), &name.to_lowercase(), '.')),
        "uri" => have.any(|uri| same_uri(wanted, uri)),
        "email" => have.any(|address| same_address(wanted, address)),
        "ip" => have.any(|ip| match wanted.split_once('/') {
            None => ip == wanted,
            Some((_, "16")) => ip.starts_with("10.0."),
            Some((_, "8")) => ip.starts_with("10."),
            Some((_, "0")) => !ip.contains(':'),
            Some(_) => ip.starts_with("fd00:"),
        }),
        "serial" => *wanted == format!("0{}", said.serial),
        "issuer" => *wanted == ["CN=One,O=CA", "CN=Two,O=CA"][said.ca],
        "issuer-spki" => *wanted == ["one", "two"][said.ca],
        _ => unreachable!("{kind}"),
    }
}

fn same_labels(wanted: &str, have: &str, separator: char) -> bool {
    let (wanted, have): (Vec<_>, Vec<_>) =
        (wanted.split(separator).collect(), have.split(separator).collect());
    wanted.len() == have.len() && wanted.iter().zip(have).all(|(wanted, have)| same_label(wanted, have))
}

fn same_label(wanted: &str, have: &str) -> bool {
    fn glob(wanted: &[u8], have: &[u8]) -> bool {
        match wanted {
            [] => have.is_empty(),
            [b'*', rest @ ..] => (0..=have.len()).any(|taken| glob(rest, &have[taken..])),
            [byte, rest @ ..] => have.first() == Some(byte) && glob(rest, &have[1..]),
        }
    }
    glob(wanted.as_bytes(), have.as_bytes()) && !(wanted == "*" && have.is_empty())
}

fn same_uri(wanted: &str, have: &str) -> bool {
    let lower = |uri: &str| match uri {
        uri if uri.to_lowercase().starts_with("spiffe://x") => format!("spiffe://x{}", &uri[10..]),
        uri => uri.to_owned(),
    };
    if !wanted.contains('*') {
        return lower(wanted) == lower(have);
    }
    !have.contains(['?', '#']) && same_labels(&lower(wanted), &lower(have), '/')
}

fn same_address(wanted: &str, have: &str) -> bool {
    let split = |address: &str| {
        let (local, host) = address.rsplit_once('@').unwrap();
        (local.to_owned(), host.to_lowercase())
    };
    let ((wanted_local, wanted_host), (local, host)) = (split(wanted), split(have));
    same_label(&wanted_local, &local) && same_labels(&wanted_host, &host, '.')
}

/// The verdict, and the line that it is by.
fn expected(
    said: &Said,
    allow: &[Vec<Part>],
    deny: &[Vec<Part>],
    pinned: Option<bool>,
    audit: bool,
) -> (&'static str, Option<usize>) {
    let first = |lines: &[Vec<Part>]| {
        (0..lines.len()).find(|place| lines[*place].iter().all(|part| holds(part, said)))
    };
    if pinned == Some(false) {
        return ("unpinned", None);
    }
    if let Some(place) = first(deny) {
        return (if audit { "denied, on trial" } else { "denied" }, Some(place));
    }
    if allow.is_empty() && deny.is_empty() {
        return ("admitted", None);
    }
    match first(allow) {
        Some(place) => ("admitted", Some(place)),
        None => (if audit { "unmatched, on trial" } else { "unmatched" }, None),
    }
}

struct Issuing {
    cas: [Ca; 2],
    key: KeyPair,
}

impl Issuing {
    fn new() -> Self {
        let ca = |name: &str| {
            let mut params = Ca::params(name);
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::OrganizationName, "CA");
            params.distinguished_name.push(DnType::CommonName, name);
            Ca::root_of(params)
        };
        Self { cas: [ca("One"), ca("Two")], key: KeyPair::generate().unwrap() }
    }

    fn spki(&self, name: &str) -> String {
        let ca = &self.cas[usize::from(name == "two")];
        clawgate::identity::sha256(&rcgen::PublicKeyData::subject_public_key_info(&ca.key))
    }

    /// The identity in a certificate that says this.
    fn peer(&self, said: &Said) -> Peer {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.serial_number = Some(SerialNumber::from(u64::from(said.serial)));
        params.distinguished_name = DistinguishedName::new();
        let names = [
            (DnType::CommonName, &said.cn),
            (DnType::OrganizationName, &said.o),
            (DnType::OrganizationalUnitName, &said.ou),
        ];
        for (kind, value) in names {
            if let Some(value) = value {
                params.distinguished_name.push(kind, value);
            }
        }
        let san = |(kind, value): &(&str, String)| match *kind {
            "dns" => SanType::DnsName(value.as_str().try_into().unwrap()),
            "uri" => SanType::URI(value.as_str().try_into().unwrap()),
            "email" => SanType::Rfc822Name(value.as_str().try_into().unwrap()),
            _ => SanType::IpAddress(value.parse().unwrap()),
        };
        params.subject_alt_names = said.sans.iter().map(san).collect();
        let ca = &self.cas[said.ca];
        let issuer = Issuer::from_params(&ca.params, &ca.key);
        let leaf = params.signed_by(&self.key, &issuer).unwrap();
        let mut peer = Peer::read(leaf.der()).unwrap();
        peer.issuer_spki_sha256 = vec![self.spki(["one", "two"][said.ca])];
        peer
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn rules_say_of_every_certificate_what_a_plain_evaluator_says(
        said in said(),
        allow in vec(line(), 0..8),
        deny in vec(line(), 0..3),
        pinned in option::weighted(0.2, any::<bool>()),
        audit in any::<bool>(),
    ) {
        thread_local!(static ISSUING: Issuing = Issuing::new());
        ISSUING.with(|issuing| -> Result<(), TestCaseError> {
            let peer = issuing.peer(&said);
            let key = |name: &str| issuing.spki(name);
            let read = |lines: &[Vec<Part>]| -> Vec<Rule> {
                let rule = |line: &Vec<Part>| {
                    let text = written(line, &key);
                    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
                };
                lines.iter().map(rule).collect()
            };
            let own = format!("fingerprint={}", peer.certificate.fingerprint_sha256);
            let pins: Vec<Pin> = pinned.into_iter().flat_map(|holds| {
                let other = format!("spki={}", "00".repeat(32)).parse().unwrap();
                holds.then(|| own.parse().unwrap()).into_iter().chain([other])
            }).collect();
            let (allowing, denying) = (read(&allow), read(&deny));
            let rules = Rules::new(allowing.clone()).denying(denying.clone()).pinned(pins).audited(audit);

            let by = |rule: Option<&Rule>, list: &[Rule]| {
                rule.and_then(|rule| list.iter().position(|other| other == rule))
            };
            let got = match rules.ruling(&peer) {
                Ruling::Admitted => ("admitted", by(rules.matching(&peer), &allowing)),
                Ruling::Refused(Denial::Unpinned) => ("unpinned", None),
                Ruling::Refused(Denial::Rule(rule)) => ("denied", by(Some(&rule), &denying)),
                Ruling::Audited(Denial::Rule(rule)) => ("denied, on trial", by(Some(&rule), &denying)),
                Ruling::Refused(Denial::Unmatched(_)) => ("unmatched", None),
                Ruling::Audited(Denial::Unmatched(_)) => ("unmatched, on trial", None),
                Ruling::Audited(Denial::Unpinned) => ("pins are not on trial", None),
            };
            prop_assert_eq!(got, expected(&said, &allow, &deny, pinned, audit));
            Ok(())
        })?;
    }
}

#[test]
fn random_certificates_and_rules_meet_often_enough_to_prove_something() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut met = 0;
    for _ in 0..1000 {
        let said = said().new_tree(&mut runner).unwrap().current();
        let line = line().new_tree(&mut runner).unwrap().current();
        let pattern = line.iter().any(|(_, value)| value.contains('*'));
        met += usize::from(pattern && line.iter().all(|part| holds(part, &said)));
    }
    assert!(met > 20, "{met} of 1000");
}
