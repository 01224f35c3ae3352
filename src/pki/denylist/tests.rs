//! Tests of the meaning of lines, and that no text makes the parser panic or skip a line.

use std::sync::LazyLock;

use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SerialNumber};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::identity::{Certificate, rfc4514};

fn certificate(serial: u64, cn: &str) -> rcgen::Certificate {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, cn);
    params.serial_number = Some(SerialNumber::from(serial));
    params.self_signed(&KeyPair::generate().unwrap()).unwrap()
}

fn parse(text: &str) -> Denylist {
    Denylist::parse(text, Path::new("deny")).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn found(list: &Denylist, certificate: &rcgen::Certificate) -> Option<(usize, Option<String>)> {
    let (_, x509) = X509Certificate::from_der(certificate.der()).unwrap();
    list.find(&x509).map(|entry| (entry.line, entry.why.clone()))
}

#[test]
fn a_certificate_is_denied_by_fingerprint_by_key_and_by_serial_and_issuer() {
    let denied = certificate(0x0a1b, "a, b");
    let other = certificate(0x0a1b, "other");
    let (_, x509) = X509Certificate::from_der(denied.der()).unwrap();
    let fingerprint = Digest::of(denied.der());
    let key = Digest::of(x509.public_key().raw);
    let issuer = rfc4514(x509.issuer());
    for line in [
        format!("fingerprint={fingerprint}"),
        format!(" fingerprint = {} ", fingerprint.to_string().to_uppercase()),
        format!("spki={key}"),
        format!("serial=a1b, issuer={issuer}"),
        format!("serial=00:0A:1B,issuer = {issuer}"),
    ] {
        let list = parse(&format!("# a comment\r\n\r\n{line} # stolen, see 7\r\n"));
        assert_eq!(found(&list, &denied), Some((3, Some("stolen, see 7".to_owned()))), "{line}");
        assert_eq!(found(&list, &other), None, "{line}");
        assert_eq!(list.len(), 1);
        assert_eq!(found(&parse(&line), &denied), Some((1, None)), "without a comment: {line}");
    }
}

#[test]
fn a_list_has_its_file_and_the_number_of_certificates_and_keys() {
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let list = parse(&format!(
        "fingerprint={one}\nfingerprint={two}\nfingerprint={one}\nspki={one}\n\
         serial=1, issuer=CN=a # b\nserial=1, issuer=CN=c\nserial=2, issuer=CN=a\n"
    ));
    assert_eq!((list.len(), list.file.as_path()), (6, Path::new("deny")));
    assert_eq!(parse("# nobody").len(), 0);
}

#[test]
fn of_many_errors_the_first_are_listed_and_the_others_counted() {
    let folder = tempfile::tempdir().unwrap();
    let told = |lines: usize| {
        let file = folder.path().join("denied");
        std::fs::write(&file, "x\n".repeat(lines)).unwrap();
        Denylist::read(&file).unwrap_err().iter().map(|error| error.what.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(LISTED).len(), LISTED);
    assert!(told(LISTED)[0].starts_with("line 1: "));
    let more = told(LISTED + 2);
    assert_eq!((more.len(), more.last().unwrap().as_str()), (LISTED + 1, "has 2 more such lines"));
}

#[test]
fn a_certificate_is_denied_although_its_issuers_name_has_a_number_sign() {
    let denied = certificate(7, "Team #1 # two");
    let list = parse("serial=07, issuer=CN=Team #1 # two\n");
    assert!(found(&list, &denied).is_some());
    let list = parse("serial=07, issuer=CN=Team \\#1 # two # three\n");
    assert_eq!(
        found(&list, &denied),
        Some((1, Some("three".to_owned()))),
        "each ` #` may begin the comment"
    );
    let list = parse("serial=07, issuer=CN=Team \\#1 \\# two # why\n");
    assert_eq!(found(&list, &denied), Some((1, Some("why".to_owned()))));
}

#[test]
fn every_line_that_cannot_be_read_is_an_error_that_names_it() {
    let text = "\nfingerprint=abc\nsubject=CN=x\nserial=1\nserial=xyz, issuer=CN=x\nserial=1, issuer=x\n\
                serial=1, CN=x\nfingerprint\n";
    let errors = Denylist::parse(text, Path::new("deny")).unwrap_err();

    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8]);
    for (error, said) in errors.iter().zip([
        "SHA-256",
        "none of",
        "no issuer",
        "hex",
        "TYPE=value",
        "no issuer",
        "none of",
    ]) {
        assert!(error.fault.to_string().contains(said), "{error}");
    }
}

#[test]
fn an_entry_after_another_kind_of_line_end_is_read_or_refused_and_not_taken_for_a_comment() {
    let denied = certificate(7, "a");
    let entry = format!("fingerprint={}", Digest::of(denied.der()));
    assert_eq!(found(&parse(&format!("# why\r{entry}\r# end")), &denied), Some((2, None)));
    for end in ["\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\0"] {
        let errors = Denylist::parse(&format!("# why{end}{entry}"), Path::new("deny")).unwrap_err();
        assert_eq!(errors[0].line, 1, "{end:?}");
    }
    for text in [format!("\n\u{feff}{entry}"), format!("\n#\u{feff}{entry}")] {
        assert_eq!(Denylist::parse(&text, Path::new("deny")).unwrap_err()[0].line, 2);
    }
}

#[test]
fn no_error_quotes_the_content_of_the_file() {
    let secret = "hush-0123456789abcdef";
    for text in [
        secret.to_owned(),
        format!("{secret}={secret}"),
        format!("fingerprint={secret}"),
        format!("spki={secret} # {secret}"),
        format!("serial={secret}"),
        format!("serial={secret}, issuer=CN=x"),
        format!("serial=01, issuer={secret}"),
        format!("serial=01, {secret}"),
        format!("-----BEGIN {secret}-----"),
    ] {
        let errors = Denylist::parse(&text, Path::new("deny")).unwrap_err();
        assert!(!errors.iter().any(|error| error.to_string().contains("0123")), "{text}: {errors:?}");
    }
}

fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("fingerprint=".to_owned()),
        Just("spki=".to_owned()),
        Just("serial=".to_owned()),
        Just("issuer=CN=".to_owned()),
        Just(", ".to_owned()),
        Just(" # ".to_owned()),
        Just("ab".repeat(32)),
        "[0-9a-f:]{1,8}",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(word, 0..6).prop_map(|words| words.concat())
}

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());

/// Attribute types with and without a name.
fn kind() -> impl Strategy<Value = DnType> {
    prop_oneof![
        Just(DnType::CommonName),
        Just(DnType::OrganizationName),
        Just(DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1])),
        Just(DnType::CustomDnType(vec![0, 9, 2342, 19200300, 100, 1, 44])),
        Just(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999, 7])),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c#, +=\"\\\\<>;]{1,12}",
        "\\PC{1,12}",
        Just("a\u{202e}\n\u{7f}".to_owned()),
        Just("long ".repeat(150)),
        Just("\u{e9}".repeat(300)),
    ]
}

proptest! {
    #[test]
    fn no_line_is_skipped(lines in proptest::collection::vec(line(), 0..8)) {
        let text = lines.join("\n");
        let meant = text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim().trim_start_matches('\u{feff}').trim();
            let is_hidden = line.contains(['\u{2028}', '\u{2029}']);
            is_hidden || !line.is_empty() && !line.starts_with('#')
        });
        let meant: Vec<_> = meant.map(|(at, _)| at + 1).collect();
        match Denylist::parse(&text, Path::new("deny")) {
            Ok(list) => prop_assert_eq!(list.is_empty(), meant.is_empty()),
            Err(errors) => prop_assert!(errors.iter().all(|error| meant.contains(&error.line))),
        }
    }

    #[test]
    fn every_value_from_the_log_can_be_copied_to_the_list(
        attributes in proptest::collection::vec((kind(), value()), 1..5),
        serial in proptest::collection::vec(any::<u8>(), 1..80),
    ) {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in attributes {
            params.distinguished_name.push(kind, value);
        }
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let wanted = params.self_signed(&*KEY).unwrap();
        let logged = Certificate::read(wanted.der()).unwrap();
        let json = serde_json::to_value(&logged).unwrap();
        let (serial, issuer) = (json["serial"].to_string(), json["issuer"].to_string());

        for line in [
            format!("fingerprint={}", logged.fingerprint_sha256),
            format!("serial={}, issuer={}", logged.serial, logged.issuer),
            format!("serial={}, issuer={} # stolen", logged.serial, logged.issuer),
            // Copied out of a line of JSON as it is.
            format!("serial={}, issuer={}", serial.trim_matches('"'), &issuer[1..issuer.len() - 1]),
        ] {
            prop_assert!(found(&parse(&line), &wanted).is_some(), "{}", line);
        }
        // RFC 5280 section 4.1.2.2: the serial number of somebody else.
        let other = format!("serial=42{}, issuer={}", logged.serial.trim_start_matches('-'), logged.issuer);
        prop_assert!(found(&parse(&other), &wanted).is_none());
    }

    #[test]
    fn a_certificate_is_found_when_a_plain_search_finds_it(
        serials in proptest::collection::vec(1_u64..6, 0..5),
        kinds in proptest::collection::vec(0..3, 5),
        serial in 1_u64..6,
    ) {
        let wanted = certificate(serial, "ca");
        let (_, x509) = X509Certificate::from_der(wanted.der()).unwrap();
        let listed: Vec<_> = serials.iter().zip(&kinds).map(|(listed, kind)| {
            let same = *listed == serial;
            let digest = |of: &[u8]| if same { Digest::of(of) } else { Digest::of(&listed.to_be_bytes()) };
            match kind {
                0 => format!("fingerprint={}", digest(wanted.der())),
                1 => format!("spki={}", digest(x509.public_key().raw)),
                _ => format!("serial={listed:x}, issuer={}", rfc4514(x509.issuer())),
            }
        }).collect();

        let found = found(&parse(&listed.join("\n")), &wanted);

        prop_assert_eq!(found.is_some(), serials.contains(&serial));
        if let Some((line, _)) = found {
            prop_assert_eq!(serials[line - 1], serial);
        }
    }
}
