use proptest::prelude::*;

use super::*;

fn follow(text: &str) -> Result<(), Violation> {
    Guard::default().follow(text.as_bytes())
}

const HEAD: &str = "POST /hooks/wake HTTP/1.1\r\nHost: a\r\n";

#[test]
fn well_formed_requests_pass_one_after_the_other() {
    let requests = format!(
        "{HEAD}\r\n\r\n{HEAD}Content-Length: 5\r\n\r\na\nb\r\0\
         {HEAD}Transfer-Encoding: Chunked\r\n\r\n3;x=\"y\"\r\na\0\n\r\n00\r\nTrailer: x\r\n\r\n{HEAD}\r\n"
    );
    assert_eq!(follow(&requests), Ok(()));
}

#[test]
fn every_violation_is_named() {
    for (rest, violation) in [
        ("X: y\n", Violation::BareLf),
        ("X: a\rb\r\n", Violation::BareCr),
        ("X: a\0b\r\n", Violation::Nul),
        ("X: a\r\n b\r\n", Violation::ObsFold),
        ("X : a\r\n", Violation::Field),
        (": a\r\n", Violation::Field),
        ("X\r\n", Violation::Field),
        ("X: a\x1bb\r\n", Violation::Field),
        ("Content-Length: 1\r\ncontent-length: 1\r\n", Violation::RepeatedContentLength),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Violation::LengthAndEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Violation::LengthAndEncoding),
        ("Transfer-Encoding: gzip, chunked\r\n", Violation::TransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Violation::TransferEncoding),
        ("Content-Length: +1\r\n", Violation::ContentLength),
        ("Content-Length: 1, 1\r\n", Violation::ContentLength),
        ("Content-Length: \r\n", Violation::ContentLength),
        ("Transfer-Encoding: chunked\r\n\r\nx\r\n", Violation::Chunk),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", Violation::Chunk),
        ("Transfer-Encoding: chunked\r\n\r\n-1\r\n", Violation::Chunk),
        ("Transfer-Encoding: chunked\r\n\r\n0\n", Violation::BareLf),
    ] {
        assert_eq!(follow(&format!("{HEAD}{rest}")), Err(violation), "{rest:?}");
    }
    assert_eq!(follow("GET /a#b HTTP/1.1\r\n"), Err(Violation::Fragment));
    assert_eq!(follow("GET / HTTP/1.1\n"), Err(Violation::BareLf));
    for line in ["GET /", "GET  / HTTP/1.1", "G@T / HTTP/1.1", " / HTTP/1.1", "GET / HTTP/2.0"] {
        assert_eq!(follow(&format!("{line}\r\n")), Err(Violation::RequestLine), "{line:?}");
    }
    assert_eq!(follow("GET /<> HTTP/1.1\r\n"), Err(Violation::Target));
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(follow(old), Err(Violation::TransferEncoding));
}

#[test]
fn a_head_over_the_limit_is_refused_before_it_is_complete() {
    assert_eq!(follow(&format!("{HEAD}X: {}", "a".repeat(MAX_HEAD))), Err(Violation::HeadTooLong));
    let fields = format!("X: {}\r\n", "y".repeat(250)).repeat(MAX_HEAD / 250);
    assert_eq!(follow(&format!("{HEAD}{fields}")), Err(Violation::HeadTooLong));
}

#[test]
fn a_head_of_just_the_limit_passes_in_one_piece_or_in_many() {
    let head = |length: usize| {
        let padding = length - HEAD.len() - "X: \r\n\r\n".len();
        format!("{HEAD}X: {}\r\n\r\n", "a".repeat(padding))
    };
    for (length, verdict) in [(MAX_HEAD, Ok(())), (MAX_HEAD + 1, Err(Violation::HeadTooLong))] {
        assert_eq!(follow(&head(length)), verdict);
        let mut guard = Guard::default();
        assert_eq!(head(length).as_bytes().chunks(7).try_for_each(|part| guard.follow(part)), verdict);
    }
}

#[test]
fn a_line_of_chunked_framing_has_a_limit_too() {
    let begin = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    for before in ["1;", "0\r\nX: "] {
        let line = |length: usize| {
            let first = before.rsplit('\n').next().unwrap();
            format!("{begin}{before}{}\r\n", "a".repeat(length - first.len() - 2))
        };
        assert_eq!(follow(&line(MAX_CHUNK_LINE)), Ok(()), "{before:?}");
        assert_eq!(follow(&line(MAX_CHUNK_LINE + 1)), Err(Violation::Chunk), "{before:?}");
        let endless = format!("{begin}{before}{}", "a".repeat(MAX_CHUNK_LINE));
        assert_eq!(follow(&endless), Err(Violation::Chunk), "{before:?}");
    }
}

#[test]
fn several_control_characters_are_no_better_than_one() {
    for value in ["\x1b\x1b", "\x1b\x7f", "\x7f\x1b", "\x7f\x7f", "a\x0c", "\x0ca"] {
        assert_eq!(follow(&format!("{HEAD}X: {value}\r\n")), Err(Violation::Field), "{value:?}");
    }
    assert_eq!(follow(&format!("{HEAD}X:\ta\tb\t\r\n")), Ok(()));
}

#[test]
fn it_knows_whether_a_head_or_the_next_request_has_begun() {
    let mut guard = Guard::default();
    // Whether the bytes so far end within a head, and whether they end between two requests.
    for (bytes, in_head, between) in [
        ("", false, true),
        ("\r\n", false, true),
        ("POS", true, false),
        ("T / HTTP/1.1\r\n", true, false),
        ("Content-Length: 2\r\n", true, false),
        ("\r\n", false, false),
        ("{", false, false),
        ("}", false, true),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false, false),
        ("1\r\na\r\n0\r\n", false, false),
        ("\r\n", false, true),
    ] {
        guard.follow(bytes.as_bytes()).unwrap();
        assert_eq!((guard.is_in_head(), guard.is_between_requests()), (in_head, between), "{bytes:?}");
    }
}

#[test]
fn a_head_with_too_many_fields_is_refused() {
    let fields = |count| format!("POST / HTTP/1.1\r\n{}", "X: y\r\n".repeat(count));
    assert_eq!(follow(&fields(MAX_FIELDS)), Ok(()));
    assert_eq!(follow(&fields(MAX_FIELDS + 1)), Err(Violation::TooManyFields));
}

#[test]
fn it_knows_which_request_the_bytes_are_in() {
    let mut guard = Guard::default();
    let chunked = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    for (bytes, request) in [(HEAD, 1), ("\r\n", 2), (&*chunked, 2), ("1\r\n", 2), ("a\r\n0\r\n\r\n", 3)]
    {
        guard.follow(bytes.as_bytes()).unwrap();
        assert_eq!(guard.request(), request, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn a_target_that_looks_plain_is_a_uri(target in "/[a-z0-9/._~%?=&:@!$'()*+,;-]{0,40}") {
        prop_assert!(is_plain(target.as_bytes()));
        prop_assert!(Uri::try_from(target).is_ok());
    }

    /// How the bytes are cut into reads must not matter.
    #[test]
    fn the_verdict_does_not_depend_on_how_the_bytes_arrive(
        text in "(POST /a HTTP/1\\.1\r\n)?((Content-Length: [0-3]|Transfer-Encoding: chunked|X: y| z)(\r\n|\n)){0,3}\r\n[0-3a\r\n]{0,12}",
        cut in 0usize..80,
    ) {
        let bytes = text.as_bytes();
        let cut = cut.min(bytes.len());
        let whole = Guard::default().follow(bytes);
        let mut guard = Guard::default();
        let pieces = guard.follow(&bytes[..cut]).and_then(|()| guard.follow(&bytes[cut..]));
        let mut single = Guard::default();
        let singles = bytes.chunks(1).try_for_each(|byte| single.follow(byte));
        prop_assert_eq!(&whole, &pieces);
        prop_assert_eq!(&whole, &singles);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = Guard::default().follow(&bytes);
    }
}
