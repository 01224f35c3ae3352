//! Reads along a JSON document once, as it is written.

use std::ops::Range;

use memchr::memchr2;
use serde_json::value::RawValue;

use super::refusal::{Kind, NotShapeable};

/// A place in a document that is known to be JSON, so that brackets, quotes and commas are enough to find its parts.
#[derive(Debug)]
pub(super) struct Cursor<'b> {
    text: &'b str,
    at: usize,
}

impl<'b> Cursor<'b> {
    /// Checks the whole document, and begins at its value.
    pub(super) fn new(text: &'b str) -> Result<Self, NotShapeable> {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => {
                let mut cursor = Self { text, at: 0 };
                cursor.skip_blanks();
                Ok(cursor)
            }
            Err(error) => Err(NotShapeable::NotJson { line: error.line(), column: error.column() }),
        }
    }

    /// Where this is, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What the value here is.
    pub(super) fn kind(&self) -> Kind {
        Kind::of(self.text.get(self.at..).unwrap_or_default())
    }

    /// Goes into the object or array here.
    pub(super) fn enter(&mut self) {
        self.advance(1);
    }

    /// Goes on to the next key or item of the object or array that this is in. `false`: there is none, and this is behind it.
    pub(super) fn next(&mut self) -> bool {
        self.skip_blanks();
        match self.byte() {
            Some(b',') => {
                self.advance(1);
                self.skip_blanks();
                true
            }
            Some(b']' | b'}') | None => {
                self.advance(1);
                false
            }
            Some(_) => true,
        }
    }

    /// Goes from a key to its value. Returns the key in its quotes.
    pub(super) fn key(&mut self) -> &'b str {
        let start = self.at;
        self.skip_string();
        let key = start..self.at;
        self.skip_blanks();
        self.advance(1);
        self.skip_blanks();
        self.part(key)
    }

    /// Goes over the value here, and returns it.
    pub(super) fn value(&mut self) -> &'b str {
        let start = self.at;
        match self.byte() {
            Some(b'"') => self.skip_string(),
            Some(b'{' | b'[') => self.skip_container(),
            _ => {
                let rest = self.text.as_bytes().get(start..).unwrap_or_default();
                let is_end =
                    |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                self.advance(rest.iter().position(is_end).unwrap_or(rest.len()).max(1));
            }
        }
        self.part(start..self.at)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn part(&self, span: Range<usize>) -> &'b str {
        self.text.get(span).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.text.len());
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    fn skip_string(&mut self) {
        self.advance(1);
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            match memchr2(b'"', b'\\', rest) {
                Some(place) if rest.get(place) == Some(&b'\\') => self.advance(place + 2),
                Some(place) => return self.advance(place + 1),
                None => return self.advance(rest.len()),
            }
        }
    }

    fn skip_container(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => {
                    self.skip_string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}
