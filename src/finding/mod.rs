//! The result of a check, in one form for `check`, `explain` and `doctor`.
//!
//! A check has the same name, text and severity in all three commands, since all three print what the same function
//! returned (in the module [`checks`](crate::checks)).

mod names;
mod one_line;

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

pub use self::names::{Area, Check, Severity};
pub use self::one_line::one_line;

use crate::telemetry::HandshakeReason;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was examined.
    pub area: Area,
    /// Which item, if there may be several: an address, a file, a setting.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What was checked. Scripts may depend on these names.
    pub name: Check,
    /// The result.
    pub severity: Severity,
    /// The facts in one sentence, without secrets.
    pub detail: String,
    /// The reason with which a client would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<HandshakeReason>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// Adds a hint: what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Writes the check and its hint in the layout of all reports.
    pub(crate) fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Skipped => "-",
            Severity::Fail => "FAIL",
            other => other.as_str(),
        };
        writeln!(f, "  {word:<8} {:<16} {}", self.name.as_str(), one_line(&self.detail))?;
        match &self.hint {
            Some(hint) => writeln!(f, "{:<27} hint: {}", "", one_line(hint)),
            None => Ok(()),
        }
    }
}

/// What findings are about: an area, and which item of it if there may be several.
#[derive(Clone, Debug)]
pub struct Subject {
    area: Area,
    subject: String,
}

impl Subject {
    /// `subject` is the item of the area; empty if there is only one.
    pub fn new(area: Area, subject: impl Display) -> Self {
        Self { area, subject: subject.to_string() }
    }

    /// Nothing is wrong.
    pub fn pass(&self, name: Check, detail: impl Into<String>) -> Finding {
        self.finding(name, Severity::Pass, detail)
    }

    /// Worth knowing; may be intended.
    pub fn note(&self, name: Check, detail: impl Into<String>) -> Finding {
        self.finding(name, Severity::Note, detail)
    }

    /// Not checked.
    pub fn skipped(&self, name: Check, detail: impl Into<String>) -> Finding {
        self.finding(name, Severity::Skipped, detail)
    }

    /// Should be changed.
    pub fn warning(&self, name: Check, detail: impl Into<String>, hint: impl Into<String>) -> Finding {
        self.finding(name, Severity::Warning, detail).hint(hint)
    }

    /// Must be changed.
    pub fn fail(&self, name: Check, detail: impl Into<String>, hint: impl Into<String>) -> Finding {
        self.finding(name, Severity::Fail, detail).hint(hint)
    }

    /// A finding of any severity.
    pub fn finding(&self, name: Check, severity: Severity, detail: impl Into<String>) -> Finding {
        let (area, subject, detail) = (self.area, self.subject.clone(), detail.into());
        Finding { area, subject, name, severity, detail, reason: None, hint: None }
    }
}

/// All findings, in the order of the checks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Each check.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Adds findings.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// The highest severity, at least [`Severity::Pass`].
    pub fn worst(&self) -> Severity {
        let severities = self.findings.iter().map(|finding| finding.severity);
        severities.max().unwrap_or(Severity::Pass).max(Severity::Pass)
    }

    /// How many have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The numbers of failed checks and warnings, such as `1 check fails, 2 warnings`; empty if there are none.
    pub fn sum(&self) -> String {
        let (fails, warnings) = (self.count(Severity::Fail), self.count(Severity::Warning));
        let fails = match fails {
            0 => None,
            1 => Some("1 check fails".to_owned()),
            count => Some(format!("{count} checks fail")),
        };
        let warnings = match warnings {
            0 => None,
            1 => Some("1 warning".to_owned()),
            count => Some(format!("{count} warnings")),
        };
        fails.into_iter().chain(warnings).collect::<Vec<_>>().join(", ")
    }
}

/// Writes findings, grouped below a heading for each subject.
pub fn write_grouped<'a>(
    f: &mut Formatter<'_>,
    findings: impl IntoIterator<Item = &'a Finding>,
) -> fmt::Result {
    let mut heading = None;
    for finding in findings {
        let about = (finding.area, finding.subject.as_str());
        if heading != Some(about) {
            heading = Some(about);
            let (area, subject) = (about.0.as_str(), about.1);
            writeln!(f, "{}", one_line(format!("{area} {subject}").trim_end()))?;
        }
        finding.write(f)?;
    }
    Ok(())
}

impl Display for Findings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_grouped(f, &self.findings)?;
        let (passed, sum) = (self.count(Severity::Pass), self.sum());
        match sum.is_empty() {
            true => writeln!(f, "\nall good ({passed} checks)"),
            false => writeln!(f, "\n{sum}; {passed} passed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Findings {
        let certificate = Subject::new(Area::Certificate, "server.pem");
        let clients = Subject::new(Area::Clients, "");
        Findings {
            findings: vec![
                certificate.pass(Check::Key, "ECDSA P-256"),
                certificate.fail(Check::Dates, "CN=a has expired\u{1b}[31m", "renew it"),
                certificate.skipped(Check::ChainDates, "no CA is sent with it"),
                clients.warning(Check::Ca, "CN=b is there twice", "take one of them out"),
                clients.note(Check::Allow, "there is no allow rule"),
            ],
        }
    }

    #[test]
    fn the_text_groups_findings_by_subject_and_ends_with_their_numbers() {
        insta::assert_snapshot!(findings().to_string(), @r"
        certificate server.pem
          pass     key              ECDSA P-256
          FAIL     dates            CN=a has expired\u{1b}[31m
                                    hint: renew it
          -        chain_dates      no CA is sent with it
        clients
          warning  ca               CN=b is there twice
                                    hint: take one of them out
          note     allow            there is no allow rule

        1 check fails, 1 warning; 1 passed
        ");
    }

    #[test]
    fn the_json_has_the_same_names_and_severities() {
        let json = serde_json::to_string(&findings().findings[1]).unwrap();
        insta::assert_snapshot!(json, @r#"{"area":"certificate","subject":"server.pem","name":"dates","severity":"fail","detail":"CN=a has expired\u001b[31m","hint":"renew it"}"#);
    }

    #[test]
    fn notes_and_skipped_checks_do_not_count_as_problems() {
        let subject = Subject::new(Area::Clients, "");
        let findings = vec![
            subject.note(Check::Allow, "a"),
            subject.skipped(Check::Crl, "b"),
            subject.pass(Check::Ca, "c"),
        ];
        let findings = Findings { findings };
        assert!(findings.worst() < Severity::Warning && findings.sum().is_empty());
        assert!(findings.to_string().ends_with("\nall good (1 checks)\n"));
    }
}
