//! Explanations as text.

use std::fmt::{self, Display, Formatter};

use super::certificate::{Access, Explanation, Verdict};
use super::facts::Facts;
use super::link::Link;
use super::request::RequestExplanation;
use super::rules::{RuleLine, RuleList, RuleMiss};
use super::server::{ServerExplanation, ServerVerdict};
use crate::finding::{Finding, Severity};

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} at {}", self.file, self.at)?;
        match &self.certificate {
            Some(facts) => write_facts(f, facts)?,
            None => writeln!(f, "\nthe certificate cannot be read")?,
        }
        if !self.issuer_spki_sha256.is_empty() {
            line(f, "issuer SPKI", self.issuer_spki_sha256.join(", "))?;
        }
        if !self.chain.is_empty() {
            writeln!(f, "\nthe chain, as it would be built")?;
            write_chain(f, &self.chain)?;
            if !self.anchored && !self.pinned {
                writeln!(f, "     ends here: no configured CA issued the last one")?;
            }
        }
        write_checks(f, &self.checks)?;
        if !self.rules.is_empty() {
            writeln!(f, "\nrules for all clients")?;
            write_rules(f, &self.rules)?;
        }
        writeln!(f, "\nroutes")?;
        for Access { path, methods, may_use, detail, rules } in &self.routes {
            let all_below = if path.ends_with('/') { "…" } else { "" };
            let may = if *may_use { "yes" } else { "no" };
            writeln!(f, "  {may:<5} {methods} {path}{all_below}  ({detail})")?;
            write_rules(f, rules)?;
        }
        writeln!(f)?;
        match (self.verdict, self.reason) {
            (Verdict::Admitted, _) => {
                let until = self.admitted_until.as_deref().unwrap_or("unknown");
                writeln!(f, "admitted (its chain is valid until {until})")
            }
            (Verdict::Refused, reason) => {
                writeln!(f, "refused: {}", reason.map_or("unknown", |reason| reason.as_str()))?;
                write_hint(f, self.hint.as_deref())
            }
        }
    }
}

impl Display for RequestExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} at {}", self.file, self.at)?;
        write_checks(f, &self.checks)?;
        writeln!(f)?;
        match self.reason {
            None => writeln!(f, "admitted by {}: the signature is valid", self.route),
            Some(reason) => writeln!(f, "refused: {}", reason.as_str()),
        }?;
        write_hint(f, self.hint.as_deref())
    }
}

impl Display for ServerExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.server)?;
        if let Some(address) = &self.address {
            write!(f, " ({address})")?;
        }
        writeln!(f, " at {}", self.at)?;
        if let (Some(version), Some(cipher)) = (&self.tls_version, &self.cipher) {
            let group = self.group.as_ref().map_or_else(String::new, |group| format!(", {group}"));
            writeln!(f)?;
            line(f, "TLS", format_args!("{version}, {cipher}{group}"))?;
            line(f, "ALPN", self.alpn.as_deref().unwrap_or("none"))?;
        }
        if let Some(facts) = &self.certificate {
            write_facts(f, facts)?;
            writeln!(f, "\nthe chain, as it was sent")?;
            write_chain(f, &self.chain)?;
            write_checks(f, &self.checks)?;
        }
        if let Some(auth) = &self.client_auth {
            writeln!(f, "\nclient certificate")?;
            let any = "yes, without naming a CA".to_owned();
            let asked = match (auth.asked, auth.cas.as_slice()) {
                (false, _) => "no".to_owned(),
                (true, []) => any,
                (true, cas) => format!("yes, of one of: {}", cas.join("; ")),
            };
            line(f, "asked for", asked)?;
            line(f, "presented", auth.presented.as_deref().unwrap_or("none"))?;
        }
        let verdict = match self.verdict {
            ServerVerdict::Accepted => "accepted",
            ServerVerdict::Refused => "refused",
            ServerVerdict::Failed => "failed",
        };
        writeln!(f, "\n{verdict}: {}", self.detail)?;
        write_hint(f, self.hint.as_deref())?;
        let failed = self.checks.iter().filter(|check| check.severity == Severity::Fail);
        let failed: Vec<_> = failed.map(|check| check.name.as_str()).collect();
        if !failed.is_empty() {
            writeln!(f, "but clients will refuse the server's certificate: {}", failed.join(", "))?;
        }
        Ok(())
    }
}

fn line(f: &mut Formatter<'_>, label: &str, text: impl Display) -> fmt::Result {
    writeln!(f, "  {label:<12} {text}")
}

fn write_facts(f: &mut Formatter<'_>, facts: &Facts) -> fmt::Result {
    let certificate = &facts.certificate;
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    writeln!(f, "\ncertificate")?;
    line(f, "subject", or_none(&certificate.subject))?;
    line(f, "issuer", or_none(&certificate.issuer))?;
    line(f, "serial", &certificate.serial)?;
    line(f, "names", or_none(&certificate.san.join(", ")))?;
    line(f, "key", &certificate.key)?;
    line(f, "purposes", facts.purposes())?;
    let (from, until) = (&certificate.not_before, &certificate.not_after);
    line(f, "valid", format_args!("{from} to {until} ({})", facts.lasts))?;
    line(f, "SHA-256", &certificate.fingerprint_sha256)?;
    line(f, "SPKI SHA-256", &facts.spki_sha256)
}

fn write_chain(f: &mut Formatter<'_>, chain: &[Link]) -> fmt::Result {
    for (number, Link { subject, not_before, not_after, from, .. }) in (1..).zip(chain) {
        writeln!(f, "  {number}  {subject}  ({from}; {not_before} to {not_after})")?;
    }
    Ok(())
}

fn write_checks(f: &mut Formatter<'_>, checks: &[Finding]) -> fmt::Result {
    writeln!(f, "\nchecks")?;
    checks.iter().try_for_each(|finding| finding.write(f))
}

fn write_rules(f: &mut Formatter<'_>, lists: &[RuleList]) -> fmt::Result {
    for RuleList { list, total, matching, lines } in lists {
        for RuleLine { number, rule, matches, misses } in lines {
            let word = if *matches { "match" } else { "-" };
            write!(f, "    {word:<5} {list} {number}: {rule}")?;
            let misses: Vec<_> =
                misses.iter().map(|RuleMiss { wanted, found }| format!("{wanted}: {found}")).collect();
            match misses.as_slice() {
                [] => writeln!(f)?,
                misses => writeln!(f, "  ({})", misses.join("; "))?,
            }
        }
        let shown = lines.iter().filter(|line| line.matches).count();
        match (total.saturating_sub(lines.len()), matching.saturating_sub(shown)) {
            (0, _) => {}
            (more, 0) => writeln!(f, "    …     {list}: {more} more, none of which match")?,
            (more, matching) => writeln!(f, "    …     {list}: {more} more, {matching} of which match")?,
        }
    }
    Ok(())
}

fn write_hint(f: &mut Formatter<'_>, hint: Option<&str>) -> fmt::Result {
    match hint {
        Some(hint) => writeln!(f, "  hint: {hint}"),
        None => Ok(()),
    }
}
