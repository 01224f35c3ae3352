//! What the checks of `clawgate doctor` find, run on demand.

use maud::{Markup, html};

use super::parts::nothing;
use crate::console::actions::Action;
use crate::console::data::ConsoleData;
use crate::console::forms::button;
use crate::console::times::since;
use crate::finding::{Finding, Severity};

/// Findings on the page.
const SHOWN: usize = 40;

/// How many fail.
pub(super) fn mark(data: &ConsoleData) -> Option<String> {
    let (_, findings) = data.doctor.last.as_ref()?;
    let failed = findings.count(Severity::Fail);
    (failed > 0).then(|| format!("{failed} failed"))
}

pub(super) fn content(data: &ConsoleData) -> Markup {
    html! {
        @if data.doctor.is_running {
            p role="status" { "The checks are running." }
        } @else {
            (button(&data.nonce, Action::Doctor, "", ""))
        }
        @match &data.doctor.last {
            None => { (nothing("They have not run since the start.")) }
            Some((at, findings)) => {
                @let passed = findings.count(Severity::Pass);
                p class="facts" {
                    "Run " (since(*at, data.now)) ": " (passed) " pass"
                    @if !findings.sum().is_empty() { ", " (findings.sum()) }
                }
                ul class="findings" {
                    @for finding in sorted(&findings.findings).into_iter().take(SHOWN) { (item(finding)) }
                }
            }
        }
    }
}

/// The worst first, without those that pass.
fn sorted(findings: &[Finding]) -> Vec<&Finding> {
    let mut findings: Vec<_> =
        findings.iter().filter(|finding| finding.severity >= Severity::Note).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn item(finding: &Finding) -> Markup {
    html! {
        li {
            strong { (finding.severity.as_str()) } " " (finding.area.as_str()) " " (finding.subject) " "
            code { (finding.name.as_str()) } ": " (finding.detail)
            @if let Some(hint) = &finding.hint { p class="hint" { (hint) } }
        }
    }
}
