//! Which part of a mapping an error is about.

use std::fmt;
use std::sync::Arc;

/// A target field, and where its value comes from. Both are texts of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The name of the target field. `None` for a pointer in `required`.
    pub target: Option<Arc<str>>,
    /// The pointers into the source.
    pub from: Arc<[String]>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = match &self.target {
            Some(target) => {
                write!(f, "`{target}`")?;
                ", from "
            }
            None if self.from.is_empty() => return f.write_str("the mapping"),
            None => "required: ",
        };
        for pointer in self.from.iter() {
            match pointer.as_str() {
                "" => write!(f, "{before}the whole source")?,
                pointer => write!(f, "{before}`{pointer}`")?,
            }
            before = " and ";
        }
        Ok(())
    }
}
