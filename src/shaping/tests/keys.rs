//! The key of pseudonyms.

use super::KEY;
use crate::shaping::{HashKey, HashKeyError, MIN_HASH_KEY};

#[test]
fn another_key_has_another_id_and_other_pseudonyms() {
    let [one, other] = [KEY, b"another key of some length"].map(|key| HashKey::read(key).unwrap());
    assert_eq!(one.id(), "k1329791b");
    assert_ne!(one.id(), other.id());
    assert_ne!(one, other);
    let [one, other] = [one, other].map(|key| key.pseudonym("x").split_once(':').unwrap().1.to_owned());
    assert_ne!(one, other);
}

#[test]
fn one_line_end_is_not_a_part_of_the_key() {
    let key = HashKey::read(KEY).unwrap();
    assert_eq!(HashKey::read(&[KEY, b"\n"].concat()), Ok(key.clone()));
    assert_eq!(HashKey::read(&[KEY, b"\r\n"].concat()), Ok(key));
}

#[test]
fn a_key_that_could_be_guessed_or_misread_is_refused() {
    assert!(HashKey::read(&[b'a'; MIN_HASH_KEY]).is_ok());
    for (content, error) in [
        (&b""[..], HashKeyError::TooShort(0)),
        (b"123456789012345\n", HashKeyError::TooShort(15)),
        (b"                    \n", HashKeyError::TooShort(0)),
        (b"1234567890123456\n1234567890123456\n", HashKeyError::NotOneLine),
        (b"\xef\xbb\xbf1234567890123456", HashKeyError::NotOneLine),
        (b"\xff\xfe34567890123456789", HashKeyError::NotOneLine),
        (b"1234567890\x001234567890", HashKeyError::NotOneLine),
        (&[b'a'; 16 * 1024 + 1], HashKeyError::TooLong),
    ] {
        assert_eq!(HashKey::read(content), Err(error));
        assert!(error.hint().contains("openssl"));
    }
}

#[test]
fn debug_does_not_show_the_key() {
    let shown = format!("{:?}", HashKey::read(KEY).unwrap());
    assert_eq!(shown, "HashKey(k1329791b, [redacted])");
}
