//! What is wrong, where, and what to do about it: the one type for it, from a file's reader to a report.

/// Something that is wrong, or worth a warning. `P` is where: a file, a setting, or `()` for a value of which its
/// reader does not know where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<P> {
    /// Where.
    pub place: P,
    /// What is wrong. Never holds a secret.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl Problem<()> {
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
}
