//! What is wrong, where, and what to do about it: the one type for it, from the reader of a file to a report.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// Something that is wrong, or worth a warning. `P` is where: a file, a setting, or `()` for content of which its
/// reader does not know where it comes from.
///
/// Two types hold such texts themselves: `finding::Finding`, which is also the result of a check that passes, mostly without
/// a hint; and `tls::Fault`, which has a reason from the closed list instead of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<P = ()> {
    /// Where.
    pub place: P,
    /// What is wrong. Never holds a secret.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// A problem with a file.
pub type FileProblem = Problem<PathBuf>;

impl Problem {
    /// A problem whose place is added with [`at`](Self::at).
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: (), what: what.into(), hint: hint.into() }
    }
}

impl<P> Problem<P> {
    /// The same problem at another place, or with its place.
    pub fn at<Q>(self, place: Q) -> Problem<Q> {
        Problem { place, what: self.what, hint: self.hint }
    }

    /// The same problem, in a file.
    pub fn in_file(self, path: &Path) -> FileProblem {
        self.at(path.to_owned())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  hint: {}", self.place.display(), self.what, self.hint)
    }
}

impl Error for Problem {}
impl Error for FileProblem {}
