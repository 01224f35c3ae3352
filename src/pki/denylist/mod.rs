//! The denylist: certificates and keys that are refused by a line in a local file, at once, before the CA's next CRL.

mod append;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use thiserror::Error;
use x509_parser::prelude::X509Certificate;

pub use self::append::{AppendError, append_line, denial_line};

use super::pem;
use crate::identity::name::{cut, printable};
use crate::identity::{
    Digest, DigestError, canonical_dn_of_any_length, canonical_serial, rfc4514, serial, serial_text,
};
use crate::problem::{FileProblem, Problem};

/// The maximum number of places in a line at which its comment may begin.
const COMMENTS: usize = 64;

/// How many errors are listed; further ones are only counted.
const LISTED: usize = 20;

/// A denylist, read and indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denylist {
    /// The file that it was read from.
    pub file: PathBuf,
    fingerprints: HashMap<Digest, Entry>,
    keys: HashMap<Digest, Entry>,
    /// By serial number ([`serial_text`]): the issuers' names, see [`comparable`].
    serials: HashMap<String, Vec<(String, Entry)>>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub line: usize,
    /// Its comment, escaped.
    pub why: Option<String>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {fault}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LineFault {
    /// Some programs treat it as a line end, so an entry could be hidden in a comment.
    #[error("has a control character, a byte order mark or an unusual line end")]
    HiddenLineEnd,
    /// A certificate itself.
    #[error(
        "begins a PEM block: write fingerprint= and the output of `openssl x509 -noout -fingerprint -sha256` for the \
         certificate"
    )]
    PemBlock,
    /// The key of the line is unknown or missing.
    #[error("is none of `fingerprint=SHA256`, `spki=SHA256` and `serial=HEX, issuer=NAME`")]
    Unknown,
    /// The value of this key is not a digest.
    #[error("its {0} is not a SHA-256 of 64 hex digits (colons are allowed)")]
    NoDigest(&'static str),
    /// A serial number without its issuer.
    #[error("has no issuer for the serial: write `serial=HEX, issuer=NAME`")]
    WithoutIssuer,
    /// No serial number.
    #[error("its serial is not a hex number")]
    NoSerial,
    /// No name of an issuer.
    #[error("its issuer is not a distinguished name (TYPE=value, …)")]
    NoName,
}

impl Denylist {
    /// Reads the text of `file`.
    ///
    /// # Errors
    /// All lines that cannot be read. They are not ignored, because that could admit a client.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Vec<LineError>> {
        let mut list = Self { file: file.to_owned(), ..Self::default() };
        let mut errors = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(lines(text)) {
            if let Err(fault) = list.add_line(number, line.trim()) {
                errors.push(LineError { line: number, fault });
            }
        }
        if errors.is_empty() { Ok(list) } else { Err(errors) }
    }

    fn add_line(&mut self, number: usize, line: &str) -> Result<(), LineFault> {
        // Some programs treat these as line ends, so an entry could be hidden in a comment.
        let is_hidden =
            |c: char| (c.is_control() && c != '\t') || "\u{2028}\u{2029}\u{feff}".contains(c);
        if line.contains(is_hidden) {
            return Err(LineFault::HiddenLineEnd);
        }
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.contains("-----BEGIN ") {
            return Err(LineFault::PemBlock);
        }
        self.add(number, line)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, and each line that cannot be read.
    pub(crate) fn read(file: &Path) -> Result<Self, Vec<FileProblem>> {
        let bytes = pem::read(file).map_err(|error| vec![error])?;
        if let Some(what) = pem::not_text(&bytes) {
            let hint = "write it in UTF-8, one certificate or key a line";
            return Err(vec![Problem::new(what, hint).in_file(file)]);
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            let hint = "write it in UTF-8, one certificate or key a line";
            vec![Problem::new("is not UTF-8 text", hint).in_file(file)]
        })?;
        let hint = "correct the line, or remove it; docs/certificates.md says what a line may be";
        let error = |error: &LineError| Problem::new(error.to_string(), hint).in_file(file);
        Self::parse(&text, file).map_err(|errors| {
            let mut found: Vec<_> = errors.iter().take(LISTED).map(error).collect();
            if let Some(more) = errors.len().checked_sub(LISTED).filter(|more| *more > 0) {
                found.push(Problem::new(format!("has {more} more such lines"), hint).in_file(file));
            }
            found
        })
    }

    fn add(&mut self, line: usize, text: &str) -> Result<(), LineFault> {
        let (key, value) = text.split_once('=').ok_or(LineFault::Unknown)?;
        if key.trim() == "serial" {
            return self.add_serial(line, value);
        }
        let (name, list) = match key.trim() {
            "fingerprint" => ("fingerprint", &mut self.fingerprints),
            "spki" => ("spki", &mut self.keys),
            _ => return Err(LineFault::Unknown),
        };
        let (value, why) =
            value.split_once('#').map_or((value, None), |(value, why)| (value, Some(why)));
        let digest = value.trim().parse().map_err(|_: DigestError| LineFault::NoDigest(name))?;
        list.entry(digest).or_insert(Entry::new(line, why));
        Ok(())
    }

    /// `0a1b, issuer=CN=Example CA # why`.
    ///
    /// A name may itself have a `#` in it, and one that was copied out of JSON has its backslashes twice. Where that
    /// leaves it open what is meant, the line stands for each name that it may be: nobody has two CAs of those names that
    /// gave out the same serial number.
    fn add_serial(&mut self, line: usize, text: &str) -> Result<(), LineFault> {
        let (serial, issuer) = text.split_once(',').ok_or(LineFault::WithoutIssuer)?;
        let (key, issuer) = issuer.split_once('=').ok_or(LineFault::WithoutIssuer)?;
        if key.trim() != "issuer" {
            return Err(LineFault::WithoutIssuer);
        }
        let serial = serial.trim();
        let cut = || was_cut(serial).then(|| serial.to_ascii_lowercase());
        let serial = canonical_serial(serial).or_else(cut).ok_or(LineFault::NoSerial)?;
        let commented = issuer.match_indices(" #").take(COMMENTS);
        let commented = commented.map(|(at, _)| (&issuer[..at], Some(&issuer[at + 2..])));
        let mut readings = Vec::new();
        for (name, why) in commented.chain([(issuer, None)]) {
            let unescaped = serde_json::from_str::<String>(&format!("\"{}\"", name.trim())).ok();
            let names = [Some(name), unescaped.as_deref().filter(|other| *other != name.trim())];
            let names = names.into_iter().flatten().filter_map(listed);
            readings.extend(names.map(|name| (name, Entry::new(line, why))));
        }
        if readings.is_empty() {
            return Err(LineFault::NoName);
        }
        self.serials.entry(serial).or_default().extend(readings);
        Ok(())
    }

    /// How many certificates or keys it names.
    pub fn len(&self) -> usize {
        let of_serials = self.serials.values().flatten().map(|(_, entry)| entry.line);
        let lines: BTreeSet<_> = of_serials.collect();
        self.fingerprints.len() + self.keys.len() + lines.len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty() && self.keys.is_empty() && self.serials.is_empty()
    }

    /// The line with this certificate or its key.
    pub fn find(&self, certificate: &X509Certificate<'_>) -> Option<&Entry> {
        if self.is_empty() {
            return None;
        }
        let by_fingerprint = || self.fingerprints.get(&Digest::of(certificate.as_raw()));
        let by_key = || self.keys.get(&Digest::of(certificate.public_key().raw));
        by_fingerprint().or_else(by_key).or_else(|| self.by_serial(certificate))
    }

    fn by_serial(&self, certificate: &X509Certificate<'_>) -> Option<&Entry> {
        if self.serials.is_empty() {
            return None;
        }
        let whole = self.serials.get(&serial_text(certificate.raw_serial()));
        // The log cuts long serial numbers.
        let cut_serial = || self.serials.get(&serial(certificate));
        let issuers = whole.or_else(cut_serial)?;
        let issuer = rfc4514(certificate.issuer());
        let (whole, cut) = (comparable(&issuer), comparable(&cut(issuer)));
        issuers.iter().find(|(name, _)| *name == whole || *name == cut).map(|(_, entry)| entry)
    }
}

impl Entry {
    fn new(line: usize, why: Option<&str>) -> Self {
        let why = why.map(|why| printable(why.trim())).filter(|why| !why.is_empty());
        Self { line, why }
    }
}

/// A name of a line, normalized for look-ups; `None` when it is not a name.
fn listed(name: &str) -> Option<String> {
    let name = name.trim();
    // Only the log writes that mark, so the name already has the right form.
    if was_cut(name) {
        return Some(comparable(name));
    }
    Some(comparable(&canonical_dn_of_any_length(name).ok()?))
}

/// Whether the log has cut this text, which it marks by `…(+N bytes)`.
fn was_cut(text: &str) -> bool {
    let count = text.strip_suffix(" bytes)").and_then(|text| text.rsplit_once("…(+"));
    count.is_some_and(|(_, count)| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A name, normalized for comparison: case and the amount of white space are ignored (RFC 5280 section 7.1).
fn comparable(name: &str) -> String {
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines of a text, which may end in LF, CR LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

#[cfg(test)]
mod tests;
