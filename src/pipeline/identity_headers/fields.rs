//! A list of header fields with a limit on its size.

use http::{HeaderName, HeaderValue};

use crate::identity::name::ascii;

/// The most bytes of all identity fields. Node accepts a head of 16 KiB, which must also hold the client's own fields.
const ROOM: usize = 8 * 1024;
/// The bytes of a line besides name and value: `: ` and CR LF.
pub(super) const LINE: usize = 4;

/// Fields that say who a client is. They are made once for many requests.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    list: Vec<(HeaderName, HeaderValue)>,
    bytes: usize,
    left_out: Vec<&'static str>,
}

impl Fields {
    /// The longest value that still fits into the field `name`, in bytes.
    pub(super) fn room_for(&self, name: &str) -> usize {
        ROOM.saturating_sub(self.bytes + name.len() + LINE)
    }

    /// Adds a field. One that does not fit, or is not a valid field value, is left out completely.
    pub(crate) fn push(&mut self, name: &'static str, value: String) {
        if value.len() > self.room_for(name) {
            return self.leave_out(name);
        }
        let size = name.len() + value.len() + LINE;
        if let Ok(value) = HeaderValue::try_from(value) {
            self.bytes += size;
            self.list.push((HeaderName::from_static(name), value));
        }
    }

    /// Notes a field that does not fit.
    pub(crate) fn leave_out(&mut self, what: &'static str) {
        self.left_out.push(what);
    }

    /// The fields that did not fit.
    pub(crate) fn left_out(&self) -> &[&'static str] {
        &self.left_out
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.list.iter()
    }
}

/// Escapes what is not ASCII in a name that is otherwise escaped.
pub(super) fn non_ascii(escaped: &str) -> String {
    if escaped.is_ascii() {
        return escaped.to_owned();
    }
    let mut out = String::new();
    for c in escaped.chars() {
        if c.is_ascii() { out.push(c) } else { out.push_str(&ascii(c.encode_utf8(&mut [0; 4]), b"")) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_named() {
        let mut fields = Fields::default();
        fields.push("a", "x".repeat(5000));
        fields.push("b", "y".repeat(5000));
        fields.push("c", "z".repeat(fields.room_for("c")));
        let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(fields.left_out(), ["b"]);
        let lines = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE);
        assert_eq!(lines.sum::<usize>(), ROOM);
    }
}
