//! How a signature is written in its header: a list, fields, a prefix, an encoding.

use super::algorithm::Algorithm;
use super::encoding::Encoding;
use super::request::Twice;

/// How signatures are written, e.g. `t=1492774577,v1=5257…,v1=6ffb…`.
///
/// Where there is a separator, the text is a list whose items are trimmed. Where a mark names a field, an item is a
/// signature if it has this field; other items are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// What is between the items of a list.
    pub(super) separator: Option<char>,
    /// What is between a field's name and its value.
    pub(super) field_separator: char,
    /// The fields that hold signatures, each with its algorithm.
    pub(super) marks: Vec<Mark<String>>,
    /// What is before the signature itself.
    pub(super) prefix: String,
    /// How the bytes are written.
    pub(super) encoding: Encoding,
}

/// Which algorithm made the signatures of a field, or of a text without fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark<N = &'static str> {
    /// The name of the field, such as `v1`.
    pub field: Option<N>,
    /// The algorithm.
    pub algorithm: Algorithm,
}

/// A signature that was found. Whether it is valid is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) algorithm: Algorithm,
    pub(super) bytes: Vec<u8>,
}

impl Format {
    /// The signatures in `text`. Items that are none are passed over, empty ones too.
    pub(super) fn signatures<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Candidate> + 'a {
        self.items(text).filter_map(|item| self.signature(item))
    }

    fn signature(&self, item: &[u8]) -> Option<Candidate> {
        let (mark, value) = self.marks.iter().find_map(|mark| Some((mark, self.marked(mark, item)?)))?;
        let bytes = self.encoding.decode(value.strip_prefix(self.prefix.as_bytes())?)?;
        if bytes.is_empty() { None } else { Some(Candidate { algorithm: mark.algorithm, bytes }) }
    }

    fn marked<'a>(&self, mark: &Mark<String>, item: &'a [u8]) -> Option<&'a [u8]> {
        let Some(name) = &mark.field else {
            return Some(item);
        };
        self.named(item).filter(|(field, _)| *field == name.as_bytes()).map(|(_, value)| value)
    }

    /// The value of another field.
    pub(super) fn field<'a>(&self, text: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Twice> {
        let fields = self.items(text).filter_map(|item| self.named(item));
        let mut values = fields.filter(|(field, _)| *field == name.as_bytes());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Twice),
            (value, None) => Ok(value.map(|(_, value)| value)),
        }
    }

    fn named<'a>(&self, item: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let at = item.iter().position(|byte| char::from(*byte) == self.field_separator)?;
        Some((item[..at].trim_ascii(), item[at + 1..].trim_ascii()))
    }

    fn items<'a>(&self, text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let separator = self.separator;
        text.split(move |byte| Some(char::from(*byte)) == separator).map(<[u8]>::trim_ascii)
    }

    /// Writes one signature; fields of others are not written.
    pub(super) fn write(&self, mark: &Mark<String>, bytes: &[u8]) -> String {
        let signature = format!("{}{}", self.prefix, self.encoding.encode(bytes));
        match &mark.field {
            Some(field) => self.write_field(field, &signature),
            None => signature,
        }
    }

    /// Writes a field.
    pub(super) fn write_field(&self, name: &str, value: &str) -> String {
        format!("{name}{}{value}", self.field_separator)
    }
}
