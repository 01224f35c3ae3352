//! The fields of the target, which may be within objects.

use std::borrow::Cow;

use super::invalid::MappingFault;
use crate::signature::Pointer;

/// The steps to a field of the target.
pub(super) type Path = Vec<String>;

/// Reads the name of a field.
pub(super) fn path(name: &str) -> Result<Path, MappingFault> {
    if name.is_empty() {
        return Err(MappingFault::NoName);
    }
    if !name.starts_with('/') {
        return Ok(vec![name.to_owned()]);
    }
    let pointer: Pointer = name.parse().map_err(MappingFault::Target)?;
    let steps = pointer.tokens().to_vec();
    if steps.iter().any(String::is_empty) {
        return Err(MappingFault::NoName);
    }
    let is_item = |step: &String| step == "-" || step.bytes().all(|byte| byte.is_ascii_digit());
    if steps.iter().any(is_item) { Err(MappingFault::NumberInTarget) } else { Ok(steps) }
}

/// Why a field cannot be beside an earlier one, whose name is given.
pub(super) fn conflict(field: &Path, earlier: &Path, name: &str) -> Option<MappingFault> {
    if field == earlier {
        return Some(MappingFault::TargetTwice);
    }
    let overlap = field.starts_with(earlier) || earlier.starts_with(field);
    overlap.then(|| MappingFault::TargetWithin(name.to_owned()))
}

/// The fields of the target as a tree. The children keep the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, Content)>);

#[derive(Clone, Debug)]
enum Content {
    /// The value with this number.
    Value(usize),
    Object(Fields),
}

impl Fields {
    /// Adds a field that has no [`conflict`] with another one.
    pub(super) fn add(&mut self, path: &[String], value: usize) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        // A string is always JSON.
        let key = serde_json::Value::from(first.as_str()).to_string();
        if rest.is_empty() {
            self.0.push((key, Content::Value(value)));
            return;
        }
        for (name, content) in &mut self.0 {
            if let Content::Object(fields) = content
                && *name == key
            {
                return fields.add(rest, value);
            }
        }
        let mut fields = Self::default();
        fields.add(rest, value);
        self.0.push((key, Content::Object(fields)));
    }

    /// Writes the object. Fields without a value are left out, and objects without a field, too, but for the outermost.
    pub(super) fn write(&self, values: &[Option<Cow<'_, str>>], out: &mut String) {
        out.push('{');
        let empty = out.len();
        for (key, content) in &self.0 {
            let before = out.len();
            if before > empty {
                out.push(',');
            }
            out.push_str(key);
            out.push(':');
            let start = out.len();
            match content {
                Content::Value(number) => {
                    out.push_str(values.get(*number).and_then(Option::as_deref).unwrap_or_default());
                }
                Content::Object(fields) => {
                    fields.write(values, out);
                    if out.get(start..) == Some("{}") {
                        out.truncate(start);
                    }
                }
            }
            if out.len() == start {
                out.truncate(before);
            }
        }
        out.push('}');
    }
}
