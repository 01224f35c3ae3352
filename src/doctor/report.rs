//! What was found, for people and for scripts.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::identity::name::printable;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Could not be looked at, or does not apply.
    Skipped,
    /// As it should be.
    Good,
    /// Works, but should be changed, or soon.
    Warning,
    /// Does not work, or is unsafe.
    Fault,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `settings`, `files`, `certificate`, `senders`, `token`, `machine`, `listener`, `admin`, `upstream` or
    /// `collector`.
    pub area: &'static str,
    /// Which one, where there may be several: an address, a URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What was looked at: stable, for scripts.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// The same in words. Never holds a secret.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// Where findings are made: an area and, where there may be several, which one.
#[derive(Clone, Debug)]
pub(super) struct Place {
    area: &'static str,
    subject: String,
}

impl Place {
    pub(super) fn new(area: &'static str, subject: impl Display) -> Self {
        Self { area, subject: subject.to_string() }
    }

    pub(super) fn good(&self, check: &'static str, detail: impl Into<String>) -> Finding {
        self.finding(check, State::Good, detail, None)
    }

    pub(super) fn skipped(&self, check: &'static str, detail: impl Into<String>) -> Finding {
        self.finding(check, State::Skipped, detail, None)
    }

    pub(super) fn warning(
        &self,
        check: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        self.finding(check, State::Warning, detail, Some(mend.into()))
    }

    pub(super) fn fault(
        &self,
        check: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        self.finding(check, State::Fault, detail, Some(mend.into()))
    }

    fn finding(
        &self,
        check: &'static str,
        state: State,
        detail: impl Into<String>,
        mend: Option<String>,
    ) -> Finding {
        Finding {
            area: self.area,
            subject: self.subject.clone(),
            check,
            state,
            detail: detail.into(),
            mend,
        }
    }
}

/// All that was found, in the order it was looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Each thing.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Adds what was found.
    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// The worst of all.
    pub fn worst(&self) -> State {
        self.findings.iter().map(|finding| finding.state).max().unwrap_or(State::Good).max(State::Good)
    }

    fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|finding| finding.state == state).count()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut heading = ("", "");
        for Finding { area, subject, check, state, detail, mend } in &self.findings {
            if heading != (*area, subject.as_str()) {
                heading = (area, subject);
                writeln!(f, "{}", printable(format!("{area} {subject}").trim_end()))?;
            }
            let word = match state {
                State::Skipped => "-",
                State::Good => "good",
                State::Warning => "warning",
                State::Fault => "FAULT",
            };
            writeln!(f, "  {word:<8} {check:<16} {}", printable(detail))?;
            if let Some(mend) = mend {
                writeln!(f, "{:<27} mend: {}", "", printable(mend))?;
            }
        }
        let (warnings, faults) = (self.count(State::Warning), self.count(State::Fault));
        match (warnings, faults) {
            (0, 0) => writeln!(f, "\nall good ({} checks)", self.count(State::Good)),
            _ => {
                let good = self.count(State::Good);
                writeln!(
                    f,
                    "\n{good} good, {}, {}",
                    several(warnings, "warning"),
                    several(faults, "fault")
                )
            }
        }
    }
}

fn several(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
