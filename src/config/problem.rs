//! What is wrong with the settings: where, and what to do about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::files::Files;
use super::redact::redacted;
use super::value_type::Invalid;
use crate::finding::one_line;
use crate::problem;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it. Holds its TOML key.
    Default(&'static str),
    /// The TOML file.
    File {
        /// The file, as it was named.
        path: Arc<Path>,
        /// The line, from 1; 0 where the file as a whole is meant.
        line: usize,
        /// The dotted key, where there is one.
        key: Option<String>,
    },
    /// An environment variable.
    Env(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default(key) => f.write_str(key),
            Self::Env(name) | Self::Flag(name) => f.write_str(&one_line(name)),
            Self::File { path, line, key } => {
                f.write_str(&one_line(&path.to_string_lossy()))?;
                if *line > 0 {
                    write!(f, ":{line}")?;
                }
                match key {
                    Some(key) => write!(f, ": {}", one_line(key)),
                    None => Ok(()),
                }
            }
        }
    }
}

/// One mistake in the settings, or one thing worth a warning.
pub type Problem = problem::Problem<Origin>;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (hint: {})", self.place, one_line(&self.what), one_line(&self.hint))
    }
}

/// All problems, so that all can be corrected at once.
#[derive(Debug)]
pub struct Problems {
    problems: Vec<Problem>,
    files: Files,
}

impl Problems {
    /// The same, of settings that name these files.
    pub(super) fn in_files(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// All files and folders that the settings name, whether or not they could be read: changing one of
    /// them may solve the problem.
    pub fn take_files(&mut self) -> Files {
        std::mem::take(&mut self.files)
    }

    /// The problems: those of the file by line, then the others as they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "clawgate: {count} problem{plural} in the settings")?;
        for Problem { place, what, hint } in &self.problems {
            write!(f, "\n\n  {place}\n    {}\n    hint: {}", one_line(what), one_line(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Stands for something that is missing because of a problem. Only reporting the problem makes one, so that nothing
/// goes missing without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported(());

/// A value, unless a problem that has been reported is in its way.
pub(super) type Found<T> = Result<T, Reported>;

/// Collects problems and warnings.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Report {
    /// Adds something that keeps clawgate from starting.
    pub(super) fn problem(
        &mut self,
        origin: &Origin,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Reported {
        push(&mut self.problems, problem::Problem::new(what, hint).at(origin.clone()));
        Reported(())
    }

    /// Adds a value that cannot be used; what may be a secret in it is not quoted.
    pub(super) fn invalid(&mut self, origin: &Origin, value: &str, problem: Invalid) -> Reported {
        let Invalid { what, hint, .. } = problem;
        self.problem(origin, redacted(&what, value), redacted(&hint, value))
    }

    /// Adds something that should be known, but does no harm by itself.
    pub(super) fn warning(&mut self, origin: &Origin, what: impl Into<String>, hint: impl Into<String>) {
        push(&mut self.warnings, problem::Problem::new(what, hint).at(origin.clone()));
    }

    /// What was found, with the warnings, unless there is a problem.
    pub(super) fn conclude<T>(self, found: Found<T>) -> Result<(T, Vec<Problem>), Problems> {
        match found {
            Ok(found) if self.problems.is_empty() => Ok((found, self.warnings)),
            _ => Err(self.into_problems()),
        }
    }

    fn into_problems(self) -> Problems {
        let mut problems = self.problems;
        problems.sort_by_key(|problem| match problem.place {
            Origin::File { line, .. } => (0, line),
            _ => (1, 0),
        });
        Problems { problems, files: Files::default() }
    }
}

/// Several parts of the settings may look at one value, which is reported once.
fn push(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_counted_ordered_by_line_and_each_is_three_lines() {
        let in_file = |line| Origin::File {
            path: Path::new("gate.toml").into(),
            line,
            key: Some("tls.certificate".into()),
        };
        let mut report = Report::default();
        report.problem(&Origin::Flag("--listen".into()), "a", "b");
        report.problem(&in_file(7), "c", "d");
        report.problem(&in_file(3), "e\nf", "g");
        report.problem(&in_file(3), "e\nf", "g");
        assert_eq!(
            report.conclude(Ok(())).unwrap_err().to_string(),
            "clawgate: 3 problems in the settings\
             \n\n  gate.toml:3: tls.certificate\n    e\\nf\n    hint: g\
             \n\n  gate.toml:7: tls.certificate\n    c\n    hint: d\
             \n\n  --listen\n    a\n    hint: b"
        );
    }

    #[test]
    fn what_was_found_is_not_given_out_beside_a_problem() {
        let mut report = Report::default();
        report.problem(&Origin::Flag("--listen".into()), "a", "b");
        assert!(report.conclude(Ok("settings")).is_err());
    }
}
