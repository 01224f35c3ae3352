use std::sync::OnceLock;

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};

use super::*;

/// Two certificates and a key, with explanatory text around them.
fn good() -> &'static str {
    static GOOD: OnceLock<String> = OnceLock::new();
    GOOD.get_or_init(|| {
        let key = KeyPair::generate().unwrap();
        let certificate = || CertificateParams::default().self_signed(&key).unwrap().pem();
        format!(
            "# our CAs\n{}subject=CN = two\n---\n{}\n{}last remark\n",
            certificate(),
            certificate(),
            key.serialize_pem()
        )
    })
}

fn kinds(text: &[u8]) -> Option<Vec<Kind>> {
    Some(Contents::parse(text).ok()?.items().iter().map(|item| item.kind).collect())
}

/// An accidental change to a file: some bytes, or text at the beginning of each line of a range.
#[derive(Clone, Debug)]
enum Change {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static str),
    Remove(prop::sample::Index, usize),
    Prefix(prop::sample::Index, usize, &'static str),
    ReplaceAll(&'static str, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    let piece = || {
        prop::sample::select(vec![
            " ",
            "\t",
            "\n",
            "\r",
            "\0",
            "-",
            "--",
            "-----",
            "#",
            "> ",
            "\u{feff}",
            "\u{2013}",
            "=",
            "A",
            "x",
            "-----BEGIN ",
            "-----END ",
            "BEGIN",
            ":",
        ])
    };
    let pair = prop::sample::select(vec![
        ("-----", "----"),
        ("-----", "\u{2014}"),
        ("BEGIN", "begin"),
        ("BEGIN ", "BEGIN"),
        (" CERTIFICATE", ""),
        ("\n-----BEGIN", " -----BEGIN"),
        ("-----\n-----", "----------"),
        ("\n", "\r"),
        ("\n", ""),
        ("\n", " "),
        ("=", ""),
    ]);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at(), piece()).prop_map(|(at, text)| Change::Insert(at, text)),
        (at(), 1usize..9).prop_map(|(at, count)| Change::Remove(at, count)),
        (at(), 1usize..30, piece()).prop_map(|(at, count, text)| Change::Prefix(at, count, text)),
        pair.prop_map(|(from, to)| Change::ReplaceAll(from, to)),
    ]
}

fn changed(text: &[u8], change: &Change) -> Vec<u8> {
    let mut text = text.to_vec();
    match change {
        Change::Replace(at, byte) => text[at.index(good().len())] = *byte,
        Change::Insert(at, piece) => {
            let at = at.index(text.len());
            text.splice(at..at, piece.bytes());
        }
        Change::Remove(at, count) => {
            let at = at.index(text.len());
            text.drain(at..(at + count).min(text.len()));
        }
        Change::Prefix(at, count, piece) => {
            let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
            let first = at.index(lines.len());
            let lines = lines.iter().enumerate().map(|(number, line)| {
                let prefix =
                    if (first..first + count).contains(&number) { piece.as_bytes() } else { b"" };
                [prefix, line].concat()
            });
            text = lines.collect::<Vec<_>>().concat();
        }
        Change::ReplaceAll(from, to) => {
            text = String::from_utf8_lossy(&text).replace(from, to).into_bytes();
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A single accidental change never removes an item without an error.
    #[test]
    fn a_changed_file_has_the_same_items_or_is_refused(change in change()) {
        let changed = changed(good().as_bytes(), &change);
        if let Some(found) = kinds(&changed) {
            prop_assert_eq!(Some(found), kinds(good().as_bytes()), "{}", String::from_utf8_lossy(&changed));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Contents::parse(&bytes);
    }
}

#[test]
fn the_unchanged_file_is_read() {
    assert_eq!(
        kinds(good().as_bytes()).unwrap(),
        [Kind::Certificate, Kind::Certificate, Kind::PrivateKey]
    );
}

#[test]
fn an_error_names_the_line_for_every_kind_of_line_end() {
    for end in ["\n", "\r\n", "\r"] {
        let text = good().replace("-----END", " -----END").replace('\n', end);
        let error = Contents::parse(text.as_bytes()).unwrap_err();
        let line = 1 + good().lines().position(|line| line.contains("-----END")).unwrap();
        assert_eq!(
            error.what,
            format!("is broken PEM: line {line}: looks like the boundary of a block, but is not valid")
        );
    }
}

#[test]
fn no_error_quotes_the_content_of_the_file() {
    let secret = "hush-0123456789abcdef";
    for text in [
        format!("{secret}\0"),
        format!("-----BEGIN {secret}"),
        format!("-----BEGIN CERTIFICATE-----\n{secret}\n-----END CERTIFICATE-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}: x\n\nAAAA\n-----END PRIVATE KEY-----\n"),
        format!("-----END CERTIFICATE-----{secret}\n"),
    ] {
        let error = Contents::parse(text.as_bytes()).unwrap_err();
        assert!(!error.to_string().contains("0123"), "{text}: {error}");
    }
}
