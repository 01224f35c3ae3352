//! Finds pseudo-header fields in the trailers of HTTP/2 requests. RFC 9113 section 8.1 forbids them, and h2 drops them
//! silently.
//!
//! No trailer reaches an upstream, so such fields can do nothing there. But the request is malformed, and must not be taken
//! for a complete one (section 8.1.1).

/// Length of the client's preface (RFC 9113 section 3.4), in bytes.
const PREFACE: usize = 24;
/// Length of a frame header (section 4.1), in bytes.
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 0x1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The trailers of a request have a pseudo-header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PseudoInTrailers;

/// Follows the frames that a client sends, from the start of the connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to skip: of the preface, or of a frame.
    left: usize,
    head: [u8; HEAD],
    /// Received bytes of `head`.
    have: usize,
    /// The last stream that was opened. A HEADERS frame for this or an earlier stream has trailers.
    last: u32,
    /// Flags and beginning of trailers that come in pieces.
    pieces: Option<(u8, Vec<u8>)>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { left: PREFACE, head: [0; HEAD], have: 0, last: 0, pieces: None }
    }
}

impl Frames {
    /// Follows `bytes`, the next ones of the connection, and removes END_STREAM from malformed trailers: h2 then ends their
    /// stream with PROTOCOL_ERROR, as it does with other malformed trailers.
    ///
    /// # Errors
    /// When the beginning of the frame was passed on before, so that the flag cannot be removed: the connection must end.
    pub(super) fn follow(&mut self, bytes: &mut [u8]) -> Result<(), PseudoInTrailers> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.len() - at;
            if self.left > 0 {
                let taken = self.left.min(rest);
                self.left -= taken;
                if let Some((flags, block)) = &mut self.pieces {
                    block.extend_from_slice(&bytes[at..at + taken]);
                    if self.left == 0 {
                        let malformed = has_pseudo(*flags, block);
                        self.pieces = None;
                        if malformed {
                            return Err(PseudoInTrailers);
                        }
                    }
                }
                at += taken;
                continue;
            }
            let taken = (HEAD - self.have).min(rest);
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[at..at + taken]);
            self.have += taken;
            at += taken;
            if self.have < HEAD {
                break;
            }
            self.have = 0;
            let [high, middle, low, kind, flags, stream @ ..] = self.head;
            let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
            self.left = length;
            if kind != HEADERS {
                continue;
            }
            if stream > self.last {
                self.last = stream;
            } else if taken == HEAD && length <= bytes.len() - at {
                if has_pseudo(flags, &bytes[at..at + length]) {
                    bytes[at - HEAD + 4] &= !END_STREAM;
                }
            } else if length > 0 {
                self.pieces = Some((flags, Vec::new()));
            }
        }
        Ok(())
    }
}

/// Whether a field block, in a frame with these flags, has a pseudo-header field: by name, or by its index in the static
/// table (RFC 7541 appendix A: 1 to 14). The dynamic table is not known here. h2 reports a broken block.
fn has_pseudo(flags: u8, payload: &[u8]) -> bool {
    let mut block = payload;
    if flags & PADDED != 0 {
        let Some((&padding, rest)) = block.split_first() else { return false };
        let Some(length) = rest.len().checked_sub(usize::from(padding)) else { return false };
        block = &rest[..length];
    }
    if flags & PRIORITY != 0 {
        block = block.get(5..).unwrap_or_default();
    }
    while !block.is_empty() {
        match field(&mut block) {
            Some(false) => {}
            Some(true) => return true,
            None => return false,
        }
    }
    false
}

/// Reads one field representation from the block (RFC 7541 section 6); returns whether it is a pseudo-header field.
fn field(block: &mut &[u8]) -> Option<bool> {
    let first = *block.first()?;
    let (prefix, literal) = match first {
        0x80.. => (7, false),
        0x40.. => (6, true),
        0x20.. => {
            // A dynamic table size update.
            integer(block, 5)?;
            return Some(false);
        }
        _ => (4, true),
    };
    let index = integer(block, prefix)?;
    let mut pseudo = (1..=14).contains(&index);
    if literal {
        if index == 0 {
            let huffman = block.first()? & 0x80 != 0;
            let name = string(block)?;
            // The Huffman code of a colon is 1011100 (RFC 7541 appendix B).
            pseudo =
                name.first().is_some_and(|&byte| if huffman { byte >> 1 == 0x5c } else { byte == b':' });
        }
        string(block)?;
    }
    Some(pseudo)
}

/// A string literal (RFC 7541 section 5.2), not decoded.
fn string<'a>(block: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    Some(text)
}

/// An integer with a prefix of `prefix` bits (RFC 7541 section 5.1).
fn integer(block: &mut &[u8], prefix: u32) -> Option<usize> {
    let (&first, mut rest) = block.split_first()?;
    let most = (1 << prefix) - 1;
    let mut value = usize::from(first) & most;
    if value == most {
        for shift in [0, 7, 14, 21] {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *block = rest;
                return Some(value);
            }
        }
        return None;
    }
    *block = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// A request with these trailers.
    fn connection(flags: u8, trailers: &[u8]) -> Vec<u8> {
        let frames = [
            frame(4, 0, 0, &[]),
            frame(HEADERS, 4, 1, &[0x83, 0x87, 0x84]),
            frame(0, 0, 1, b"a body of some length"),
            frame(HEADERS, END_STREAM | 4 | flags, 1, trailers),
        ];
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frames.concat()].concat()
    }

    const FINE: [&[u8]; 5] = [
        b"\x00\x09x-trailer\x01y",
        // A table size update, `cache-control` by its index, and a field of the dynamic table.
        b"\x20\x98\xbe",
        b"\x0f\x09\x01y\x58\x01:",
        b"\x00\x85\xf2\xb2\x4a\x84\xff\x01y",
        b"",
    ];
    const MALFORMED: [&[u8]; 6] = [
        b"\x00\x05:path\x02/x",
        b"\x84",
        b"\x44\x02/x",
        b"\x04\x02/x",
        b"\x14\x02/x",
        // `:path` in Huffman code, after another field.
        b"\x00\x01x\x01y\x40\x84\xb9\x58\xd3\x3f\x01x",
    ];

    #[test]
    fn malformed_trailers_lose_their_end_and_nothing_else_changes() {
        for (flags, before, after) in
            [(0, &b""[..], &b""[..]), (PADDED, b"\x02", b"\0\0"), (PRIORITY, b"\0\0\0\0\x10", b"")]
        {
            for (cases, malformed) in [(&FINE[..], false), (&MALFORMED, true)] {
                for case in cases {
                    let trailers = [before, case, after].concat();
                    let mut expected = connection(flags, &trailers);
                    let mut bytes = expected.clone();
                    if malformed {
                        let at = expected.len() - trailers.len() - HEAD + 4;
                        expected[at] &= !END_STREAM;
                    }
                    assert_eq!(Frames::default().follow(&mut bytes), Ok(()), "{case:?}");
                    assert_eq!(bytes, expected, "{flags} {case:?}");
                }
            }
        }
    }

    #[test]
    fn malformed_trailers_that_come_in_pieces_are_found_at_their_end() {
        for case in MALFORMED {
            let mut bytes = connection(0, case);
            let mut frames = Frames::default();
            let (last, others) = bytes.split_last_mut().unwrap();
            assert!(others.chunks_mut(1).all(|piece| frames.follow(piece) == Ok(())), "{case:?}");
            assert_eq!(frames.follow(std::slice::from_mut(last)), Err(PseudoInTrailers), "{case:?}");
        }
    }

    proptest! {
        /// All bytes but the flags of trailers are passed on unchanged, however they are cut.
        #[test]
        fn no_bytes_make_it_panic_and_no_others_are_changed(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 1usize..50,
        ) {
            let before = bytes.clone();
            let mut frames = Frames::default();
            for piece in bytes.chunks_mut(cut) {
                let _ = frames.follow(piece);
            }
            let changed = before.iter().zip(&bytes).filter(|(before, after)| before != after);
            for (before, after) in changed {
                prop_assert_eq!(before & !END_STREAM, *after);
            }
        }
    }
}
