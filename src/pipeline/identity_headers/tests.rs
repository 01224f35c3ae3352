//! Two names are never one to whoever reads the fields.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

use super::*;
use crate::identity::rfc4514;

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());

/// What a certificate says.
#[derive(Clone, Debug, PartialEq)]
struct Names {
    cn: String,
    units: Vec<String>,
    sans: Vec<(u8, String)>,
}

fn names() -> impl Strategy<Value = Names> {
    // What fields are trimmed of, what forms escape, and what escapes are made of.
    let text = "[ \t\u{a0}\r,;+=#\"\\\\2059a:é\u{202e}]{0,5}";
    let ascii = "[ \t\r,;=\"\\\\2059a:]{0,5}";
    let sans = proptest::collection::vec((0..3u8, ascii), 0..3);
    (text, proptest::collection::vec(text, 0..3), sans).prop_map(|(cn, units, sans)| Names {
        cn,
        units,
        sans,
    })
}

/// Another, or one that is nearly the same.
fn pair() -> impl Strategy<Value = (Names, Names)> {
    let nearly = (names(), "[ \t2\\\\0,]{0,2}", 0..4usize).prop_map(|(one, more, place)| {
        let mut other = one.clone();
        match place {
            0 => other.cn.push_str(&more),
            1 => other.cn.insert_str(0, &more),
            2 => other.units.iter_mut().for_each(|unit| unit.push_str(&more)),
            _ => other.sans.iter_mut().for_each(|(_, name)| name.push_str(&more)),
        }
        (one, other)
    });
    prop_oneof![(names(), names()), nearly]
}

/// All fields with names in them, as a server reads them: without the white space at their ends (RFC 9110
/// section 5.5), Node's way.
fn read(names: &Names) -> BTreeMap<String, String> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for unit in &names.units {
        // Only the last of one type is kept by `push`.
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit.as_str());
    }
    params.distinguished_name.push(DnType::CommonName, names.cn.as_str());
    let san = |(kind, name): &(u8, String)| match kind {
        0 => SanType::DnsName(name.as_str().try_into().unwrap()),
        1 => SanType::URI(name.as_str().try_into().unwrap()),
        _ => SanType::Rfc822Name(name.as_str().try_into().unwrap()),
    };
    params.subject_alt_names = names.sans.iter().map(san).collect();
    let leaf = params.self_signed(&*KEY).unwrap().der().clone();
    let (_, x509) = X509Certificate::from_der(&leaf).unwrap();
    let peer = Peer::read(&leaf).unwrap();

    let mut fields = Fields::default();
    clawgate::add(&mut fields, &peer);
    ssl_client::add(&mut fields, &leaf, &x509, peer.cn.as_deref());
    let subject = rfc4514(x509.subject());
    let element = Element { by: vec![], hash: "00", subject: &subject, sans: &peer.sans, chain: vec![] };
    element.add(&mut fields);
    assert_eq!(fields.left_out(), [""; 0]);
    let trimmed = |value: &HeaderValue| value.to_str().unwrap().trim_matches([' ', '\t']).to_owned();
    fields.iter().map(|(name, value)| (name.to_string(), trimmed(value))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn two_names_never_have_one_value((one, two) in pair()) {
        let (first, second) = (read(&one), read(&two));
        let differs = |name: &str| first.get(name) != second.get(name);
        if one.cn != two.cn {
            prop_assert!(differs("x-clawgate-client-cn") && differs("x-ssl-client-cn"));
        }
        if one.cn != two.cn || one.units.last() != two.units.last() {
            for name in ["x-clawgate-client-subject", "x-ssl-client-s-dn", "x-ssl-client-i-dn"] {
                prop_assert!(differs(name), "{name}: {first:?}");
            }
            let (first, second) = (&first["x-forwarded-client-cert"], &second["x-forwarded-client-cert"]);
            let subject = |value: &str| value.split("\";").next().unwrap().to_owned();
            prop_assert_ne!(subject(first), subject(second));
        }
        if one.sans != two.sans {
            prop_assert!(differs("x-clawgate-client-san"), "{first:?}");
        }
    }
}

#[test]
fn a_name_that_was_cut_for_the_log_is_left_out() {
    for (length, is_there) in [(500, true), (520, false), (700, false)] {
        let name = Names { cn: "x".repeat(length), units: vec![], sans: vec![] };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name.cn.as_str());
        let leaf = params.self_signed(&*KEY).unwrap().der().clone();
        let mut fields = Fields::default();

        clawgate::add(&mut fields, &Peer::read(&leaf).unwrap());

        let told = fields.iter().any(|(name, _)| name == "x-clawgate-client-subject");
        assert_eq!(told, is_there, "{length}");
        assert_eq!(fields.left_out().contains(&"x-clawgate-client-subject"), !is_there);
    }
}
