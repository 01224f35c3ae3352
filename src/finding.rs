//! What a check found: the one model of `check`, `explain` and `doctor`.
//!
//! The same check has the same name, the same words and the same severity in all three, because all three print
//! what the same function returned (the room `checks`).

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

use crate::telemetry::HandshakeReason;

/// An enum whose variants have a stable name, for JSON and for people.
macro_rules! named {
    ($(#[$meta:meta])* $enum:ident { $($(#[$doc:meta])* $variant:ident => $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $enum { $($(#[$doc])* $variant,)+ }

        impl $enum {
            /// Its stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl Serialize for $enum {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

named! {
    /// How a check came out, from nothing to see to a fault.
    Severity {
        /// It could not be done, or does not apply.
        Skipped => "skipped",
        /// Nothing is wrong.
        Pass => "pass",
        /// To be known. It may be meant.
        Note => "note",
        /// It works, but should be changed, or soon.
        Warning => "warning",
        /// It does not work, or is not safe.
        Fail => "fail",
    }
}

named! {
    /// What was looked at.
    Area {
        /// The settings themselves.
        Settings => "settings",
        /// The modes of the files that they name.
        Files => "files",
        /// A server's certificate: clawgate's own, or that of the server that is explained.
        Certificate => "certificate",
        /// Which clients are admitted: CAs, CRLs, rules.
        Clients => "clients",
        /// One client's certificate.
        Client => "client",
        /// The tokens for upstreams.
        Token => "token",
        /// This machine.
        Machine => "machine",
        /// A listener, from outside.
        Listener => "listener",
        /// The admin listener.
        Admin => "admin",
        /// An upstream.
        Upstream => "upstream",
        /// The collector of spans.
        Collector => "collector",
    }
}

named! {
    /// What was checked.
    Check {
        /// The settings could be loaded.
        Load => "load",
        /// The rest, which needs settings.
        Rest => "rest",
        /// Nobody else can change the files or read a key.
        Modes => "modes",
        /// It can be read: a certificate; a key by others.
        Readable => "readable",
        /// Others can change it.
        Writable => "writable",
        /// The names that a certificate is for.
        Names => "names",
        /// The dates of a certificate.
        Dates => "dates",
        /// The dates of the CAs above it.
        ChainDates => "chain_dates",
        /// What it may be used for.
        Purpose => "purpose",
        /// Each certificate is followed by the one that issued it.
        Order => "order",
        /// It can be verified by whoever has the root alone.
        Chain => "chain",
        /// It can be verified by whoever has the roots of this system alone.
        SystemRoots => "system_roots",
        /// The kind and size of its key.
        Key => "key",
        /// The algorithm that it was signed with.
        Signature => "signature",
        /// The private key is the certificate's.
        KeyFits => "key_fits",
        /// X.509 version 3, and extensions that are understood.
        Version => "version",
        /// A client's certificate is no CA's.
        NotACa => "not_a_ca",
        /// Admitted without a CA.
        Pinned => "pinned",
        /// Taken back by its CA.
        Revocation => "revocation",
        /// Taken back by the operator.
        Denylist => "denylist",
        /// Admitted by a rule.
        Allow => "allow",
        /// A client CA.
        Ca => "ca",
        /// A client CA that issues to anybody.
        PublicCa => "public_ca",
        /// A CRL.
        Crl => "crl",
        /// A token is added.
        Token => "token",
        /// A token that can be guessed.
        Guessable => "guessable",
        /// One token for several upstreams.
        Reuse => "reuse",
        /// The clock.
        Clock => "clock",
        /// The limit of open files.
        OpenFiles => "open_files",
        /// It takes connections.
        Reachable => "reachable",
        /// It is clawgate that listens there.
        Clawgate => "clawgate",
        /// It serves what the files hold.
        UpToDate => "up_to_date",
        /// A client without a certificate.
        NoCertificate => "no_certificate",
        /// The client of `--client-cert`.
        WithCertificate => "with_certificate",
        /// HTTP without TLS.
        PlainHttp => "plain_http",
        /// TLS 1.0.
        Tls10 => "tls_1_0",
        /// A connection without a PROXY header.
        ProxyHeader => "proxy_header",
        /// A PROXY header from this machine.
        ProxySource => "proxy_source",
        /// It is ready.
        Ready => "ready",
        /// It is alive.
        Alive => "alive",
        /// It runs with these settings and files.
        InUse => "in_use",
        /// It can be connected to.
        Connect => "connect",
        /// It speaks the protocol that it is called with.
        Protocol => "protocol",
        /// A hook answers.
        Hook => "hook",
        /// Forwarding headers are taken from clawgate.
        Attribution => "attribution",
        /// Bodies of the size that the route admits are taken.
        BodyLimit => "body_limit",
        /// Spans are taken.
        Batch => "batch",
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub area: Area,
    /// Which one, where there may be several: an address, a file, a setting.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What was checked: stable, for scripts.
    pub name: Check,
    /// How it came out.
    pub severity: Severity,
    /// What was found, in a sentence. Never holds a secret.
    pub detail: String,
    /// The reason that a client would be refused for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<HandshakeReason>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// The same with what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same for one check and its hint in the layout of all reports.
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

/// What findings are about: an area and, where there may be several, which one.
#[derive(Clone, Debug)]
pub struct Subject {
    area: Area,
    subject: String,
}

impl Subject {
    /// One of several; an empty `subject` for the only one.
    pub fn new(area: Area, subject: impl Display) -> Self {
        Self { area, subject: subject.to_string() }
    }

    /// Nothing is wrong.
    pub fn pass(&self, name: Check, detail: impl Into<String>) -> Finding {
        self.finding(name, Severity::Pass, detail)
    }

    /// To be known.
    pub fn note(&self, name: Check, detail: impl Into<String>) -> Finding {
        self.finding(name, Severity::Note, detail)
    }

    /// Not done.
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

    /// As it came out.
    pub fn finding(&self, name: Check, severity: Severity, detail: impl Into<String>) -> Finding {
        let (area, subject, detail) = (self.area, self.subject.clone(), detail.into());
        Finding { area, subject, name, severity, detail, reason: None, hint: None }
    }
}

/// All that was found, in the order of the checks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Each check.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Adds what was found.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// The worst of all.
    pub fn worst(&self) -> Severity {
        let severities = self.findings.iter().map(|finding| finding.severity);
        severities.max().unwrap_or(Severity::Pass).max(Severity::Pass)
    }

    /// How many came out so.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The numbers of those that came out badly: `1 check fails, 2 warnings`; empty when none did.
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

/// One line, whatever was quoted: a value may hold line ends and terminal controls.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let unprintable = |c: char| {
        // Besides the controls: line separators and the marks that reorder text on the screen.
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unprintable(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Writes findings, those about one thing below its heading.
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
    fn people_get_the_checks_below_what_they_are_about_and_a_sum() {
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
    fn controls_and_marks_that_reorder_text_are_escaped() {
        assert_eq!(one_line("a\u{1b}[31mb\u{202e}c é"), "a\\u{1b}[31mb\\u{202e}c é");
    }

    #[test]
    fn what_is_escaped_already_stays_as_it_is() {
        assert_eq!(one_line("O=Entrust\\, Inc."), "O=Entrust\\, Inc.");
    }

    #[test]
    fn scripts_get_the_same_names_and_severities() {
        let json = serde_json::to_string(&findings().findings[1]).unwrap();
        insta::assert_snapshot!(json, @r#"{"area":"certificate","subject":"server.pem","name":"dates","severity":"fail","detail":"CN=a has expired\u001b[31m","hint":"renew it"}"#);
    }

    #[test]
    fn notes_and_skipped_checks_are_nothing_bad() {
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
