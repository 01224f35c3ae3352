//! What is wrong with the settings, where, and what to do about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::files::Files;
use crate::finding::one_line;

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

/// One mistake, or one thing worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// What is wrong. Never holds a secret.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (hint: {})", self.origin, one_line(&self.what), one_line(&self.hint))
    }
}

/// All that is wrong, so that all of it can be corrected at once.
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

    /// All files and folders that the settings name, whether or not they could be read: a change of one
    /// of them may be the correction.
    pub fn into_files(self) -> Files {
        self.files
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
        for Problem { origin, what, hint } in &self.problems {
            write!(f, "\n\n  {origin}\n    {}\n    hint: {}", one_line(what), one_line(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects what is found on the way.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Report {
    /// Notes something that keeps the gate from running.
    pub(super) fn problem(&mut self, origin: &Origin, what: impl Into<String>, hint: impl Into<String>) {
        push(&mut self.problems, origin, what.into(), hint.into());
    }

    /// Notes something that should be known, but does no harm by itself.
    pub(super) fn warning(&mut self, origin: &Origin, what: impl Into<String>, hint: impl Into<String>) {
        push(&mut self.warnings, origin, what.into(), hint.into());
    }

    /// The warnings, when nothing is wrong.
    pub(super) fn conclude(self) -> Result<Vec<Problem>, Problems> {
        if self.problems.is_empty() {
            return Ok(self.warnings);
        }
        Err(self.into_problems())
    }

    /// The problems.
    pub(super) fn into_problems(self) -> Problems {
        let mut problems = self.problems;
        problems.sort_by_key(|problem| match problem.origin {
            Origin::File { line, .. } => (0, line),
            _ => (1, 0),
        });
        Problems { problems, files: Files::default() }
    }
}

/// A value that several routes share is looked at for each of them, but reported once.
fn push(problems: &mut Vec<Problem>, origin: &Origin, what: String, hint: String) {
    let problem = Problem { origin: origin.clone(), what, hint };
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
            report.conclude().unwrap_err().to_string(),
            "clawgate: 3 problems in the settings\
             \n\n  gate.toml:3: tls.certificate\n    e\\nf\n    hint: g\
             \n\n  gate.toml:7: tls.certificate\n    c\n    hint: d\
             \n\n  --listen\n    a\n    hint: b"
        );
    }
}
