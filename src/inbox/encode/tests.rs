use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn example() -> StoredRequest {
    let mut headers = HeaderMap::new();
    headers.append("host", HeaderValue::from_static("hooks.example.org"));
    headers.append("x-note", HeaderValue::from_bytes(b"caf\xe9: a\tb").unwrap());
    headers.append("x-note", HeaderValue::from_static(""));
    StoredRequest {
        method: Method::POST,
        target: Uri::from_static("/hooks/a?b=c:d"),
        headers,
        body: Bytes::from_static(b"\n\0{}"),
    }
}

#[test]
fn a_request_is_read_as_it_was_written() {
    let written = example();

    let read = request(&head(&written), written.body.to_vec()).unwrap();

    assert_eq!(read, written);
}

#[test]
fn requests_that_differ_in_method_target_or_body_have_different_digests() {
    let first = example();
    let method = StoredRequest { method: Method::PUT, ..example() };
    let target = StoredRequest { target: Uri::from_static("/hooks/a?b=c:e"), ..example() };
    let body = StoredRequest { body: Bytes::from_static(b"\n\0{}\n"), ..example() };

    for other in [method, target, body] {
        assert_ne!(digest(&first), digest(&other), "{other:?}");
    }
    assert_eq!(digest(&first), digest(&StoredRequest { headers: HeaderMap::new(), ..example() }));
}

#[test]
fn no_two_routes_principals_and_keys_have_the_same_mark() {
    assert_ne!(mark("/a", "bc", "d"), mark("/a", "b", "cd"));
    assert_ne!(mark("/a", "b", ""), mark("/ab", "", ""));
}

#[test]
fn a_key_that_a_suffix_makes_too_long_is_replaced_by_its_hash() {
    let longest = "k".repeat(MAX_IDEMPOTENCY_KEY);

    let replayed = key_of_replay(longest.clone(), 1);

    assert_eq!(replayed.len(), 67);
    assert_ne!(replayed, key_of_replay(longest.clone(), 2));
    assert_eq!(key_of_replay(longest.clone(), 0), longest);
    assert_eq!(key_of_replay("cg-a-b".to_owned(), 2), "cg-a-b-r2");
    assert_eq!(key_of_reuse("cg-a-b", &[0xab; 16]), "cg-a-b-abababab");
}

#[test]
fn times_keep_their_milliseconds_also_before_1970() {
    for millis_since in [-1_500, -1, 0, 1, 1_795_788_123_456] {
        assert_eq!(millis(time(millis_since)), millis_since);
    }
}

proptest! {
    #[test]
    fn damaged_text_is_refused_or_read_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = request(&bytes, Vec::new());
    }
}
